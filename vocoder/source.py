"""Pulses and noise of a recording that is synthesised piece by piece: they go on where they were."""

from __future__ import annotations

import torch
from torch import Tensor

from audio import MEL_HOP
from vocoder.pulses import frame_turns, pulse_train


def fixed_noise(like: Tensor) -> torch.Generator:
    """The generator of a conversion's noise, the same at every call."""
    return torch.Generator(like.device).manual_seed(0)


class Source:
    """Phase and noise at any frame of a recording whose pieces overlap; call `at` before each piece."""

    def __init__(self) -> None:
        self.first = self.done = 0  # frame at which a piece begins, and up to which there was one before
        self.before = 0  # where the piece before began
        self.turns = self.wave = self.generator = None  # of the piece before: turns of its frames; its noise

    def at(self, first: int, done: int) -> Source:
        """The next piece begins at frame `first`, and was made before up to `done`; returns self."""
        self.before, self.first, self.done = self.first, first, done
        return self

    def pulses(self, f0: Tensor) -> Tensor:
        """F0 [B, T] in Hz -> [B, 160T], as `pulse_train` of the whole gives them.

        Where the piece before ended they have the turns that it had there: at its ends a piece knows neither
        the F0 beside it nor, where F0 is predicted, its own.
        """
        known = (
            None if self.turns is None else (self.done - self.first, self.turns[:, self.done - self.before])
        )
        self.turns = frame_turns(f0, known)
        return pulse_train(f0, self.turns)

    def noise(self, mel: Tensor) -> Tensor:
        """White noise [B, 160T] of variance one, the same wherever pieces overlap."""
        self.generator = self.generator or fixed_noise(mel)
        samples = MEL_HOP * mel.shape[-1]
        held = mel.new_zeros(len(mel), 0)
        if self.wave is not None:
            held = self.wave[:, MEL_HOP * (self.first - self.before) :]
        missing = (len(mel), samples - held.shape[1])
        new = torch.randn(missing, generator=self.generator, dtype=mel.dtype, device=mel.device)
        self.wave = torch.cat([held, new], dim=1)
        return self.wave
