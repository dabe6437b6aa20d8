"""Ctrl-C while training: what was interrupted and resumed equals what was not, wherever it came."""

import signal
import threading
from dataclasses import replace

import pytest
import torch
from small_training import Numbers, ctrl_c, ctrl_c_raises, run_once  # noqa: F401

from checkpoints import store
from training import interrupts
from training.adversarial import AdversarialStep
from training.trainer import cli

pytestmark = pytest.mark.usefixtures("ctrl_c_raises")


def test_a_block_is_ended_before_ctrl_c_is_heard():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with interrupts.held():
            ctrl_c()
            done.append("block")
        done.append("after")
    assert done == ["block"]


def test_a_second_ctrl_c_breaks_the_block_off():
    with pytest.raises(interrupts.BrokenOff), interrupts.held():
        ctrl_c()
        ctrl_c()


def test_who_handles_ctrl_c_in_another_way_is_left_alone():
    calls = []
    signal.signal(signal.SIGINT, lambda *_: calls.append("theirs"))
    with interrupts.held():
        ctrl_c()
        assert calls == ["theirs"]
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def elsewhere():
        with interrupts.held():
            calls.append("thread")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert calls == ["theirs", "thread"]


@pytest.mark.parametrize(
    ("at", "saved"),
    [
        (("between the two halves of a step", 2), 3),
        (("in a validation", 2), 2),
        (("in a validation", 4), 4),
        (("between two files", 2), 2),
    ],
    ids=lambda value: value if isinstance(value, int) else f"{value[0]} {value[1]}",
)
def test_interrupted_and_resumed_is_uninterrupted(tmp_path, at, saved):
    run_once(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_once(tmp_path / "again", at=at)
    run_once(tmp_path / "again", resume=tmp_path / "again" / f"model-{saved}.pt")
    for name in ("model-2.pt", "model-4.pt", "model-best.pt"):
        one, two = (store.load(tmp_path / folder / name) for folder in ("whole", "again"))
        assert one["card"] == two["card"]
        weights = [(one["model"], two["model"])]
        if name == "model-best.pt":
            assert "training" not in one and "training" not in two
        else:
            states = one["training"], two["training"]
            assert states[0]["step"] == states[1]["step"] and states[0]["best"] == states[1]["best"]
            weights.append([state["discriminators"]["model"] for state in states])
        assert all(torch.equal(ours[key], again[key]) for ours, again in weights for key in ours)


def test_a_step_that_is_broken_off_is_not_saved(tmp_path):
    def twice(step):
        ctrl_c()
        ctrl_c()

    out = tmp_path / "run"
    trainer = run_once(out, steps=2)
    trainer.run.settings = replace(trainer.run.settings, steps=4)
    with pytest.raises(interrupts.BrokenOff):
        trainer.fit(Numbers(), AdversarialStep(lambda *_: twice(trainer.step), None, None), None)
    assert sorted(path.name for path in out.glob("*.pt")) == ["model-2.pt", "model-best.pt"]
    assert "broken off" in (out / "logs" / "run.log").read_text(encoding="utf-8")


def test_a_run_that_is_done_asks_for_more_steps(tmp_path):
    run_once(tmp_path / "run", steps=2)
    with pytest.raises(cli.UserError, match="give more steps"):
        run_once(tmp_path / "run", resume=tmp_path / "run" / "model-2.pt", steps=2)
