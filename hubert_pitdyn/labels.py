"""F0 and loudness <-> classes: hard labels, soft targets and decoding.

Both scales are `bins` equal steps, of log-F0 and of dB relative to the active level. The class is the step a
value falls into, its decoded value the middle of the step: a round trip errs by half a step at most.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from common.rows import by_rows

F_MIN, F_MAX = 50.0, 1100.0  # Hz: the range of pitch, wide enough for singing
MAX_CLASSES = 100  # rows of the label embedding of the official HuBERT
REACH = 3.5  # standard deviations of a soft target that are kept
TRACK_KEYS = ("tracker", "centred", "voicing", "assumed_rate")  # of [labels.pit], for pitch.track
LOUDNESS_KEYS = ("centred",)  # of [labels.dyn], for whoever measures the loudness
OTHER_TYPES = {"tracker": "str", "centred": "bool", "voicing": "bool", "assumed_rate": "int"}
WORDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a word in quotes"}


@dataclass(frozen=True)
class PitLabels:
    """Pitch classes: class 0 is "unvoiced" (if there is one), then `bins` equal steps of log-F0.

    f_min, f_max: Hz, edges of the range; sigma: width of soft targets in bins, 0 for one-hot.
    Raises ValueError for more than 100 classes or an empty range.
    """

    f_min: float = F_MIN
    f_max: float = F_MAX
    bins: int = 99
    unvoiced: bool = True
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.f_min < self.f_max:
            raise ValueError(f"labels.pit: expected 0 < f_min < f_max, found {self.f_min} and {self.f_max}")
        _check(self, "pit")

    @classmethod
    def from_config(cls, table: dict) -> PitLabels:
        """From the table [labels.pit], of which `track_options` reads the tracker's keys.

        Raises ValueError for a key that is not known.
        """
        return cls(**_own_keys(cls, table, TRACK_KEYS))

    @property
    def classes(self) -> int:
        return self.bins + self.unvoiced

    @property
    def bin_cents(self) -> float:
        return 1200 * np.log2(self.f_max / self.f_min) / self.bins

    def encode(self, f0: np.ndarray) -> np.ndarray:
        """F0 [N] in Hz, 0 = unvoiced -> class int64 [N]; without that class 0 Hz is the lowest step."""
        f0 = np.asarray(f0)
        step = _step(self._place(f0), self.bins)
        return np.where(f0 > 0, step + 1, 0) if self.unvoiced else step

    def decode(self, classes: np.ndarray) -> np.ndarray:
        """Class [N] -> F0 float32 [N] in Hz, 0 = unvoiced."""
        classes = np.asarray(classes)
        f0 = self._hertz(classes - self.unvoiced)
        return np.where(classes > 0, f0, 0.0).astype(np.float32) if self.unvoiced else f0.astype(np.float32)

    @by_rows
    def soft(self, f0: np.ndarray) -> np.ndarray:
        """F0 [N] in Hz -> target float32 [N, K]: a Gaussian around the exact pitch; unvoiced is one-hot."""
        f0 = np.asarray(f0)
        target = _gaussian(self._place(f0), self.bins, self.sigma)
        if self.unvoiced:
            voiced = (f0 > 0)[..., None]
            target = np.concatenate([~voiced, np.where(voiced, target, 0.0)], axis=-1)
        return target.astype(np.float32)

    def target_matrix(self) -> np.ndarray:
        """float32 [K, K]: row c is the soft target of class c, so target_matrix()[classes] is [N, K]."""
        return self.soft(self.decode(np.arange(self.classes)))

    @by_rows
    def decode_soft(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distribution [..., K] -> (F0 [...] in Hz, 0 = unvoiced; probability of being voiced [...]).

        Voiced above 0.5.
        """
        voiced = self.voiced(p)
        return np.where(voiced > 0.5, self.pitch(p), 0.0).astype(np.float32), voiced

    def voiced(self, p: np.ndarray) -> np.ndarray:
        """Distribution [..., K] -> probability of being voiced, float32 [...]."""
        p = np.asarray(p)
        probability = 1 - p[..., 0].astype(np.float64) if self.unvoiced else np.ones(p.shape[:-1])
        return probability.astype(np.float32)

    @by_rows
    def pitch(self, p: np.ndarray) -> np.ndarray:
        """Distribution [..., K] -> F0 [...] in Hz, also where it says unvoiced.

        Mean of log-F0 around the most likely step (Kim et al. 2018, CREPE).
        """
        return self._hertz(_local_mean(np.asarray(p, np.float64)[..., int(self.unvoiced) :], self.sigma))

    @by_rows
    def shift(self, p: np.ndarray, octaves: np.ndarray) -> np.ndarray:
        """Move the pitch of distribution [N, K] by octaves [N]; voicing stays, the range's ends collect."""
        steps = np.asarray(octaves) * self.bins / np.log2(self.f_max / self.f_min)
        moved = np.array(p, copy=True)
        moved[:, int(self.unvoiced) :] = _shift(moved[:, int(self.unvoiced) :], steps)
        return moved

    @by_rows
    def at(self, p: np.ndarray, f0: np.ndarray) -> np.ndarray:
        """Distribution [N, K] with its voicing kept and its pitch put to f0 [N] in Hz."""
        own = np.array(p, copy=True)
        voiced = own[:, int(self.unvoiced) :].sum(axis=-1, keepdims=True)
        own[:, int(self.unvoiced) :] = voiced * _gaussian(self._place(f0), self.bins, self.sigma)
        return own

    def _place(self, f0: np.ndarray) -> np.ndarray:
        """Hz -> fractional step, 0 = middle of the lowest step; clipped to the range."""
        octaves = np.log2(np.clip(f0, self.f_min, self.f_max).astype(np.float64) / self.f_min)
        return octaves * self.bins / np.log2(self.f_max / self.f_min) - 0.5

    def _hertz(self, place: np.ndarray) -> np.ndarray:
        return self.f_min * (self.f_max / self.f_min) ** ((place + 0.5) / self.bins)


