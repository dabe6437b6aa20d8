"""Pulses and noise of a recording that is synthesised piece by piece: they go on where they were."""

from __future__ import annotations

import torch
from torch import Tensor

from audio import MEL_HOP
from vocoder.pulses import frame_turns

AT_ONCE = 16


def fixed_noise(like: Tensor, hop: int = MEL_HOP) -> torch.Generator:
    """The generator of a conversion's noise, the same at every call; of another rate another one."""
    return torch.Generator(like.device).manual_seed(hop - MEL_HOP)


def white_noise(like: Tensor, hop: int, frames: int, generator: torch.Generator | None = None) -> Tensor:
    """[B, hop frames] of variance one for a mel [B, n_mels, T]; frames drawn in turn are those drawn at once.

    torch draws sixteen numbers at a time, so each frame takes a multiple of them.
    """
    shape = (len(like), frames, hop + -hop % AT_ONCE)
    drawn = torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)
    return drawn[..., :hop].flatten(1)


class Source:
    """Phase and noise at any frame of a recording whose pieces overlap; call `at` before each piece."""

    def __init__(self) -> None:
        self.first = self.done = 0  # frame at which a piece begins, and up to which there was one before
        self.before = 0  # where the piece before began
        self.turns = None  # of the frames of the piece before
        self.waves: dict[int, Tensor] = {}  # its noise, by the hop of its rate
        self.generators: dict[int, torch.Generator] = {}

    def at(self, first: int, done: int) -> Source:
        """The next piece begins at frame `first`, and was made before up to `done`; returns self."""
        self.before, self.first, self.done = self.first, first, done
        return self

    def frame_turns(self, f0: Tensor) -> Tensor:
        """F0 [B, T] in Hz -> those of the function of this name [B, T], as the whole has them.

        Where the piece before ended they have the turns that it had there: at its ends a piece knows neither
        the F0 beside it nor, where F0 is predicted, its own.
        """
        known = (
            None if self.turns is None else (self.done - self.first, self.turns[:, self.done - self.before])
        )
        self.turns = frame_turns(f0, known)
        return self.turns

    def noise(self, mel: Tensor, hop: int = MEL_HOP) -> Tensor:
        """White noise [B, hop T] of variance one, the same wherever pieces overlap."""
        generator = self.generators.setdefault(hop, fixed_noise(mel, hop))
        held = mel.new_zeros(len(mel), 0)
        if hop in self.waves:
            held = self.waves[hop][:, hop * (self.first - self.before) :]
        missing = mel.shape[-1] - held.shape[1] // hop
        self.waves[hop] = torch.cat([held, white_noise(mel, hop, missing, generator)], dim=1)
        return self.waves[hop]
