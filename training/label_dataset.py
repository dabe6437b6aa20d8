"""What label models learn from: wavs, or a trunk's features, with their classes, cropped to whole units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from audio import UNIT_HOP, UNIT_RATE, encoder_input, level
from common import arrays
from hubert_pitdyn.labels import PitLabels
from preprocessing.data_folder import DataFolder
from preprocessing.discrete import read_features
from training.crops import (
    at_speed,
    crop_at_speed,
    crop_start,
    equalised,
    noisy,
    speed_range,
    stretch_classes,
    stretch_f0,
    stretch_features,
)
from training.datasets import Which
from training.disturbances import disturbed

LABEL_FOLDERS = {"pits": "pits", "dyns": "dyns", "units": "units-discrete"}


class LabelDataset(Dataset):
    """source, classes [n] and teacher's features of one dataset, as a dict of tensors.

    See Which; only crops are changed.

    kind: pits, dyns or units. features: folder of cached trunk features [N, F] to give instead of wavs.
    speed_octaves: crops of wavs are played up to that much faster or slower, or between two such figures,
    with their labels; noise: the share of crops of wavs that get noise; equalise: dB that they are equalised
    by; disturb: the share that gets each of `disturbances.KINDS`. teacher: folder of the features [N, T] that
    the classes were made of, where they are to be given too.
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
        disturb: float = 0.0,
    ) -> None:
        self.folder, self.keys, self.kind, self.features = folder, keys, LABEL_FOLDERS[kind], features
        self.crop_units = int(crop_seconds * UNIT_RATE)
        self.speeds, self.noise = ((0.0, 0.0), 0.0) if features else (speed_range(speed_octaves), noise)
        self.equalise = 0.0 if features else equalise
        self.disturb = 0.0 if features else disturb
        moved = any(self.speeds) and kind == "pits"
        self.teacher = teacher
        self.doubts = kind == "pits"
        self.levels: dict[str, float] = {}  # of recordings, as they are read
        self.pit_labels = PitLabels.from_config(folder.stats()["labels"]["pit"]) if moved else None

    def __len__(self) -> int:
        return len(self.keys)

    def units(self, index: int) -> int:
        """How long a recording is."""
        return len(self.folder.read(self.kind, self.keys[index]))

    def __getitem__(self, at: tuple[int, Which]) -> dict[str, Tensor]:
        index, which = at
        key, crop_seed = self.keys[index], None if isinstance(which, slice) else which
        classes = self.folder.read(self.kind, key).astype(np.int64)
        total = len(classes)
        start, size, units = self._place(total, which)
        crop = slice(start, start + size)
        item = {
            "source": self._source(key, crop, units),
            "classes": classes[crop] if size == units else self._moved(key, classes, crop, units),
        }
        item["known"] = self._known(key, crop, units)
        if self.teacher is not None:
            features = read_features(self.teacher, key, total)[crop]
            item["teacher"] = (
                features.astype(np.float32) if size == units else stretch_features(features, units)
            )
        if crop_seed is not None and self.equalise:
            item["source"] = equalised(item["source"], self.equalise, crop_seed)
        if crop_seed is not None and self.disturb:
            item["source"] = disturbed(item["source"], self.disturb, crop_seed)
        if crop_seed is not None and self.noise:
            item["source"] = noisy(item["source"], self.noise, crop_seed)
        return {name: torch.from_numpy(value) for name, value in item.items()}

    def _place(self, total: int, which: Which) -> tuple[int, int, int]:
        """Where a crop starts, how many units it takes and in how many it is played."""
        if isinstance(which, slice):
            return which.start, which.stop - which.start, which.stop - which.start
        if which is None:
            return 0, total, total
        size = units = min(self.crop_units, total)
        if any(self.speeds):
            size, units = crop_at_speed(units, total, self.speeds, which)
        return crop_start(total, size, which), size, units

    def _source(self, key: str, crop: slice, units: int) -> np.ndarray:
        """Wav [S], played in so many units, or cached trunk features [n, F]."""
        if self.features is not None:
            cached = self.features / f"{key}.npy"
            return np.array(arrays.read(cached, "run the same command again, which makes it", True)[crop])
        size = crop.stop - crop.start
        if key not in self.levels:
            self.levels[key] = level(self.folder.prepared(key))
        wav = encoder_input(self.folder.crop(key, crop.start, size), self.levels[key])
        return wav if size == units else at_speed(wav, units * UNIT_HOP)

    def _known(self, key: str, crop: slice, units: int) -> np.ndarray:
        """Which units [units] of a crop have a label; in folders of earlier versions all."""
        if not self.doubts or not self.folder.path("doubtful", key).is_file():
            return np.ones(units, dtype=bool)
        known = ~self.folder.read("doubtful", key)[crop]
        return known if len(known) == units else stretch_classes(known, units)

    def _moved(self, key: str, classes: np.ndarray, crop: slice, units: int) -> np.ndarray:
        """Classes [units] of a crop at another speed."""
        if self.pit_labels is None:
            return stretch_classes(classes[crop], units)
        f0 = self.folder.read("f0", key)[crop].astype(np.float64)
        return self.pit_labels.encode(stretch_f0(f0, units))

    def collate(self, items: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Zero-padded batch: source ([B,1,S] wavs or [B,N,F] features), classes [B,N], teacher [B,N,T] where
        it is given, lengths [B] samples, valid [B,N] bool, and known [B,N] bool: those that have a label.
        """
        counts = torch.tensor([len(item["classes"]) for item in items])
        batch = {
            name: torch.nn.utils.rnn.pad_sequence([item[name] for item in items], batch_first=True)
            for name in items[0]
        }
        if self.features is None:
            batch["source"] = batch["source"].unsqueeze(1)
        valid = torch.arange(batch["classes"].shape[1]).unsqueeze(0) < counts.unsqueeze(1)
        return {**batch, "lengths": counts * UNIT_HOP, "valid": valid}