@dataclass(frozen=True)
class DynLabels:
    """Dynamics classes: `bins` equal steps of loudness.

    scale "relative_db": dB relative to the utterance's active level, from low_db to high_db.
    scale "linear_rms" (the labels of 2022): RMS amplitude, of which low_db and high_db are then the ends.
    sigma: width of soft targets in bins, 0 for one-hot. Raises ValueError as PitLabels does.

    Loudness goes in and comes out in dB with either scale. `level` is the active level in dB re full scale;
    left at 0, the dB of "relative_db" are relative ones. "linear_rms" is absolute and takes no notice of it.
    """

    low_db: float = -50.0
    high_db: float = 14.0
    bins: int = 64
    sigma: float = 1.0
    scale: str = "relative_db"

    def __post_init__(self) -> None:
        if self.scale not in ("relative_db", "linear_rms"):
            raise ValueError(f"labels.dyn: scale is relative_db or linear_rms, found {self.scale!r}")
        if not self.low_db < self.high_db:
            raise ValueError(f"labels.dyn: expected low_db < high_db, found {self.low_db} and {self.high_db}")
        if self.scale == "linear_rms" and self.low_db < 0:
            raise ValueError(f"labels.dyn: an RMS range starts at 0 or above, found {self.low_db}")
        _check(self, "dyn")

    @classmethod
    def from_config(cls, table: dict) -> DynLabels:
        """From the table [labels.dyn]. Raises ValueError for a key that is not known."""
        return cls(**_own_keys(cls, table, LOUDNESS_KEYS))

    @property
    def classes(self) -> int:
        return self.bins

    def encode(self, db: np.ndarray, level: float = 0.0) -> np.ndarray:
        """Loudness [N] in dB -> class int64 [N]."""
        return _step(self._place(db, level), self.bins)

    def decode(self, classes: np.ndarray, level: float = 0.0) -> np.ndarray:
        """Class [N] -> loudness float32 [N] in dB."""
        return self._decibels(np.asarray(classes), level).astype(np.float32)

    @by_rows
    def soft(self, db: np.ndarray, level: float = 0.0) -> np.ndarray:
        """Loudness [N] in dB -> target float32 [N, K]: a Gaussian around the exact value."""
        return _gaussian(self._place(db, level), self.bins, self.sigma).astype(np.float32)

    def target_matrix(self) -> np.ndarray:
        """float32 [K, K]: row c is the soft target of class c."""
        return self.soft(self.decode(np.arange(self.classes)))

    @by_rows
    def decode_soft(self, p: np.ndarray, level: float = 0.0) -> np.ndarray:
        """Distribution [..., K] -> loudness float32 [...] in dB: local mean, as for pitch."""
        place = _local_mean(np.asarray(p, dtype=np.float64), self.sigma)
        return self._decibels(place, level).astype(np.float32)

    @by_rows
    def shift(self, p: np.ndarray, db: np.ndarray) -> np.ndarray:
        """Move distribution [N, K] by db [N]; the range's ends collect. ValueError for "linear_rms"."""
        if self.scale != "relative_db":
            raise ValueError(f"labels.dyn: loudness can be moved on relative_db, found {self.scale}")
        return _shift(p, np.asarray(db) * self.bins / (self.high_db - self.low_db))

    def _place(self, db: np.ndarray, level: float) -> np.ndarray:
        db = np.asarray(db, dtype=np.float64)
        value = 10.0 ** (db / 20) if self.scale == "linear_rms" else db - level
        share = (np.clip(value, self.low_db, self.high_db) - self.low_db) / (self.high_db - self.low_db)
        return share * self.bins - 0.5

    def _decibels(self, place: np.ndarray, level: float) -> np.ndarray:
        value = self.low_db + (place + 0.5) / self.bins * (self.high_db - self.low_db)
        return 20 * np.log10(value) if self.scale == "linear_rms" else value + level


