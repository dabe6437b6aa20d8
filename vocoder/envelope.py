"""What the rows of a mel say of the level of each bin: that of the noise whose mel they would be.

Networks give their filters relative to it, so that loud frames and soft ones are one and the same to them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from audio import MEL_HOP, N_FFT, mel_filters
from bands import Band, filters
from vocoder.frames import BIN_HZ

HANN_POWER = 3 / 8  # mean square of a Hann window
RAYLEIGH_MEAN = math.sqrt(math.pi) / 2  # of a magnitude, to its root mean square


@dataclass(frozen=True)
class Envelope:
    """Rows of a mel as lines over bins. weights [rows, bins]; offsets [rows]: nepers of a mel of noise whose
    windows (see frames.py) have passed filters of 1."""

    weights: Tensor
    offsets: Tensor

    def at_bins(self, rows: Tensor) -> Tensor:
        """Values of rows [B, T, rows] -> [B, T, bins], on lines between the rows' centres."""
        return rows @ self.weights.to(rows)

    def levels(self, rows: Tensor) -> Tensor:
        """Log-mel [B, T, rows] -> logarithms [B, T, bins] of the filters through which noise has that mel."""
        return self.at_bins(rows - self.offsets.to(rows))


@cache
def envelope(band: Band, first: int, count: int) -> Envelope:
    """Of the rows above 8 kHz of a wide band, else of the 128 rows, at `count` bins from `first` on."""
    shapes, n_fft = (filters(band), band.high_n_fft) if band.is_wide else (mel_filters(), N_FFT)
    shapes = shapes.numpy().astype(np.float64)
    sums, hertz = shapes.sum(axis=1), np.arange(shapes.shape[1]) * (band.rate / n_fft)
    centres, at = shapes @ hertz / sums, BIN_HZ * (first + np.arange(count))
    weights = np.stack([np.interp(at, centres, row) for row in np.eye(len(centres))])
    # Of variance one at 16 kHz, noise of the same density has a larger one at a higher rate.
    magnitude = RAYLEIGH_MEAN * math.sqrt(HANN_POWER * n_fft * band.hop / MEL_HOP)
    found = weights, np.log(magnitude * sums)
    with torch.inference_mode(False):  # kept from a conversion, it must serve a training, too
        return Envelope(*(torch.from_numpy(x.astype(np.float32)) for x in found))
