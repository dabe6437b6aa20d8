"""A mixture of voices: log-mels between those that several acoustic models make of the same units.

Averaging mels was as good as averaging weights (docs/results.md has both), it needs no common ancestor of the
models, and it can change from frame to frame. That the mels of two voices can be averaged at all is due to
both having the pitch that they were given: their harmonics coincide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import tee

import numpy as np
import torch
from torch import Tensor, nn

from acoustic.model import AcousticModel
from audio import MEL_HOP, SAMPLE_RATE
from bands import LOW

Shares = Callable[[np.ndarray], np.ndarray]  # times [T] in seconds -> of each further model [V - 1, T]


class Blend(nn.Module):
    """Several models in the place of one."""

    def __init__(self, models: Sequence[AcousticModel], shares: Shares, start: float = 0.0) -> None:
        """models: all take the same units; the first has what the others' shares leave of 1.

        start: seconds of the recording before the first unit. Where the models' bands differ the mixture
        ends at 8 kHz; `band` is what it has.
        """
        super().__init__()
        self.models, self.shares, self.start = nn.ModuleList(models), shares, start
        bands = {model.band for model in models}
        # Above 8 kHz some voices say nothing: what all have are the 128 rows.
        self.band = bands.pop() if len(bands) == 1 else LOW
        self.level_db = models[0].level_db

    def since(self, start: float) -> Blend:
        """The same for units that begin so many seconds after the recording does."""
        return Blend(list(self.models), self.shares, start)

    @property
    def reach(self) -> int:
        """See AcousticModel.reach."""
        return max(model.reach for model in self.models)

    @torch.inference_mode()
    def generate(self, units: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Log-mel [B, T, n_mels] of units [B, N, in_dim]; see AcousticModel.generate."""
        return self._mixed([model.generate(units, lengths) for model in self.models], 0)

    @torch.inference_mode()
    def generate_pieces(self, pieces: Callable[[], Iterable[Tensor]], live: bool = False) -> Iterator[Tensor]:
        """Log-mels [1, T', n_mels] that follow one another; see AcousticModel.generate_pieces."""
        count = len(self.models)
        # What is live can be read once, and each model reads it.
        read = [lambda part=part: part for part in tee(pieces(), count)] if live else [pieces] * count
        made = [m.generate_pieces(own, live) for m, own in zip(self.models, read, strict=True)]
        at = 0
        for mels in in_step(made):
            yield self._mixed(mels, at)
            at += mels[0].shape[1]

    def _mixed(self, mels: Sequence[Tensor], first: int) -> Tensor:
        """The mixture of mels [B, T, n_mels] whose first frame is frame `first` of the whole."""
        mels = [mel[..., : self.band.n_mels] for mel in mels]
        frames = first + np.arange(mels[0].shape[1])
        others = self.shares(self.start + MEL_HOP * (frames + 0.5) / SAMPLE_RATE)
        others = torch.from_numpy(others).to(mels[0])[:, :, None]
        mixed = (1 - others.sum(0)) * mels[0]
        for mel, share in zip(mels[1:], others, strict=True):
            mixed += share * mel
        return mixed


def in_step(streams: Sequence[Iterable[Tensor]]) -> Iterator[list[Tensor]]:
    """Streams of [B, T', …], cut where one is cut: as many frames of each at a time.

    Models that reach differently far give their frames in different pieces.
    """
    sources, held = [iter(stream) for stream in streams], [None] * len(streams)
    while True:
        for place, source in enumerate(sources):
            while held[place] is None or not held[place].shape[1]:
                if (piece := next(source, None)) is None:
                    return
                held[place] = piece
        count = min(x.shape[1] for x in held)
        yield [x[:, :count] for x in held]
        held = [x[:, count:] for x in held]
