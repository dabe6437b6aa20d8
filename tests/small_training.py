"""A training of three weights, for tests of what happens around one: interrupts, checkpoints, folders."""

import argparse
import signal

import pytest
import torch
from small_runs import Numbers

from checkpoints import places, store
from common.presets import load_config
from training.adversarial import AdversarialStep, AdversarialTrainer
from training.run import start

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
}


@pytest.fixture
def ctrl_c_raises():
    """As in a terminal; a shell starts jobs in the background without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


def arguments(out, **given):
    """The arguments that all train scripts have, of a run in `out`."""
    defaults = dict.fromkeys(("config", "batch_size", "micro_batch", "keep", "resume"))
    defaults |= {"steps": 4, "device": "cpu", "amp": "off", "seed": 1, "num_workers": 0, "overwrite": False}
    return argparse.Namespace(**{**defaults, "data": out.parent, "out": out, **given})


def run_once(out, resume=None, steps=4, at=None, losses=None, overwrite=False, press=ctrl_c, after=1):
    """Train a generator of three weights.

    at: (place, step) where `press` is called, once; losses: {step: loss} that validations give; after: the
    step from which on there are discriminators.
    """
    args = arguments(out, resume=resume, steps=steps, overwrite=overwrite)
    config = load_config()
    config["train"]["vocoder"] |= {**SETTINGS, "adversarial_after": after}
    run = start(args, "vocoder", config)
    about = {"kind": "istft", "config": {"model": {}, "toml": {}}, "labels": None, "card": {}}
    torch.manual_seed(0)
    nets = torch.nn.Linear(3, 1), torch.nn.Linear(1, 1)
    trainer = AdversarialTrainer(run, *nets, lambda: about)
    pressed = []

    def reach(place):
        if (place, trainer.step) == at and not pressed:
            pressed.append(place)
            press()

    def discriminator_loss(discriminators, batch, made):
        return discriminators(made.detach()).square().mean(), {}

    def generator_loss(discriminators, batch, made):
        if discriminators is not None:
            reach("between the two halves of a step")
        return (discriminators or trainer.discriminators)(made).square().mean(), {}

    step = AdversarialStep(lambda generator, batch: generator(batch["x"]), discriminator_loss, generator_loss)

    def validate(model, step):
        reach("in a validation")
        if losses:
            return {"loss": losses[step]}
        return {"loss": float(model(torch.ones(1, 3)).detach().abs())}

    save = store.save

    def slow(path, checkpoint):
        save(path, checkpoint)
        if path.name == places.BEST:  # the checkpoint of the step is still to come
            reach("between two files")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "save", slow)
        if resume:
            trainer.resume(resume)
        trainer.fit(Numbers(), step, validate)
    return trainer
