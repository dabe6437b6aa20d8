"""Units with their mels, cropped on the unit grid."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from audio import N_MELS, UNIT_RATE
from datafolder import DataFolder, crop_start


class MelDataset(Dataset):
    """(units [n,768], mel [2n,128]) of a voice; `[(index, crop seed)]` crops, `[(index, None)]` does not."""

    def __init__(self, folder: DataFolder, keys: list[str], crop_seconds: float) -> None:
        self.folder, self.keys = folder, keys
        self.crop_units = int(crop_seconds * UNIT_RATE)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, at: tuple[int, tuple[int, int] | None]) -> tuple[Tensor, Tensor]:
        index, crop_seed = at
        units = np.load(self.folder.path("units-pitdyn", self.keys[index]), mmap_mode="r")
        mel = np.load(self.folder.path("mels", self.keys[index]), mmap_mode="r")
        start, size = 0, len(units)
        if crop_seed is not None and size > self.crop_units:
            start, size = crop_start(size, self.crop_units, crop_seed), self.crop_units
        units = np.array(units[start : start + size], dtype=np.float32)
        mel = np.array(mel[:, 2 * start : 2 * (start + size)].T, dtype=np.float32)
        return torch.from_numpy(units), torch.from_numpy(mel)

    def collate(self, items: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Zero-padded batch: units [B,N,768], mels [B,T,128], lengths [B] in units, valid [B,T] bool."""
        lengths = torch.tensor([len(units) for units, _ in items])
        units = torch.nn.utils.rnn.pad_sequence([u for u, _ in items], batch_first=True)
        mels = torch.nn.utils.rnn.pad_sequence([m for _, m in items], batch_first=True)
        valid = torch.arange(mels.shape[1]).unsqueeze(0) < 2 * lengths.unsqueeze(1)
        return {"units": units, "mels": mels, "lengths": lengths, "valid": valid}


def shift_right(mels: Tensor) -> Tensor:
    """Teacher input of the decoder: each frame of [B,T,128] sees the one before, the first sees zeros."""
    return torch.cat([mels.new_zeros(len(mels), 1, N_MELS), mels[:, :-1]], dim=1)
