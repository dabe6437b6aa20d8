"""Statistics of a data set's pitch and loudness: stats.txt and stats.json."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from audio import SAMPLE_RATE, UNIT_HOP
from hubert_pitdyn.labels import DynLabels, PitLabels

SEMITONES = 12.0  # in an octave
PERCENTILES = (1, 5, 50, 95, 99)
GRID_CENTS, GRID_BOTTOM, GRID_OCTAVES = 1.0, 10.0, 9  # of the histogram that percentiles are read from; Hz
MIN_VOICED = 10  # units; fewer say nothing about how much a file's pitch moves


@dataclass
class Stats:
    """Statistics of a data set's pitch and loudness, in memory that does not grow with its frames."""

    pit: PitLabels = field(default_factory=PitLabels)
    dyn: DynLabels = field(default_factory=DynLabels)
    frames: int = 0
    voiced: int = 0
    octaves: float = 0.0  # sum of log2(F0 / GRID_BOTTOM) over voiced frames
    octaves_squared: float = 0.0
    pit_range: tuple[float, float] = (np.inf, -np.inf)  # Hz
    dyn_range: tuple[float, float] = (np.inf, -np.inf)  # dB re full scale
    file_stds: list[float] = field(default_factory=list)  # semitones, of files with MIN_VOICED units
    levels: list[float] = field(default_factory=list)  # active level of each file, dB

    def __post_init__(self) -> None:
        self.f0_grid = np.zeros(int(GRID_OCTAVES * 1200 / GRID_CENTS), dtype=np.int64)
        self.pit_counts = np.zeros(self.pit.classes, dtype=np.int64)
        self.dyn_counts = np.zeros(self.dyn.classes, dtype=np.int64)

    def add(self, f0: np.ndarray, db: np.ndarray, level: float) -> None:
        """One utterance: F0 [N] in Hz, 0 = unvoiced; loudness [N] and active level in dB re full scale."""
        f0, db = np.asarray(f0, dtype=np.float64), np.asarray(db, dtype=np.float64)
        octaves = np.log2(f0[f0 > 0] / GRID_BOTTOM)
        self.frames += len(f0)
        self.voiced += len(octaves)
        self.octaves += float(octaves.sum())
        self.octaves_squared += float((octaves**2).sum())
        self.f0_grid += _counts(octaves * 1200 / GRID_CENTS, len(self.f0_grid))
        self.pit_counts += _counts(self.pit.encode(f0), self.pit.classes)
        self.dyn_counts += _counts(self.dyn.encode(db, level), self.dyn.classes)
        self.pit_range = _widen(self.pit_range, f0[f0 > 0])
        self.dyn_range = _widen(self.dyn_range, db)
        self.levels.append(float(level))
        if len(octaves) >= MIN_VOICED:
            self.file_stds.append(float(SEMITONES * octaves.std()))

    def to_dict(self) -> dict:
        """Plain JSON types; None where nothing was counted."""
        shares = np.cumsum(self.f0_grid) / max(self.voiced, 1)
        percentiles = {
            f"p{p}": _hertz_of_cell(int(np.searchsorted(shares, p / 100))) if self.voiced else None
            for p in PERCENTILES
        }
        mean = self.octaves / self.voiced if self.voiced else np.nan
        spread = self.octaves_squared / self.voiced - mean**2 if self.voiced else np.nan
        return {
            "n_files": len(self.levels),
            "n_frames": self.frames,
            "n_hours": self.frames * UNIT_HOP / SAMPLE_RATE / 3600,
            "pit_max": _number(self.pit_range[1]),
            "pit_min": _number(self.pit_range[0]),
            "dyn_max": _number(self.dyn_range[1]),
            "dyn_min": _number(self.dyn_range[0]),
            "voiced_share": _number(self.voiced / self.frames if self.frames else np.nan),
            "f0_hz": {**percentiles, "log_mean": _number(GRID_BOTTOM * 2**mean)},
            "f0_std_semitones": _number(SEMITONES * np.sqrt(max(spread, 0.0))),
            "f0_std_in_file_semitones": _number(np.median(self.file_stds) if self.file_stds else np.nan),
            "active_level_db": {
                "mean": _number(np.mean(self.levels) if self.levels else np.nan),
                "std": _number(np.std(self.levels) if self.levels else np.nan),
            },
            "pit_counts": self.pit_counts.tolist(),
            "dyn_counts": self.dyn_counts.tolist(),
        }

    def to_text(self) -> str:
        """The lines of stats.txt: sizes, then the extremes of F0 in Hz and of loudness in dB."""
        figures = self.to_dict()
        keys = ("n_frames", "n_hours", "pit_max", "pit_min", "dyn_max", "dyn_min")
        shown = {key: np.nan if figures[key] is None else figures[key] for key in keys}
        return "".join(f"{key}: {value}\n" for key, value in shown.items())


def _counts(values: np.ndarray, cells: int) -> np.ndarray:
    return np.bincount(np.clip(values, 0, cells - 1).astype(np.int64), minlength=cells)


def _widen(range_: tuple[float, float], values: np.ndarray) -> tuple[float, float]:
    return float(values.min(initial=range_[0])), float(values.max(initial=range_[1]))


def _hertz_of_cell(cell: int) -> float:
    return float(GRID_BOTTOM * 2 ** ((cell + 0.5) * GRID_CENTS / 1200))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
