from __future__ import annotations

import json
import sys
import time
import unittest
from pathlib import Path
from unittest import mock

from training import checkpoint, paths, together
from training.tests.fixtures import TinyRuns
from training.tests.test_train import TINY, start

PATIENCE = 300  # seconds, of a busy machine
TINY_FLAGS = "--backbone mnasnet --batch 2 --sizes 64 --eval-size 64 --width 8 --threads 1"


class Deadlines(TinyRuns):
    def test_a_run_fits_its_schedule_into_the_time(self) -> None:
        run = start("timed")
        until = time.time() + 3
        run.warm()
        before = {k: v.clone() for k, v in run.model.state_dict().items()}
        run.train_until(until)
        self.assertGreaterEqual(time.time(), until)
        self.assertEqual(run.done, 1)
        self.assertAlmostEqual(run._rate() / TINY.rate, 0.01 * min(1, (run.progress.step + 1) / TINY.warmup), places=4)
        self.assertFalse(all(v.equal(before[k]) for k, v in run.model.state_dict().items()))
        self.assertEqual(checkpoint.read(checkpoint.find("timed"))["progress"]["step"], run.progress.step)

    def test_warming_up_changes_nothing(self) -> None:
        run = start("warm")
        before = {k: v.clone() for k, v in run.model.state_dict().items()}
        run.warm()
        for key, value in run.model.state_dict().items():
            self.assertTrue(value.equal(before[key]), key)
        self.assertTrue(all(p.grad is None for p in run.model.parameters()))

    def test_waits_for_its_deadline(self) -> None:
        file = paths.runs() / "deadline"
        with mock.patch.object(together, "PATIENCE", 0.3), self.assertRaisesRegex(SystemExit, "no deadline"):
            together.told(file)
        file.write_text("12.5", encoding="utf-8")
        self.assertEqual(together.told(file), 12.5)


@unittest.skipUnless(Path("/proc/self/stat").exists(), "needs Linux's /proc")
class Together(TinyRuns):
    def plan(self, flags: dict[str, str]) -> Path:
        plan = paths.runs() / "given.json"
        runs = {name: {"flags": f, "share": 1} for name, f in flags.items()}
        plan.write_text(json.dumps(runs), encoding="utf-8")
        return plan

    def warm(self, *names: str) -> None:
        """Wait until the runs wait."""
        until = time.time() + PATIENCE
        for name in names:
            while "warm" not in (paths.run(name) / "log.txt").read_text(encoding="utf-8"):
                self.assertLess(time.time(), until)
                self.assertTrue(together.busy(name))
                time.sleep(0.1)

    def test_runs_learn_side_by_side(self) -> None:
        start("one").save(checkpoint.BEST)
        together.start(
            self.plan({"one": TINY_FLAGS, "two": f"{TINY_FLAGS} --teacher one --start one"})
        )
        self.addCleanup(together.wait, PATIENCE)
        self.warm("one", "two")
        together.go(seconds=4)
        together.wait(PATIENCE)
        self.assertFalse(together.busy("one") or together.busy("two"))
        folder = paths.runs() / "out"
        together.collect(folder, [])
        state = checkpoint.read(folder / "two.pt")
        self.assertGreater(state["progress"]["step"], 0)
        self.assertIn("pictures before", state["start"])
        said = json.loads((folder / "said.json").read_text(encoding="utf-8"))
        last = f"score-{state['progress']['step']}.json"
        self.assertIn("ap50", json.loads(said["two"][last]))

    def test_a_run_that_saved_nothing_brings_no_weights(self) -> None:
        start("bad").save(checkpoint.BEST)
        time.sleep(0.02)  # so that the plan is newer
        together.start(self.plan({"bad": f"{TINY_FLAGS} --no-such-flag 1"}))
        together.wait(PATIENCE)
        folder = paths.runs() / "out"
        with self.assertRaisesRegex(SystemExit, "bad: nothing was saved"):
            together.collect(folder, [])
        self.assertFalse((folder / "bad.pt").exists())
        self.assertIn("no-such-flag", (folder / "said.json").read_text(encoding="utf-8"))

    def test_a_command_names_the_run_and_its_flags(self) -> None:
        line = together.command("a", "--batch 3 --sizes 1 2")
        self.assertEqual(line[:3], [sys.executable, "-m", "training.train"])
        self.assertEqual(line[3:8], ["a", "--batch", "3", "--sizes", "1"])


if __name__ == "__main__":
    unittest.main()
