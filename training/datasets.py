"""What the models are trained on: labels, mels and wavs of recordings, cropped on the unit grid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from audio import (
    LOG_FLOOR,
    MIN_SAMPLES,
    N_MELS,
    UNIT_HOP,
    UNIT_RATE,
    limit_peak,
    log_mel,
)
from bands import LOW, Band
from preprocessing.data_folder import DataFolder
from preprocessing.wide_folder import WideFolder, level_gain
from training.crops import (
    at_speed,
    crop_at_speed,
    crop_start,
    speed_range,
)
from vocoder.frame_f0 import Span, frame_f0
from vocoder.losses import RESOLUTIONS

# What `[(index, which)]` of a data set takes of a recording: a crop by its seed, all, or so many units.
Which = tuple[int, int] | slice | None


class MelDataset(Dataset):
    """(units [n,768], mel [2n,128]) of a voice; see Which.

    Of a wide voice (units, mel [2n,128 + high_bands], how many rows of it lie within the bandwidth).
    """

    def __init__(self, folder: DataFolder, keys: list[str], crop_seconds: float, band: Band = LOW) -> None:
        self.folder, self.keys, self.band = folder, keys, band
        self.wide = WideFolder(folder, band)
        self.crop_units = int(crop_seconds * UNIT_RATE)

    def __len__(self) -> int:
        return len(self.keys)

    def units(self, index: int) -> int:
        """How long a recording is."""
        return len(self.folder.read("units-pitdyn", self.keys[index], mapped=True))

    def __getitem__(self, at: tuple[int, Which]) -> tuple:
        index, which = at
        key, rows = self.keys[index], ()
        units = self.folder.read("units-pitdyn", key, mapped=True)
        mel = self.folder.read("mels", key, mapped=True)
        if self.band.is_wide:
            mel = np.concatenate([mel, self.wide.highs(key, mapped=True)])
            rows = (N_MELS + self.wide.rows(key),)
        start, size = 0, len(units)
        if isinstance(which, slice):
            start, size = which.start, which.stop - which.start
        elif which is not None and size > self.crop_units:
            start, size = crop_start(size, self.crop_units, which), self.crop_units
        units = np.array(units[start : start + size], dtype=np.float32)
        mel = np.array(mel[:, 2 * start : 2 * (start + size)].T, dtype=np.float32)
        return (torch.from_numpy(units), torch.from_numpy(mel), *rows)

    def collate(self, items: list[tuple]) -> dict[str, Tensor]:
        """Zero-padded batch: units [B,N,768], mels [B,T,128], lengths [B] in units, valid [B,T] bool.

        Of a wide voice mels [B,T,128 + high_bands], and within [B,128 + high_bands] bool: rows that lie
        within the bandwidth.
        """
        all_units, all_mels, *rows = zip(*items, strict=True)
        lengths = torch.tensor([len(units) for units in all_units])
        units = torch.nn.utils.rnn.pad_sequence(all_units, batch_first=True)
        mels = torch.nn.utils.rnn.pad_sequence(all_mels, batch_first=True)
        valid = torch.arange(mels.shape[1]).unsqueeze(0) < 2 * lengths.unsqueeze(1)
        batch = {"units": units, "mels": mels, "lengths": lengths, "valid": valid}
        if rows:
            batch["within"] = torch.arange(mels.shape[2]).unsqueeze(0) < torch.tensor(rows[0]).unsqueeze(1)
        return batch


EDGE = 1  # units cut off both ends of a crop at another speed, where they run into one another
SHORTEST = MIN_SAMPLES // UNIT_HOP  # units that have a mel
MIN_BATCH = max(RESOLUTIONS)[0] // 2 // UNIT_HOP + 1  # units; windows reflect half of themselves at both ends
PADDING = {"mels": math.log(LOG_FLOOR), "wavs": 0.0, "f0": 0.0, "voiced": False}  # behind a short crop


class WavDataset(Dataset):
    """{mels [128, T], wavs [1, 160T]} of recordings, at one level as every mel of the project; see Which.

    level_db: of speech. speed_octaves: crops are played up to that much faster or slower, or between two such
    figures: voices and pitches that nobody here has. mels: a kind of the folder whose mels are taken instead
    of the recordings' own, but for own_share of the crops; their speed stays. pitch: with f0 (Hz) and voiced
    [T] of the mel frames, from the folder's f0 (see `frame_f0`).
    """

    def __init__(
        self,
        folder: DataFolder,
        keys: list[str],
        crop_seconds: float,
        level_db: float,
        speed_octaves: float | Sequence[float] = 0.0,
        mels: str | None = None,
        own_share: float = 0.0,
        pitch: bool = False,
    ) -> None:
        self.folder, self.keys, self.level_db, self.pitch = folder, keys, level_db, pitch
        self.mels, self.own_share = mels, own_share
        self.crop_units = int(crop_seconds * UNIT_RATE)
        self.speeds = speed_range(speed_octaves)
        self.unit = UNIT_HOP  # samples of a unit in its waves
        self.known: dict[str, tuple[int, float]] = {}  # units and gain of recordings that were read whole

    def __len__(self) -> int:
        return len(self.keys)

    def units(self, index: int) -> int:
        """How long a recording is."""
        return self._look(self.keys[index])[0]

    def _look(self, key: str) -> tuple[int, float]:
        """Units of a recording, and what brings it to the level; read whole the first time alone."""
        if key not in self.known:
            wav = self.folder.prepared(key)
            self.known[key] = len(wav) // UNIT_HOP, level_gain(wav, self.level_db)
        return self.known[key]

    def __getitem__(self, at: tuple[int, Which]) -> dict[str, Tensor]:
        index, which = at
        key, crop_seed = self.keys[index], None if isinstance(which, slice) else which
        kind, (units, gain) = self._kind(crop_seed), self._look(key)
        if isinstance(which, slice):
            span = Span(which.start, which.stop, which.stop - which.start)
        else:
            span = self._span(units, (0.0, 0.0) if kind else self.speeds, crop_seed)
        item = self._waves(key, span, gain, kind)
        if self.pitch:
            f0, voiced = frame_f0(self.folder.read("f0", key), span)
            item |= {"f0": torch.from_numpy(f0), "voiced": torch.from_numpy(voiced)}
        return item

    def _waves(self, key: str, span: Span, gain: float, kind: str | None) -> dict[str, Tensor]:
        """mels and wavs of a stretch of a recording."""
        wav = self.folder.crop(key, span.start, span.stop - span.start) * np.float32(gain)
        if span.edge:
            wav = limit_peak(self._play(wav, span))
        mel = log_mel(wav) if kind is None else self._made(kind, key, span)[:N_MELS]
        return {"mels": mel, "wavs": torch.from_numpy(wav).unsqueeze(0)}

    def _made(self, kind: str, key: str, span: Span) -> Tensor:
        """A mel [n_mels, T] that was made elsewhere."""
        mel = self.folder.read(kind, key, mapped=True)[:, 2 * span.start : 2 * span.stop]
        return torch.from_numpy(np.array(mel, dtype=np.float32))

    def _kind(self, crop_seed: tuple[int, int] | None) -> str | None:
        """The kind of mels a crop has; None for the recording's own."""
        if self.mels is None or crop_seed is None:
            return self.mels
        return None if np.random.default_rng([*crop_seed, 3]).random() < self.own_share else self.mels

    def _span(self, available: int, speeds: tuple[float, float], crop_seed: tuple[int, int] | None) -> Span:
        """Which units of a recording are taken, and in the time of how many they are played.

        What another speed would leave too little of keeps its own.
        """
        if crop_seed is not None and any(speeds):
            size, units = crop_at_speed(self.crop_units + 2 * EDGE, available, speeds, crop_seed)
            if units - 2 * EDGE >= SHORTEST:
                start = crop_start(available, size, crop_seed)
                return Span(start, start + size, units, EDGE)
        if crop_seed is None or available <= self.crop_units:
            return Span.whole(available)
        start = crop_start(available, self.crop_units, crop_seed)
        return Span(start, start + self.crop_units, self.crop_units)

    def _play(self, wav: np.ndarray, span: Span) -> np.ndarray:
        """A stretch [S] of a recording in the time of `span`, which has another speed."""
        played = at_speed(wav, span.units * self.unit)
        return played[span.edge * self.unit : -span.edge * self.unit]

    def collate(self, items: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """mels [B, n_mels, T], wavs [B, 1, hop T], and with pitch f0 and voiced [B, T].

        What is shorter than the longest, or than the losses and discriminators need, is followed by silence.
        """
        batch = {}
        units = max(MIN_BATCH, *(item["wavs"].shape[-1] // self.unit for item in items))
        for name in items[0]:
            tensors = [item[name] for item in items]
            if not tensors[0].dim():  # a number, such as a bandwidth
                batch[name] = torch.stack(tensors)
                continue
            longest = units * (self.unit if name == "wavs" else 2)
            padded = [F.pad(t, (0, longest - t.shape[-1]), value=PADDING[name]) for t in tensors]
            batch[name] = torch.stack(padded)
        return batch
