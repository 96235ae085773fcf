"""Keep what a run has learned in the repository, in half precision.

    python3 -m training.keep mobilenetv2

Where a machine has no checkpoint of its own, training goes on from there.
"""

from __future__ import annotations

import argparse

from training import checkpoint


def keep(name: str) -> str:
    """Write models/NAME.pt from the run's best checkpoint, and say what is in it."""
    state = checkpoint.read(checkpoint.find(name))
    state["ema"] = {key: value.half() if value.is_floating_point() else value for key, value in state["ema"].items()}
    path = checkpoint.kept(name)
    checkpoint.save(path, state)
    return f"{path}: step {state['progress']['step']}, AP {state['progress']['best']:.4f}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="name of a run")
    print(keep(parser.parse_args().run))


if __name__ == "__main__":
    main()
