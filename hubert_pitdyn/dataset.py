"""Wavs or cached trunk features together with label classes, cropped on the unit grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from audio import UNIT_HOP, UNIT_RATE, change_speed
from datafolder import DataFolder, crop_at_speed, crop_start, save_array, speed_range
from hubert_pitdyn.augment import noisy, stretch_classes, stretch_f0
from hubert_pitdyn.labels import PitLabels
from hubert_pitdyn.model import Hubert

LABEL_FOLDERS = {"pits": "pits", "dyns": "dyns", "units": "units-discrete"}


class LabelDataset(Dataset):
    """(source, classes [n]) of one dataset; `[(index, crop seed)]` crops, `[(index, None)]` does not.

    kind: pits, dyns or units. features: folder of cached trunk features [N, F] to give instead of wavs.
    speed_octaves: crops of wavs are played up to that much faster or slower, or between two such figures,
    with their labels; noise: the share of crops of wavs that get noise.
    """

    def __init__(
        self,
        folder: DataFolder,
        keys: list[str],
        kind: str,
        crop_seconds: float,
        features: Path | None = None,
        speed_octaves: float | Sequence[float] = 0.0,
        noise: float = 0.0,
    ) -> None:
        self.folder, self.keys, self.kind, self.features = folder, keys, LABEL_FOLDERS[kind], features
        self.crop_units = int(crop_seconds * UNIT_RATE)
        self.speeds, self.noise = ((0.0, 0.0), 0.0) if features else (speed_range(speed_octaves), noise)
        moved = any(self.speeds) and kind == "pits"
        self.pit_labels = PitLabels.from_dict(folder.stats()["labels"]["pit"]) if moved else None

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, at: tuple[int, tuple[int, int] | None]) -> tuple[Tensor, Tensor]:
        index, crop_seed = at
        key = self.keys[index]
        classes = self.folder.read(self.kind, key).astype(np.int64)
        moves = crop_seed is not None and any(self.speeds)
        cut = self._moved if moves else self._cut
        source, classes = cut(key, classes, crop_seed)
        if crop_seed is not None and self.noise:
            source = noisy(source, self.noise, crop_seed)
        return torch.from_numpy(source), torch.from_numpy(classes)

    def _cut(self, key: str, classes: np.ndarray, crop_seed: tuple[int, int] | None):
        """A crop, or with no seed the whole: source and classes as arrays."""
        start, size = 0, len(classes)
        if crop_seed is not None and size > self.crop_units:
            start, size = crop_start(size, self.crop_units, crop_seed), self.crop_units
        if self.features is None:
            source = self.folder.crop(key, start, size)
        else:
            source = np.load(self.features / f"{key}.npy", mmap_mode="r")[start : start + size]
        return np.array(source), classes[start : start + size]

    def _moved(self, key: str, classes: np.ndarray, crop_seed: tuple[int, int]):
        """A crop at another speed: wav and classes."""
        units = min(self.crop_units, len(classes))
        size, units = crop_at_speed(units, len(classes), self.speeds, crop_seed)
        start = crop_start(len(classes), size, crop_seed)
        wav = change_speed(self.folder.crop(key, start, size), units * UNIT_HOP)
        if self.pit_labels is None:
            moved = stretch_classes(classes[start : start + size], units)
        else:
            f0 = self.folder.read("f0", key)[start : start + size].astype(np.float64)
            moved = self.pit_labels.encode(stretch_f0(f0, units))
        return wav, moved

    def collate(self, items: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Zero-padded batch: source ([B,1,S] wavs or [B,N,F] features), lengths [B] samples, classes [B,N]
        and valid [B,N] bool."""
        counts = torch.tensor([len(classes) for _, classes in items])
        source = torch.nn.utils.rnn.pad_sequence([s for s, _ in items], batch_first=True)
        classes = torch.nn.utils.rnn.pad_sequence([c for _, c in items], batch_first=True)
        valid = torch.arange(classes.shape[1]).unsqueeze(0) < counts.unsqueeze(1)
        if self.features is None:
            source = source.unsqueeze(1)
        return {"source": source, "lengths": counts * UNIT_HOP, "classes": classes, "valid": valid}


def cache_features(folder: DataFolder, keys: list[str], trunk: Hubert, name: str, progress=iter) -> Path:
    """Hidden features of a trunk for every key, float16 [N, conv_dim + (L+1)·dim], made once.

    name: folder below data/<name>/, to hold the trunk's hash. Returns that folder.
    """
    for key in progress([k for k in keys if not folder.path(name, k).is_file()]):
        wav = torch.from_numpy(folder.prepared(key)).reshape(1, 1, -1)
        with torch.inference_mode():
            conv, layers = trunk.hidden(wav.to(trunk.proj.weight.device))
        joined = torch.cat([conv, layers.flatten(2)], dim=-1)[0]
        save_array(folder.path(name, key), joined.cpu().numpy().astype(np.float16))
    return folder.root / name


def split_features(joined: Tensor, conv_dim: int, dim: int) -> tuple[Tensor, Tensor]:
    """[B,N,conv_dim + (L+1)·dim] of `cache_features` -> conv [B,N,conv_dim], layers [B,N,L+1,dim] float32."""
    conv, layers = joined.float().split([conv_dim, joined.shape[-1] - conv_dim], dim=-1)
    return conv, layers.unflatten(-1, (-1, dim))
