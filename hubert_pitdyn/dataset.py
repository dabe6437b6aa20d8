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
from hubert_pitdyn.augment import equalised, noisy, stretch_classes, stretch_f0, stretch_features
from hubert_pitdyn.discrete import read_features
from hubert_pitdyn.labels import PitLabels
from hubert_pitdyn.model import Hubert

LABEL_FOLDERS = {"pits": "pits", "dyns": "dyns", "units": "units-discrete"}


class LabelDataset(Dataset):
    """source, classes [n] and teacher's features of one dataset, as a dict of tensors.

    `[(index, crop seed)]` crops, `[(index, None)]` does not.

    kind: pits, dyns or units. features: folder of cached trunk features [N, F] to give instead of wavs.
    speed_octaves: crops of wavs are played up to that much faster or slower, or between two such figures,
    with their labels; noise: the share of crops of wavs that get noise; equalise: dB that they are equalised
    by. teacher: folder of the features
    [N, T] that the classes were made of, where they are to be given too.
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
        teacher: Path | None = None,
        equalise: float = 0.0,
    ) -> None:
        self.folder, self.keys, self.kind, self.features = folder, keys, LABEL_FOLDERS[kind], features
        self.crop_units = int(crop_seconds * UNIT_RATE)
        self.speeds, self.noise = ((0.0, 0.0), 0.0) if features else (speed_range(speed_octaves), noise)
        self.equalise = 0.0 if features else equalise
        moved = any(self.speeds) and kind == "pits"
        self.teacher = teacher
        self.pit_labels = PitLabels.from_dict(folder.stats()["labels"]["pit"]) if moved else None

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, at: tuple[int, tuple[int, int] | None]) -> dict[str, Tensor]:
        index, crop_seed = at
        key = self.keys[index]
        classes = self.folder.read(self.kind, key).astype(np.int64)
        total = len(classes)
        start, size, units = self._place(total, crop_seed)
        crop = slice(start, start + size)
        item = {
            "source": self._source(key, crop, units),
            "classes": classes[crop] if size == units else self._moved(key, classes, crop, units),
        }
        if self.teacher is not None:
            told = read_features(self.teacher, key, total)[crop]
            item["teacher"] = told.astype(np.float32) if size == units else stretch_features(told, units)
        if crop_seed is not None and self.equalise:
            item["source"] = equalised(item["source"], self.equalise, crop_seed)
        if crop_seed is not None and self.noise:
            item["source"] = noisy(item["source"], self.noise, crop_seed)
        return {name: torch.from_numpy(value) for name, value in item.items()}

    def _place(self, total: int, crop_seed: tuple[int, int] | None) -> tuple[int, int, int]:
        """Where a crop starts, how many units it takes and in how many it is played; with no seed, all."""
        if crop_seed is None:
            return 0, total, total
        size = units = min(self.crop_units, total)
        if any(self.speeds):
            size, units = crop_at_speed(units, total, self.speeds, crop_seed)
        return crop_start(total, size, crop_seed), size, units

    def _source(self, key: str, crop: slice, units: int) -> np.ndarray:
        """Wav [S], played in so many units, or cached trunk features [n, F]."""
        if self.features is not None:
            return np.array(np.load(self.features / f"{key}.npy", mmap_mode="r")[crop])
        size = crop.stop - crop.start
        wav = np.array(self.folder.crop(key, crop.start, size))
        return wav if size == units else change_speed(wav, units * UNIT_HOP)

    def _moved(self, key: str, classes: np.ndarray, crop: slice, units: int) -> np.ndarray:
        """Classes [units] of a crop at another speed."""
        if self.pit_labels is None:
            return stretch_classes(classes[crop], units)
        f0 = self.folder.read("f0", key)[crop].astype(np.float64)
        return self.pit_labels.encode(stretch_f0(f0, units))

    def collate(self, items: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Zero-padded batch: source ([B,1,S] wavs or [B,N,F] features), classes [B,N], teacher [B,N,T] where
        it is given, lengths [B] samples and valid [B,N] bool."""
        counts = torch.tensor([len(item["classes"]) for item in items])
        batch = {
            name: torch.nn.utils.rnn.pad_sequence([item[name] for item in items], batch_first=True)
            for name in items[0]
        }
        if self.features is None:
            batch["source"] = batch["source"].unsqueeze(1)
        valid = torch.arange(batch["classes"].shape[1]).unsqueeze(0) < counts.unsqueeze(1)
        return {**batch, "lengths": counts * UNIT_HOP, "valid": valid}


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
