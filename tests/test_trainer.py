"""The training loop: when it ends, what it saves first, what its checkpoints hold."""

import logging
import math
import re
import time

import pytest
import torch
from small_runs import Numbers, losses_of, small_run, square

from checkpoints import store
from common.cli import UserError
from training.trainer import Trainer

ABOUT = {"kind": "istft", "config": {"model": {}, "toml": {}}, "labels": None, "card": {}}
SHORT = {"batch_size": 2, "warmup_steps": 0, "log_every": 1, "keep": 9}


def trainer_of(out, **changed):
    out.mkdir(exist_ok=True)
    run = small_run(out, "acoustic", **{**SHORT, "validate_every": 1, **changed})
    torch.manual_seed(0)
    return Trainer(run, torch.nn.Linear(3, 1), lambda: ABOUT)


def test_a_run_ends_after_so_many_validations_without_a_gain(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    trainer = trainer_of(tmp_path, steps=20, patience=3)
    trainer.fit(Numbers(), square, losses_of([5.0, 4.0, 4.5, 3.0, 3.1, 3.0, 3.2]))
    assert trainer.step == 7 and "no gain in 3 validations: ended early, at step 7" in caplog.text
    assert store.load(tmp_path / "model-best.pt")["card"]["step"] == 4


def test_no_patience_is_no_end(tmp_path):
    trainer = trainer_of(tmp_path, steps=6, patience=0)
    trainer.fit(Numbers(), square, losses_of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert trainer.step == 6


def test_validations_without_a_gain_are_counted_across_a_resumption(tmp_path):
    trainer_of(tmp_path, steps=4, patience=3).fit(Numbers(), square, losses_of([1.0, 2.0, 2.0, 0.5]))
    trainer = trainer_of(tmp_path, steps=20, patience=3)
    trainer.resume(tmp_path / "model-3.pt")
    assert trainer.stale == 2
    trainer.fit(Numbers(), square, losses_of([2.0, 2.0]))
    assert trainer.step == 4


def test_a_step_is_saved_before_it_is_validated(tmp_path):
    def dies(model, step):
        raise RuntimeError("out of memory")

    trainer = trainer_of(tmp_path, steps=4, validate_every=2)
    with pytest.raises(RuntimeError, match="out of memory"):
        trainer.fit(Numbers(), square, dies)
    assert store.load(tmp_path / "model-2.pt")["training"]["step"] == 2
    again = trainer_of(tmp_path, steps=4, validate_every=2)
    again.resume(tmp_path / "model-2.pt")
    again.fit(Numbers(), square, losses_of([1.0, 0.5]))  # the validation that was lost comes first
    assert store.load(tmp_path / "model-4.pt")["card"]["metrics"] == {"loss": 0.5}


def test_the_best_checkpoint_holds_weights_alone_and_says_what_to_resume(tmp_path):
    trainer_of(tmp_path, steps=3).fit(Numbers(), square, losses_of([3.0, 1.0, 2.0]))
    best = store.load(tmp_path / "model-best.pt")
    assert "training" not in best and set(best["model"]) == {"weight", "bias"}
    assert "optimizer" in store.load(tmp_path / "model-3.pt")["training"]
    with pytest.raises(UserError, match=r"model-best.pt: has weights only.*--resume .*model-3.pt"):
        trainer_of(tmp_path, steps=9).resume(tmp_path / "model-best.pt")


def test_other_recordings_than_at_the_beginning_are_named(tmp_path, caplog):
    trainer_of(tmp_path, steps=1).fit(Numbers(), square, losses_of([1.0]))
    trainer = trainer_of(tmp_path, steps=2)
    trainer.resume(tmp_path / "model-1.pt")
    trainer.recordings = {"items": 4}
    trainer.fit(Numbers(), square, losses_of([math.inf]))
    assert "data: 5 training recordings, 4 when this run began" in caplog.text
    assert store.load(tmp_path / "model-2.pt")["training"]["recordings"] == {"items": 5}


def test_a_log_says_how_long_steps_waited_for_their_batches(tmp_path, caplog):
    caplog.set_level(logging.INFO)

    class Slow(Numbers):
        def collate(self, items):
            time.sleep(0.05)
            return super().collate(items)

    def step(network, batch):
        time.sleep(0.1)
        return square(network, batch)

    trainer_of(tmp_path, steps=4, log_every=4, validate_every=4).fit(Slow(), step, losses_of([1.0]))
    ((waited, rate),) = re.findall(r"waited ([\d.]+), ([\d.]+) steps/s", caplog.text)
    assert 0.05 <= float(waited) < 0.5 and 1 < float(rate) < 4 / 0.54  # without the wait for the first batch
