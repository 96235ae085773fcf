from __future__ import annotations

import csv
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from training import checkpoint, keep, paths, train
from training.checkpoint import Settings
from training.data import CLASSES
from training.tests.fixtures import TinyRuns

TINY = Settings(backbone="mnasnet", epochs=2, batch=2, sizes=(64, 96), eval_size=64, width=8)


def start(name: str, settings: Settings = TINY) -> train.Run:
    run = train.Run(name, settings, torch.device("cpu"))
    run.resume()
    return run


class Training(TinyRuns):
    def test_a_resumed_run_is_the_same_run(self) -> None:
        whole = start("whole")
        whole.train(seconds=600)
        first = start("cut")
        first._step()
        first.save(checkpoint.LAST)
        second = start("cut")
        self.assertEqual(second.progress.step, 1)
        second.train(seconds=600)
        self.assertEqual(second.progress.step, 4)
        for name, value in whole.ema.state_dict().items():
            self.assertTrue(torch.equal(value, second.ema.state_dict()[name]), name)

    def test_an_optimiser_that_starts_anew_is_told(self) -> None:
        start("groups").save(checkpoint.LAST)
        path = paths.run("groups") / checkpoint.LAST
        state = checkpoint.read(path)
        whole = state["optimiser"]["param_groups"]
        for groups, anew in ((whole, False), (whole[:1], True)):
            state["optimiser"]["param_groups"] = groups
            checkpoint.save(path, state)
            with mock.patch("builtins.print") as told:
                start("groups")
            self.assertEqual("the optimiser starts anew" in str(told.call_args_list), anew)

    def test_writes_the_curve_and_the_best_weights(self) -> None:
        run = start("curve")
        run.train(seconds=600)
        with (paths.run("curve") / "curve.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([r["epoch"] for r in rows], ["1", "2"])
        self.assertEqual([r["pictures"] for r in rows], ["4", "8"])
        self.assertEqual(set(rows[0]), {*train.LOG, *train.RESULT})
        model = checkpoint.load_detector("curve")
        with torch.no_grad():
            out = model(torch.zeros(1, 3, 64, 64))
        self.assertTrue(bool(torch.isfinite(out.boxes).all()))

    def test_pictures_grow_from_a_small_start(self) -> None:
        run = start("small", replace(TINY, sizes=(320,), small_start=0.6, epochs=10))
        sizes = []
        for run.progress.step in (0, 3, 6, 9, 12, 19):
            sizes.append(run._size(torch.Generator()))
        self.assertEqual(sizes, [192, 224, 256, 288, 320, 320])

    def test_a_resumed_run_says_what_it_began_with(self) -> None:
        start("one").save(checkpoint.BEST)
        settings = replace(TINY, start="one")
        first = start("two", settings)
        first.train(seconds=600)
        state = checkpoint.read(paths.run("two") / checkpoint.BEST)
        checkpoint.save(paths.run("one") / checkpoint.BEST, state)  # what it began with has changed
        self.assertEqual(start("two", settings).start, first.start)

    def test_stops_when_asked_and_leaves_a_checkpoint(self) -> None:
        run = start("stopped")
        with mock.patch.object(train.Stop, "asked", True):
            run.train(seconds=600)
        self.assertEqual(run.progress.step, 0)
        self.assertTrue((Path(paths.run("stopped")) / checkpoint.LAST).exists())

    def test_a_machine_without_a_checkpoint_goes_on_from_the_repository(self) -> None:
        start("kept").train(seconds=600)
        best = checkpoint.read(paths.run("kept") / checkpoint.BEST)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kept.pt"
            with mock.patch.object(checkpoint, "kept", lambda _: path):
                keep.keep("kept")
                for file in (checkpoint.LAST, checkpoint.BEST):
                    (paths.run("kept") / file).unlink()
                second = start("kept")
                other = start("kept", Settings(**{**vars(TINY), "rate": 0.5}))
        self.assertEqual((second.progress.step, other.progress.step), (best["progress"]["step"], 0))
        for name, value in second.model.state_dict().items():
            self.assertTrue(torch.allclose(value.float(), best["ema"][name].float(), rtol=2e-3, atol=2e-3), name)

    def test_a_trained_backbone_learns_slower_on_a_machine_without_its_weights(self) -> None:
        first = start("trained")
        first.start = "ImageNet weights"
        first.save(checkpoint.BEST)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trained.pt"
            with mock.patch.object(checkpoint, "kept", lambda _: path):
                keep.keep("trained")
                (paths.run("trained") / checkpoint.BEST).unlink()
                second = start("trained")
        second._step()
        rates = [group["lr"] for group in second.optimiser.param_groups]
        share = TINY.backbone_rate
        self.assertEqual([rate / max(rates) for rate in rates], [share, share, 1.0, 1.0])

    def test_a_rare_class_comes_oftener(self) -> None:
        run = start("balanced", replace(TINY, epochs=300, balance=1.0))
        run.store.classes[3] = CLASSES.index("cat")  # one of the four: twice as often
        run.store.classes[:3] = CLASSES.index("dog")  # three of the four
        np.testing.assert_allclose(run.repeats, [(4 / 3) ** 0.5] * 3 + [2], rtol=1e-6)
        count = torch.zeros(4)
        for step in range(run.steps):
            run.progress.step = step
            count.index_add_(0, run._pictures(), torch.ones(TINY.batch))
        share = count / count.sum()
        self.assertAlmostEqual(float(share[3]), 2 / (2 + 3 * (4 / 3) ** 0.5), delta=0.05)

    def test_without_balance_an_epoch_has_every_picture_once(self) -> None:
        run = start("even")
        shown = []
        for step in range(run.epoch_steps):
            run.progress.step = step
            shown += run._pictures().tolist()
        self.assertEqual(sorted(shown), [0, 1, 2, 3])

    def test_other_settings_do_not_continue_a_run(self) -> None:
        start("run").save(checkpoint.LAST)
        with self.assertRaisesRegex(SystemExit, "other settings"):
            start("run", Settings(**{**vars(TINY), "rate": 0.5}))

    def test_a_trained_backbone_is_frozen_then_freed_but_for_its_stem(self) -> None:
        run = start("frozen")
        run.start = "ImageNet weights"

        def learning() -> list[bool]:
            run._freeze(run.epoch < run.settings.frozen_epochs)
            stages = run.model.backbone.stages
            return [all(p.requires_grad for p in stage.parameters()) for stage in stages]

        self.assertEqual(learning(), [False] * 4)
        run.progress.step = run.epoch_steps
        self.assertEqual(learning(), [False, True, True, True])
        self.assertFalse(run.model.backbone.stages[2][0][0].layers[1].training)
        self.assertTrue(run.model.neck.lateral[0][1].training)
        run.settings = replace(run.settings, norms_learn=True)
        learning()
        self.assertTrue(run.model.backbone.stages[2][0][0].layers[1].training)
        self.assertFalse(run.model.backbone.stages[0][1].training)

    def test_the_rate_warms_up_and_falls(self) -> None:
        run = start("rate", Settings(**{**vars(TINY), "warmup": 10, "epochs": 100}))
        rates = []
        for step in range(run.steps):
            run.progress.step = step
            rates.append(run._rate())
        self.assertAlmostEqual(rates[0], 1e-4, places=6)
        self.assertGreater(max(rates), 0.99e-3)
        self.assertLess(rates[-1], 1.1e-5)


class Flags(TinyRuns):
    def test_every_setting_is_a_flag(self) -> None:
        args = train.options().parse_args(["mnasnet", "--epochs", "3", "--sizes", "64", "96"])
        made = train.settings_from(args)
        self.assertEqual((made.backbone, made.epochs, made.sizes), ("mnasnet", 3, (64, 96)))
        args = train.options().parse_args(["second", "--backbone", "resnet", "--rate", "0.1"])
        made = train.settings_from(args)
        self.assertEqual((made.backbone, made.rate), ("resnet", 0.1))


if __name__ == "__main__":
    unittest.main()
