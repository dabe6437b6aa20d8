"""Training of a generator against discriminators, each with an optimizer of its own, in turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import nn

from training.run import Run
from training.trainer import Trainer


class Networks(NamedTuple):
    """What a step trains.

    discriminators: None before [train] adversarial_after. critics: the same weights for the generator's loss,
    without the exchange of gradients among processes, which waits for some.
    """

    generator: nn.Module
    discriminators: nn.Module | None = None
    critics: nn.Module | None = None


class AdversarialTrainer(Trainer):
    """A Trainer whose train_step(networks, batch) yields its losses in turn.

    First the discriminators', where they are in play, then the generator's: (loss, metrics) each. The second
    is asked for when the discriminators have learned from the first. Checkpoints hold the generator as their
    model, and the discriminators with what is for resuming.
    """

    def __init__(
        self, run: Run, model: nn.Module, discriminators: nn.Module, describe: Callable[[], dict], lr=None
    ) -> None:
        super().__init__(run, model, describe, lr)
        self.discriminators = discriminators.to(run.device)
        self.their_optimizer = self._optimizer(self.discriminators)

    def _distribute(self) -> Networks:
        return Networks(self._parallel(self.model), self._parallel(self.discriminators), self.discriminators)

    def _advance(self, network: Networks, batch: dict, train_step: Callable) -> dict[str, float]:
        playing = self.step >= self.run.settings["adversarial_after"]
        if self.step == self.run.settings["adversarial_after"]:
            self.best = math.inf  # a wave that convinces is not the one with the least spectral distance
        losses = train_step(network if playing else Networks(network.generator), batch)
        metrics = {}
        if playing:
            theirs = self._descend(losses, self.discriminators, self.their_optimizer)
            metrics = {f"discriminators_{name}": value for name, value in theirs.items()}
        # Their weights want no gradient of the generator's loss; frozen, they do not ask for any.
        with frozen(self.discriminators):
            return {**self._descend(losses, self.model, self.optimizer), **metrics}

    def _descend(self, losses: Iterator, module: nn.Module, optimizer) -> dict[str, float]:
        return self._learn(lambda: next(losses), module, optimizer)

    def _state(self) -> dict:
        theirs = {"model": self.discriminators.state_dict(), "optimizer": self.their_optimizer.state_dict()}
        return {**super()._state(), "discriminators": theirs}

    def _restore(self, state: dict) -> None:
        super()._restore(state)
        self.discriminators.load_state_dict(state["discriminators"]["model"])
        self.their_optimizer.load_state_dict(state["discriminators"]["optimizer"])


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Parameters need no gradient inside."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