def track_options(table: dict) -> dict:
    """Keyword arguments of `pitch.track` from the table [labels.pit]: its range and its tracker keys."""
    return {key: table[key] for key in ("f_min", "f_max", *TRACK_KEYS) if key in table}


def _check(labels: PitLabels | DynLabels, name: str) -> None:
    if not 2 <= labels.classes <= MAX_CLASSES:
        raise ValueError(
            f"labels.{name}: {labels.classes} classes; the label embedding holds 2 to {MAX_CLASSES}, "
            f"unvoiced included: set bins to match"
        )
    if labels.sigma < 0:
        raise ValueError(f"labels.{name}: sigma is a width in bins, found {labels.sigma}")


def _own_keys(cls: type, table: dict, others: tuple[str, ...]) -> dict:
    name = f"labels.{cls.__name__[:3].lower()}"
    if not isinstance(table, dict):
        raise ValueError(f"{name}: expected a table, found {table!r}")
    own = {entry.name: entry.type for entry in fields(cls)}
    unknown = set(table) - set(own) - set(others)
    if unknown:
        raise ValueError(
            f"{name}: unknown key {sorted(unknown)[0]!r}; {cls.__name__} takes {', '.join([*own, *others])}"
        )
    types = {**own, **{key: kind for key, kind in OTHER_TYPES.items() if key in others}}
    for key, value in table.items():
        if not _fits(value, types[key]):
            raise ValueError(f"{name}: {key} is {value!r}, expected {WORDS[types[key]]}")
    return {key: value for key, value in table.items() if key in own}


def _fits(value: object, kind: str) -> bool:
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    return type(value).__name__ == kind


def _step(place: np.ndarray, bins: int) -> np.ndarray:
    return np.clip(np.floor(place + 0.5), 0, bins - 1).astype(np.int64)


def _gaussian(place: np.ndarray, bins: int, sigma: float) -> np.ndarray:
    """Fractional steps [...] -> [..., bins] summing to 1."""
    if sigma == 0:
        return np.eye(bins)[_step(place, bins)]
    distance = np.abs(np.arange(bins) - place[..., None])
    weight = np.exp(-0.5 * (distance / sigma) ** 2)
    weight = np.where(distance <= max(1.0, REACH * sigma), weight, 0.0)
    return weight / weight.sum(axis=-1, keepdims=True)


def _shift(p: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Move each row of p [N, bins] by its own number of steps, fractions shared by two neighbours."""
    rows, bins = p.shape
    whole = np.floor(steps).astype(int)
    share = (steps - whole)[:, None]
    moved = np.zeros_like(p)
    index = np.arange(rows)[:, None]
    for extra, weight in ((0, 1 - share), (1, share)):
        target = np.clip(np.arange(bins) + whole[:, None] + extra, 0, bins - 1)
        np.add.at(moved, (index, target), (p * weight).astype(p.dtype))
    return moved


def _local_mean(p: np.ndarray, sigma: float) -> np.ndarray:
    """[..., bins] -> fractional step [...]: mean over the steps around the highest one.

    The window shrinks at the ends of the range: a one-sided one would pull the mean inwards.
    """
    bins = p.shape[-1]
    top = p.argmax(axis=-1)[..., None]
    reach = np.minimum(np.ceil(REACH * sigma), np.minimum(top, bins - 1 - top))
    steps = np.arange(bins)
    weight = np.where(np.abs(steps - top) <= reach, p, 0.0)
    total = weight.sum(axis=-1)
    return np.where(total > 0, (weight * steps).sum(axis=-1) / np.where(total > 0, total, 1.0), top[..., 0])
