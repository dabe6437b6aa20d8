"""Crops of waves at more than 16 kHz, for vocoders of such a rate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audio import LOG_FLOOR, N_MELS, log_mel
from bands import Band, high_mel, lowered
from common.limiter import PEAK_LIMIT, peak_of
from preprocessing.data_folder import DataFolder
from preprocessing.wide_folder import WideFolder
from training.datasets import WavDataset
from vocoder.frame_f0 import Span


class WideWavDataset(WavDataset):
    """{mels [n_mels, T], wavs [1, hop T], bandwidth [], in Hz} of recordings at the rate of a band.

    The other arguments are those of WavDataset, whose crops it has: the lower rows are those of the same
    stretch at 16 kHz. bandwidth: up to where the crop says how a recording sounds, at whatever speed it is
    played. Of mels made elsewhere, the rows above 8 kHz are the recording's own where they have none.
    """

    def __init__(self, folder: DataFolder, keys: list[str], *shown: Any, band: Band, **more: Any) -> None:
        super().__init__(folder, keys, *shown, **more)
        self.band, self.unit, self.wide = band, band.unit, WideFolder(folder, band)

    def _waves(self, key: str, span: Span, gain: float, kind: str | None) -> dict[str, Tensor]:
        units = span.stop - span.start
        wide = self.wide.crop(key, span.start, units) * np.float32(gain)
        if span.edge:
            # At 16 kHz it is made of what was played, as recordings are: the prepared wav played slower ends
            # below 8 kHz, and without the roll-off of their resampler a mel says more of the last bins.
            wide = self._play(wide, span)
            low = lowered(wide, self.band)
        else:
            low = self.folder.crop(key, span.start, units) * np.float32(gain)
        scale = np.float32(PEAK_LIMIT / max(peak_of(low), peak_of(wide), PEAK_LIMIT))
        low, wide = low * scale, wide * scale
        mel = log_mel(low) if kind is None else self._made(kind, key, span)
        bandwidth = self.wide.bandwidth(key) * units / span.units
        if len(mel) != self.band.n_mels:
            high = high_mel(wide, self.band)
            high[self.band.rows(bandwidth) :] = math.log(LOG_FLOOR)  # as a voice's model leaves them
            mel = torch.cat([mel[:N_MELS], high])
        known = torch.tensor(bandwidth, dtype=torch.float32)
        return {"mels": mel, "wavs": torch.from_numpy(wide).unsqueeze(0), "bandwidth": known}
