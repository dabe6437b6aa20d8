"""Waves with their mels, cropped on the unit grid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from audio import LOG_FLOOR, MEL_HOP, UNIT_HOP, UNIT_RATE, change_speed, limit_peak, log_mel, set_level
from datafolder import DataFolder, crop_at_speed, crop_start, speed_range

EDGE = 1  # units cut off both ends of a crop at another speed, where they run into one another


class WavDataset(Dataset):
    """(mel [128, T], wav [1, 160T]) of recordings brought to one level, as for every mel of the project.

    `[(index, crop seed)]` crops, `[(index, None)]` does not. level_db: of speech. speed_octaves: crops are
    played up to that much faster or slower, or between two such figures: voices and pitches that nobody here
    has. mels: a kind of the folder whose mels are taken instead of the recordings' own; speed then stays.
    """

    def __init__(
        self,
        folder: DataFolder,
        keys: list[str],
        crop_seconds: float,
        level_db: float,
        speed_octaves: float | Sequence[float] = 0.0,
        mels: str | None = None,
    ) -> None:
        self.folder, self.keys, self.level_db, self.mels = folder, keys, level_db, mels
        self.crop_units = int(crop_seconds * UNIT_RATE)
        self.speeds = (0.0, 0.0) if mels else speed_range(speed_octaves)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, at: tuple[int, tuple[int, int] | None]) -> tuple[Tensor, Tensor]:
        index, crop_seed = at
        key = self.keys[index]
        wav = limit_peak(set_level(self.folder.prepared(key), self.level_db))
        start, units = 0, len(wav) // UNIT_HOP
        if crop_seed is not None and any(self.speeds):
            wav = self._at_speed(wav, crop_seed)
        elif crop_seed is not None and units > self.crop_units:
            start, units = crop_start(units, self.crop_units, crop_seed), self.crop_units
            wav = wav[start * UNIT_HOP : (start + units) * UNIT_HOP]
        if self.mels is None:
            mel = log_mel(wav)
        else:
            mel = np.load(self.folder.path(self.mels, key), mmap_mode="r")[:, 2 * start : 2 * (start + units)]
            mel = torch.from_numpy(np.array(mel, dtype=np.float32))
        return mel, torch.from_numpy(wav).unsqueeze(0)

    def _at_speed(self, wav: np.ndarray, crop_seed: tuple[int, int]) -> np.ndarray:
        available = len(wav) // UNIT_HOP
        size, units = crop_at_speed(self.crop_units + 2 * EDGE, available, self.speeds, crop_seed)
        start = crop_start(available, size, crop_seed)
        crop = wav[start * UNIT_HOP : (start + size) * UNIT_HOP]
        played = change_speed(crop, units * UNIT_HOP)
        return limit_peak(played[EDGE * UNIT_HOP : -EDGE * UNIT_HOP])

    def collate(self, items: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """mels [B, 128, T], wavs [B, 1, 160T]; what is shorter than the longest is followed by silence."""
        frames = max(mel.shape[1] for mel, _ in items)
        pad, silence = torch.nn.functional.pad, math.log(LOG_FLOOR)
        mels = [pad(mel, (0, frames - mel.shape[1]), value=silence) for mel, _ in items]
        wavs = [pad(wav, (0, frames * MEL_HOP - wav.shape[1])) for _, wav in items]
        return {"mels": torch.stack(mels), "wavs": torch.stack(wavs)}
