from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import torch

from training import checkpoint, paths
from training.tests.fixtures import tiny_set

SCRIPT = Path(__file__).parents[1] / "background.sh"
ENDLESS = "tiny --backbone mnasnet --epochs 100000 --batch 2 --sizes 64 --eval-size 64 --width 8"
PATIENCE = 120  # seconds


@unittest.skipUnless(Path("/proc/self/stat").exists(), "needs Linux's /proc")
class Background(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        environment = mock.patch.dict(os.environ, TRACKER_RUNS=folder.name, PYTHON=sys.executable)
        environment.start()
        self.addCleanup(environment.stop)
        tiny_set(4)
        self.addCleanup(self.call, "stop")

    def call(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(SCRIPT), *arguments], capture_output=True, text=True, check=True, timeout=PATIENCE
        )
        return done.stdout

    def wait_for(self, path: Path) -> None:
        until = time.monotonic() + PATIENCE
        while not path.exists():
            self.assertLess(time.monotonic(), until, f"{path} did not appear")
            time.sleep(0.1)

    def group(self) -> int:
        return int((paths.run("tiny") / "group").read_text(encoding="utf-8"))

    def state(self) -> str:
        """The kernel's word on the run: R, S or T."""
        return Path(f"/proc/{self.group()}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]

    def test_pauses_goes_on_stops_and_starts_again(self) -> None:
        self.call("start", *ENDLESS.split())
        self.wait_for(paths.run("tiny") / "curve.csv")
        self.assertIn("tiny: running", self.call("status"))
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, self.group()), 19)
        session = Path(f"/proc/{self.group()}/autogroup")
        if session.exists():
            self.assertRegex(session.read_text(encoding="utf-8"), "nice 19")
        self.call("pause")
        self.assertEqual(self.state(), "T")
        self.assertIn("tiny: paused", self.call("status"))
        self.call("resume", "tiny")
        self.assertNotEqual(self.state(), "T")
        self.call("pause")
        self.call("stop", "tiny")  # also from a pause
        self.assertIn("tiny: stopped", self.call("status"))
        step = self.saved_step()
        self.assertGreater(step, 0)

        self.call("start", *ENDLESS.split())
        curve = paths.run("tiny") / "curve.csv"
        curve.unlink()
        self.wait_for(curve)
        self.call("stop", "tiny")
        self.assertGreater(self.saved_step(), step)
        log = (paths.run("tiny") / "log.txt").read_text(encoding="utf-8")
        self.assertIn(f"resume: step {step} of", log)

    def saved_step(self) -> int:
        state = torch.load(paths.run("tiny") / checkpoint.LAST, map_location="cpu")
        return int(state["progress"]["step"])


if __name__ == "__main__":
    unittest.main()
