"""F0 of 20 ms units brought to the 10 ms frames of a mel, for vocoders that are conditioned on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Span(NamedTuple):
    """Units start to stop of a recording, played in the time of `units`, of which `edge` go at both ends."""

    start: int
    stop: int
    units: int
    edge: int = 0

    @classmethod
    def whole(cls, units: int) -> Span:
        """All of a recording, at its own speed."""
        return cls(0, units, units)


def frame_f0(f0: np.ndarray, span: Span) -> tuple[np.ndarray, np.ndarray]:
    """F0 [N] of units in Hz, 0 = unvoiced -> (Hz float32 [T], voiced bool [T]) of a span's mel frames.

    Log-F0 is interpolated, through unvoiced gaps too, and held at the ends; 0 where nothing is voiced.
    """
    speed = (span.stop - span.start) / span.units
    frames = np.arange(2 * span.edge, 2 * (span.units - span.edge))
    place = span.start + (frames / 2 + 0.25) * speed - 0.5  # among the units' centres
    known = np.flatnonzero(f0)
    if not len(known):
        return np.zeros(len(frames), np.float32), np.zeros(len(frames), bool)
    hertz = speed * np.exp(np.interp(place, known, np.log(f0[known])))
    nearest = np.clip(np.round(place), 0, len(f0) - 1).astype(int)
    return hertz.astype(np.float32), f0[nearest] > 0


def synthesise(vocoder, mel: Tensor, f0: np.ndarray | None) -> Tensor:
    """mel [1, n_mels, 2N] and F0 [N] of its units in Hz, 0 = unvoiced -> wav [1, 1, 320N].

    A vocoder that is not conditioned on F0 leaves it out; with None each goes by the mel alone.
    """
    if f0 is None or not vocoder.conditioned_on_f0:
        return vocoder(mel)
    hertz, voiced = (torch.from_numpy(x)[None].to(mel.device) for x in frame_f0(f0, Span.whole(len(f0))))
    return vocoder(mel, hertz.to(mel), voiced)
