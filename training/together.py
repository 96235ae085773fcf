"""Several detectors side by side on one GPU, all of them done by a given time.

    python3 -m training.together start RUNS.json    # processes that compile, then wait
    python3 -m training.data ...                    # meanwhile the pictures are decoded
    python3 -m training.together go 590             # train; a run is over after its share of this
    python3 -m training.together wait
    python3 -m training.together collect FOLDER     # weights in half precision, scores and logs

RUNS.json names the runs, with their flags of training.train and the share of the time that each one
gets: {"mobilenetv2": {"flags": "--batch 32", "share": 0.6}}. The runs take turns on the GPU, so that
one computes while another starts kernels or reads labels; each fits its schedule into its time. A run
may name another one as its --teacher: it follows that one's weights as they learn.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from training import checkpoint, keep, paths

DEADLINE = "deadline"
PLAN = "plan.json"
LOOK_SECONDS = 0.2
PATIENCE = 3600  # seconds that a run waits for its deadline


def score(name: str, size: int, step: int) -> None:
    """Have a process of its own evaluate what a run has saved, on the CPU, if there is a `val`."""
    if not paths.packed("val"):
        return
    folder = paths.run(name)
    copied = folder / f"at-{step}.pt"  # the run will save again
    shutil.copy(checkpoint.own(name), copied)
    options = ["--size", str(size), "--threads", "1", "--json"]
    with (folder / f"score-{step}.json").open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "training.evaluate", str(copied), *options],
            stdin=subprocess.DEVNULL, stdout=out, start_new_session=True,
        )  # fmt: skip
    (folder / f"score-{step}.pid").write_text(str(process.pid), encoding="utf-8")


def told(file: Path) -> float:
    """Wait for a run's deadline, and read it: a Unix time."""
    until = time.time() + PATIENCE
    while not file.exists():
        if time.time() > until:
            raise SystemExit(f"{file}: no deadline in {PATIENCE} s")
        time.sleep(LOOK_SECONDS)
    return float(file.read_text(encoding="utf-8"))


def command(name: str, flags: str) -> list[str]:
    """What trains a run."""
    wait = ["--deadline", str(paths.run(name) / DEADLINE)]
    return [sys.executable, "-m", "training.train", name, *shlex.split(flags), *wait]


def start(plan: Path) -> None:
    """Start every run in a session of its own, so that it outlives the caller.

    What an earlier run of a name has left is removed, but for its weights: a teacher begins with them.
    """
    runs = json.loads(plan.read_text(encoding="utf-8"))
    paths.runs().mkdir(parents=True, exist_ok=True)
    shutil.copy(plan, paths.runs() / PLAN)
    for name, run in runs.items():
        folder = paths.run(name)
        folder.mkdir(parents=True, exist_ok=True)
        for pattern in (DEADLINE, "score-*", "at-*.pt"):
            for old in folder.glob(pattern):
                old.unlink()
        with (folder / "log.txt").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                command(name, run["flags"]), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        (folder / "group").write_text(str(process.pid), encoding="utf-8")


def planned() -> dict[str, dict[str, object]]:
    """The runs of the plan that was started."""
    return json.loads((paths.runs() / PLAN).read_text(encoding="utf-8"))


def go(seconds: float) -> None:
    """Tell every run its deadline."""
    now = time.time()
    for name, run in planned().items():
        file = paths.run(name) / DEADLINE
        partial = file.with_suffix(".partial")
        partial.write_text(str(now + seconds * float(str(run["share"]))), encoding="utf-8")
        os.replace(partial, file)


def running(file: Path) -> bool:
    """Whether the process whose number a file holds is there, and not a zombie."""
    try:
        pid = file.read_text(encoding="utf-8")
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def busy(name: str) -> bool:
    """Whether a run trains, or is still being scored."""
    folder = paths.run(name)
    return running(folder / "group") or any(running(f) for f in folder.glob("score-*.pid"))


def status() -> None:
    """A line for every run: what it said last."""
    for name in planned():
        said = (paths.run(name) / "log.txt").read_text(encoding="utf-8").strip().splitlines()
        print(f"{name:<14} {'runs' if busy(name) else 'ended'}: {said[-1][:160] if said else ''}")


def wait(seconds: float) -> None:
    """Until every run has ended and is scored, or so long."""
    until = time.time() + seconds
    while time.time() < until and any(busy(name) for name in planned()):
        time.sleep(LOOK_SECONDS)
    status()


def collect(folder: Path, names: list[str]) -> None:
    """Bring weights, scores and what was said into one folder; all runs' without names."""
    folder.mkdir(parents=True, exist_ok=True)
    since = (paths.runs() / PLAN).stat().st_mtime
    nothing = []
    for name in names or planned():
        saved = checkpoint.own(name)
        if not saved.exists() or saved.stat().st_mtime < since:
            nothing.append(name)
            continue
        print(keep.write(name, folder / f"{name}.pt"))
    said = {
        name: {
            file.name: file.read_text(encoding="utf-8")
            for pattern in ("log.txt", "score-*.json")
            for file in sorted(paths.run(name).glob(pattern))
        }
        for name in planned()
    }
    (folder / "said.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
    if nothing:
        raise SystemExit(f"{', '.join(nothing)}: nothing was saved; see said.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("start").add_argument("plan", type=Path)
    actions.add_parser("go").add_argument("seconds", type=float)
    actions.add_parser("status")
    actions.add_parser("wait").add_argument("seconds", type=float, nargs="?", default=1e9)
    collecting = actions.add_parser("collect")
    collecting.add_argument("folder", type=Path)
    collecting.add_argument("names", nargs="*", help="runs; all without")
    args = parser.parse_args()
    match args.action:
        case "start":
            start(args.plan)
        case "go":
            go(args.seconds)
        case "status":
            status()
        case "wait":
            wait(args.seconds)
        case "collect":
            collect(args.folder, args.names)


if __name__ == "__main__":
    main()
