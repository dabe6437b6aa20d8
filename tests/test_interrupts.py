"""Ctrl-C while training: what was interrupted and resumed equals what was not, wherever it came."""

import argparse
import signal
import threading
from dataclasses import replace

import pytest
import torch

from checkpoints import store
from common.presets import load_config
from training import interrupts
from training.adversarial import AdversarialStep, AdversarialTrainer
from training.run import start
from training.trainer import cli

SETTINGS = {
    "steps": 4,
    "batch_size": 2,
    "lr": 1e-2,
    "betas": [0.9, 0.99],
    "weight_decay": 0.0,
    "max_norm": 10.0,
    "warmup_steps": 0,
    "validate_every": 2,
    "log_every": 1,
    "keep": 9,
    "adversarial_after": 1,
}


@pytest.fixture(autouse=True)
def ctrl_c_raises():
    """As in a terminal; a shell starts jobs in the background without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


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


class Numbers(torch.utils.data.Dataset):
    """Five items; `collate` stacks."""

    def __len__(self):
        return 5

    def __getitem__(self, at):
        return torch.full((3,), float(at[0]))

    def collate(self, items):
        return {"x": torch.stack(items)}


def run_once(out, resume=None, steps=4, at=None):
    """Train a generator of three weights. at: (place, step) where Ctrl-C is pressed, once."""
    given = dict.fromkeys(("config", "batch_size", "keep"))
    args = argparse.Namespace(
        **given, steps=steps, device="cpu", amp="off", seed=1, num_workers=0, data=out.parent, out=out
    )
    config = load_config()
    config["train"]["vocoder"] |= SETTINGS
    run = start(args, "vocoder", config)
    about = {"kind": "istft", "config": {"model": {}, "toml": {}}, "labels": None, "card": {}}
    torch.manual_seed(0)
    nets = torch.nn.Linear(3, 1), torch.nn.Linear(1, 1)
    trainer = AdversarialTrainer(run, *nets, lambda: about)
    pressed = []

    def press(place):
        if (place, trainer.step) == at and not pressed:
            pressed.append(place)
            ctrl_c()

    def discriminator_loss(discriminators, batch, made):
        return discriminators(made.detach()).square().mean(), {}

    def generator_loss(discriminators, batch, made):
        if discriminators is not None:
            press("between the two halves of a step")
        return (discriminators or trainer.discriminators)(made).square().mean(), {}

    step = AdversarialStep(lambda generator, batch: generator(batch["x"]), discriminator_loss, generator_loss)

    def validate(model, step):
        press("in a validation")
        return {"loss": float(model(torch.ones(1, 3)).detach().abs())}

    save = store.save

    def slow(path, checkpoint):
        save(path, checkpoint)
        press("between two files")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "save", slow)
        if resume:
            trainer.resume(resume)
        trainer.fit(Numbers(), step, validate)
    return trainer


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
