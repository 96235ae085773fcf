"""Keep what a run has learned in the repository, in half precision.

    python3 -m training.keep mobilenetv2

Where a machine has no checkpoint of its own, training goes on from there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training import checkpoint


def write(name: str, path: Path) -> str:
    """Write the run's best checkpoint in half precision, and say what is in it."""
    state = checkpoint.read(checkpoint.own(name))
    state["ema"] = {k: v.half() if v.is_floating_point() else v for k, v in state["ema"].items()}
    checkpoint.save(path, state)
    pictures = state["progress"]["step"] * checkpoint.settings_of(state).batch
    return f"{path}: {pictures} pictures, from {state['start']}"


def keep(name: str) -> str:
    """The same into models/NAME.pt."""
    return write(name, checkpoint.kept(name))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="name of a run")
    print(keep(parser.parse_args().run))


if __name__ == "__main__":
    main()
