"""Training of a generator against discriminators, each with an optimizer of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from training.batches import share
from training.run import Run
from training.trainer import Trainer

Loss = tuple[Tensor, dict[str, float]]  # and metrics


class AdversarialStep(NamedTuple):
    """What an AdversarialTrainer does with a batch.

    synthesise(generator, batch): what the generator makes of it, in a form that the other two take.
    discriminator_loss(discriminators, batch, generated), generator_loss(discriminators, batch, generated):
    the latter with discriminators None before [train] adversarial_after.
    """

    synthesise: Callable[[nn.Module, dict], Any]
    discriminator_loss: Callable[[nn.Module, dict, Any], Loss]
    generator_loss: Callable[[nn.Module | None, dict, Any], Loss]


class AdversarialTrainer(Trainer):
    """A Trainer whose `fit` takes an AdversarialStep: the discriminators learn, then the generator.

    wrap(model): the module whose `forward` a step calls, where that is not the model's own. Checkpoints hold
    the generator as their model, and the discriminators with what is for resuming.
    """

    def __init__(
        self,
        run: Run,
        model: nn.Module,
        discriminators: nn.Module,
        describe: Callable[[], dict],
        lr: float | None = None,
        wrap: Callable[[nn.Module], nn.Module] = lambda model: model,
    ) -> None:
        super().__init__(run, model, describe, lr)
        self.wrap = wrap
        self.discriminators = discriminators.to(run.device)
        self.discriminator_optimizer = self._optimizer(self.discriminators)

    def _distribute(self) -> tuple[nn.Module, nn.Module]:
        return self.run.parallel(self.wrap(self.model)), self.run.parallel(self.discriminators)

    def _advance(self, networks: tuple[nn.Module, nn.Module], batch: dict, step: AdversarialStep) -> dict:
        generator, discriminators = networks
        with self._autocast():
            generated = step.synthesise(generator, batch)
        if self.step < self.run.settings.adversarial_after:
            return self._learn(
                lambda: step.generator_loss(None, batch, generated), self.model, self.optimizer
            )
        theirs = self._learn(
            lambda: step.discriminator_loss(discriminators, batch, generated),
            self.discriminators,
            self.discriminator_optimizer,
        )
        # Not the distributed discriminators: those exchange gradients, and frozen ones have none.
        with frozen(self.discriminators):
            ours = self._learn(
                lambda: step.generator_loss(self.discriminators, batch, generated), self.model, self.optimizer
            )
        return {**ours, **{f"discriminators_{name}": value for name, value in theirs.items()}}

    def _stage(self, step: int) -> int:
        # A wave that convinces is not the one with the least spectral distance.
        return super()._stage(step) + (step > self.run.settings.adversarial_after)

    def _advance_in_parts(self, networks, parts: list[dict], step: AdversarialStep) -> dict:
        """As `_advance`, but the waves are made again for the generator: to keep all takes memory."""
        generator, discriminators = networks
        adversarial = self.step >= self.run.settings.adversarial_after

        def theirs(part: dict) -> Loss:
            with torch.no_grad():
                generated = step.synthesise(generator, part)
            return weighted(step.discriminator_loss(discriminators, part, generated), part)

        def ours(part: dict) -> Loss:
            against = self.discriminators if adversarial else None
            return weighted(step.generator_loss(against, part, step.synthesise(generator, part)), part)

        metrics = {}
        if adversarial:
            asks = [partial(theirs, part) for part in parts]
            found = self._descend(asks, self.discriminators, self.discriminator_optimizer, discriminators)
            metrics = {f"discriminators_{name}": value for name, value in found.items()}
        with frozen(self.discriminators) if adversarial else nullcontext():
            asks = [partial(ours, part) for part in parts]
            return {**self._descend(asks, self.model, self.optimizer, generator), **metrics}

    def _state(self) -> dict:
        theirs = {
            "model": self.discriminators.state_dict(),
            "optimizer": self.discriminator_optimizer.state_dict(),
        }
        return {**super()._state(), "discriminators": theirs}

    def _restore(self, state: dict) -> None:
        super()._restore(state)
        self.discriminators.load_state_dict(state["discriminators"]["model"])
        self.discriminator_optimizer.load_state_dict(state["discriminators"]["optimizer"])


def weighted(loss: Loss, part: dict) -> Loss:
    """A part's mean loss by the fraction of the batch that it is, and its metrics."""
    return loss[0] * share(part), loss[1]


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Parameters need no gradient inside."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
