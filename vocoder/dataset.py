"""Waves with their mels, cropped on the unit grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from audio import LOG_FLOOR, MIN_SAMPLES, UNIT_HOP, UNIT_RATE, change_speed, limit_peak, log_mel, set_level
from datafolder import DataFolder, crop_at_speed, crop_start, speed_range
from vocoder.losses import RESOLUTIONS

EDGE = 1  # units cut off both ends of a crop at another speed, where they run into one another
SHORTEST = MIN_SAMPLES // UNIT_HOP  # units that have a mel
MIN_BATCH = max(RESOLUTIONS)[0] // 2 // UNIT_HOP + 1  # units; windows reflect half of themselves at both ends
PADDING = {"mels": math.log(LOG_FLOOR), "wavs": 0.0, "f0": 0.0, "voiced": False}  # behind a short crop


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


class WavDataset(Dataset):
    """{mels [128, T], wavs [1, 160T]} of recordings, at one level as every mel of the project.

    `[(index, crop seed)]` crops, `[(index, None)]` does not. level_db: of speech. speed_octaves: crops are
    played up to that much faster or slower, or between two such figures: voices and pitches that nobody here
    has. mels: a kind of the folder whose mels are taken instead of the recordings' own, but for own_share of
    the crops; their speed stays. pitch: with f0 (Hz) and voiced [T] of the mel frames, from the folder's f0
    (see `frame_pitch`).
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

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, at: tuple[int, tuple[int, int] | None]) -> dict[str, Tensor]:
        index, crop_seed = at
        key = self.keys[index]
        wav = limit_peak(set_level(self.folder.prepared(key), self.level_db))
        kind = self._kind(crop_seed)
        span = self._span(len(wav) // UNIT_HOP, (0.0, 0.0) if kind else self.speeds, crop_seed)
        wav = self._play(wav, span)
        if kind is None:
            mel = log_mel(wav)
        else:
            mel = np.load(self.folder.path(kind, key), mmap_mode="r")[:, 2 * span.start : 2 * span.stop]
            mel = torch.from_numpy(np.array(mel, dtype=np.float32))
        item = {"mels": mel, "wavs": torch.from_numpy(wav).unsqueeze(0)}
        if self.pitch:
            f0, voiced = frame_pitch(self.folder.read("f0", key), span)
            item |= {"f0": torch.from_numpy(f0), "voiced": torch.from_numpy(voiced)}
        return item

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
        wav = wav[span.start * UNIT_HOP : span.stop * UNIT_HOP]
        if not span.edge:
            return wav
        played = change_speed(wav, span.units * UNIT_HOP)
        return limit_peak(played[span.edge * UNIT_HOP : -span.edge * UNIT_HOP])

    def collate(self, items: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """mels [B, 128, T], wavs [B, 1, 160T], and with pitch f0 and voiced [B, T].

        What is shorter than the longest, or than losses and critics take, is followed by silence.
        """
        batch = {}
        units = max(MIN_BATCH, *(item["wavs"].shape[-1] // UNIT_HOP for item in items))
        for name in items[0]:
            tensors = [item[name] for item in items]
            longest = units * (UNIT_HOP if name == "wavs" else 2)
            padded = [F.pad(t, (0, longest - t.shape[-1]), value=PADDING[name]) for t in tensors]
            batch[name] = torch.stack(padded)
        return batch


def frame_pitch(f0: np.ndarray, span: Span) -> tuple[np.ndarray, np.ndarray]:
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


def sing_units(vocoder, mel: Tensor, f0: np.ndarray) -> Tensor:
    """mel [1, n_mels, 2N] by a vocoder that can be told its F0, of units [N] in Hz, 0 = unvoiced -> wav
    [1, 1, 320N]."""
    hertz, voiced = (
        torch.from_numpy(told)[None].to(mel.device) for told in frame_pitch(f0, Span.whole(len(f0)))
    )
    return vocoder.sing(mel, hertz.to(mel), voiced)
