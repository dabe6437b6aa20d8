"""Prosody between analysis and embedding: read as a curve, borrowed from other recordings, edited.

Every change is made on the class distributions of single frames, so what a control leaves alone stays as the
models predicted it, to the last bit. Letters: N units, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

import audio
from common.cli import UserError
from conversion import songs
from hubert_pitdyn.labels import DynLabels, PitLabels

ACTIVE_DB = -25.0  # re active level; what is softer is pause, which dyn_scale moves along with speech
AUTO_PITCH = ("auto", "octave", "semitone", "speech")
LIMITS = {
    "transpose": (-60, 60),
    "pitch_scale": (0, 10),
    "dyn_gain": (-60, 60),
    "dyn_scale": (0, 10),
    "breath": (-20, 20),
}
REACH_SEMITONES = 36  # the range adviser looks no further
SAME_HZ, SAME_DB = 0.0051, 0.0051  # a curve given back with two decimals is the same curve
MAX_CELLS = 100_000_000  # of the alignment's cost matrix: 200 s against 200 s


@dataclass(frozen=True)
class Controls:
    """How to change the prosody of a source; the defaults change nothing.

    transpose: semitones. auto_pitch: one of AUTO_PITCH. "speech": put the source's median on that of the
    voice's recordings, and where its range does not fit into what the voice was trained on, narrow it until
    it does. "octave" and "semitone": move the source by whole ones towards the voice, and narrow nothing.
    "auto", True: by octaves where it is sung. pitch_scale: widens (> 1) or flattens (0) the melody around its
    median. dyn_gain: dB. dyn_scale: the same as pitch_scale for loudness, around the active level. fold: move
    stretches outside the voice's range into it by octaves. breath: dB of noise in the voice. Raises UserError
    for a number that is not finite or beyond LIMITS.
    """

    transpose: float = 0.0
    auto_pitch: bool | str = False
    pitch_scale: float = 1.0
    dyn_gain: float = 0.0
    dyn_scale: float = 1.0
    fold: bool = False
    breath: float = 0.0

    def __post_init__(self) -> None:
        if self.auto_pitch not in (False, True, *AUTO_PITCH):
            raise UserError(f"auto_pitch: expected {', '.join(AUTO_PITCH)}, found {self.auto_pitch}")
        for name, value in vars(self).items():
            if not isinstance(value, str) and not np.isfinite(value):
                raise UserError(f"{name}: expected a finite number, found {value}")
            if name in LIMITS and not LIMITS[name][0] <= value <= LIMITS[name][1]:
                low, high = LIMITS[name]
                raise UserError(f"{name}: expected a number from {low} to {high}, found {value:g}")

    def changed(self) -> list[str]:
        """Names of the controls that need a prosody: all but dyn_gain, a gain of the output."""
        plain = Controls(dyn_gain=self.dyn_gain)
        return [name for name, value in vars(plain).items() if getattr(self, name) != value]


@dataclass(frozen=True)
class Curve:
    """f0 [N] in Hz (on unvoiced frames a guess), voiced [N] bool, db [N] re the active level."""

    f0: np.ndarray
    voiced: np.ndarray
    db: np.ndarray

    def __len__(self) -> int:
        return len(self.f0)

    @property
    def melody(self) -> np.ndarray:
        """F0 [N] in Hz, 0 where it is unvoiced."""
        return np.where(self.voiced, self.f0, 0.0)


@dataclass(frozen=True)
class PitchRange:
    """What a voice card knows of pitch, in Hz: median of the recordings, and ends of what was trained on."""

    median: float
    low: float
    high: float

    @classmethod
    def from_card(cls, card: dict) -> PitchRange | None:
        """None for a card without pitch (a voice trained elsewhere, or on nothing voiced)."""
        median = (card.get("f0_percentiles_hz") or {}).get("50")
        return cls(median, *card["f0_hz"]) if median and card.get("f0_hz") else None

    def outside(self, f0: np.ndarray) -> np.ndarray:
        """bool [N] for voiced f0 [N] in Hz."""
        return (f0 < self.low) | (f0 > self.high)

    def octaves_into(self, f0: np.ndarray) -> np.ndarray:
        """Whole octaves [N] that put each f0 [N] in Hz between low and high, or as near as may be."""
        down = np.ceil(np.log2(np.maximum(f0 / self.high, 1.0)))
        up = np.ceil(np.log2(np.maximum(self.low / f0, 1.0)))
        return up - down

    def best_transposition(self, f0: np.ndarray, near: float = 0.0, step: int = 1) -> int:
        """Whole semitones, multiples of `step`, that leave the fewest frames of voiced f0 [N] outside; of
        several those nearest."""
        steps = sorted(range(-REACH_SEMITONES, REACH_SEMITONES + 1, step), key=lambda s: abs(s - near))
        return min(steps, key=lambda s: int(self.outside(f0 * 2 ** (s / 12)).sum()))


@dataclass(frozen=True)
class Prosody:
    """Pitch and loudness of N units: distributions pit [N, Kp] and dyn [N, Kd] over classes of the labels."""

    pit: np.ndarray
    dyn: np.ndarray
    pit_labels: PitLabels
    dyn_labels: DynLabels

    def __len__(self) -> int:
        return len(self.pit)

    def curve(self) -> Curve:
        """The curve that the distributions stand for."""
        return self._curve

    @cached_property
    def _curve(self) -> Curve:
        voiced = self.pit_labels.voiced(self.pit) > 0.5
        return Curve(self.pit_labels.pitch(self.pit), voiced, self.dyn_labels.decode_soft(self.dyn))

    def with_melody(self, f0: np.ndarray) -> Prosody:
        """The same voicing with the pitch f0 [N] in Hz."""
        return replace(self, pit=self.pit_labels.at(self.pit, f0))

    def with_loudness(self, db: np.ndarray) -> Prosody:
        """The same pitch with the loudness db [N] re the active level."""
        return replace(self, dyn=self.dyn_labels.soft(db))

    def louder(self, db: float) -> Prosody:
        """Loudness moved by db on every frame."""
        return replace(self, dyn=self.dyn_labels.shift(self.dyn, np.full(len(self), db)))

    def edited(self, controls: Controls, span: PitchRange | None) -> tuple[Prosody, list[str]]:
        """The controls of pitch and loudness applied, and lines for the user.

        span: pitch range of the voice, without which auto_pitch raises UserError.
        """
        curve, pit, dyn = self.curve(), self.pit, self.dyn
        semitones, scale, notes = controls.transpose, controls.pitch_scale, []
        if controls.auto_pitch:
            chosen, narrowed, note = fit(curve, span, str(controls.auto_pitch))
            semitones, scale, notes = semitones + chosen, scale * narrowed, [note]
        moves = pitch_moves(curve, semitones, scale)
        if controls.fold:
            folded, note = _folded(curve, moves, span)
            moves, notes = moves + folded, [*notes, *note]
        if moves.any():
            pit = self.pit_labels.shift(pit, moves)
        if controls.dyn_scale != 1.0:
            dyn = self.dyn_labels.shift(dyn, loudness_moves(curve, controls.dyn_scale))
        return self if (pit is self.pit and dyn is self.dyn) else replace(self, pit=pit, dyn=dyn), notes

    def replaced(self, given: Curve) -> tuple[Prosody, float, list[str]]:
        """A given curve on the frames where it differs; the dB by which that moves the active level; notes.

        The change of level is 0 where no loudness differs.
        """
        own = self.curve()
        other_pitch = given.voiced & (np.abs(given.f0 - own.f0) > SAME_HZ)
        edited = other_pitch | (given.voiced != own.voiced)
        louder = np.abs(given.db - own.db) > SAME_DB
        pits = self.pit_labels.soft(np.where(given.voiced, given.f0, 0.0))
        pit = np.where(edited[:, None], pits, self.pit)
        dyn = np.where(louder[:, None], self.dyn_labels.soft(given.db), self.dyn)
        change = audio.active_level(np.where(louder, given.db, own.db)) - audio.active_level(own.db)
        note = (
            f"prosody_in: {edited.sum()} of {len(own)} frames have the file's pitch, {louder.sum()} its "
            "loudness; the rest is as without it"
        )
        return replace(self, pit=pit, dyn=dyn), change, [note]


def fit(curve: Curve, span: PitchRange | None, way: str = "speech") -> tuple[float, float, str]:
    """(semitones, scale, a line for the user) of `auto_pitch` for a curve; way: see `Controls`.

    For speech its median is put on the voice's, its 5th to 95th percentile narrowed into the trained range.
    (0, 1) when nothing is voiced. Raises UserError for a voice whose range is not known.
    """
    f0 = curve.f0[curve.voiced]
    if not len(f0):
        return 0.0, 1.0, "auto_pitch: nothing is voiced, so there is no melody to move"
    if span is None:
        raise UserError("auto_pitch: the voice card gives no pitch range; encode and train the voice again")
    sung = way in ("auto", "True") and songs.is_sung(curve.f0, curve.voiced)
    if way == "octave" or sung:
        octaves = songs.best_octaves(f0, span.low, span.high, span.median)
        why = ", as it is sung (--auto_pitch semitone: nearer to the voice, in another key)" if sung else ""
        return 12.0 * octaves, 1.0, f"auto_pitch: transposed by {octaves:+d} octaves{why}"
    low, median, high = np.percentile(f0, (5, 50, 95))
    room = np.log2([span.high / span.median, span.median / span.low])
    needed = np.log2([high / median, median / low])
    ratios = [r / n for r, n in zip(room, needed, strict=True) if n > 0]
    semitones = float(12 * np.log2(span.median / median))
    if way == "semitone":
        return float(round(semitones)), 1.0, f"auto_pitch: transposed by {round(semitones):+d} semitones"
    scale = float(np.clip(min([1.0, *ratios]), 0.0, 1.0))
    narrowed = f", melody narrowed to {100 * scale:.0f} %" if scale < 1 else ""
    return semitones, scale, f"auto_pitch: transposed by {semitones:+.1f} semitones{narrowed}"


def pitch_moves(curve: Curve, semitones: float, scale: float) -> np.ndarray:
    """Octaves [N] by which each frame moves: the melody scaled around its median, then transposed."""
    moves = np.full(len(curve), semitones / 12)
    if scale != 1.0 and curve.voiced.any():
        octaves = np.log2(curve.f0)
        moves += (scale - 1) * (octaves - np.median(octaves[curve.voiced]))
    return moves


def _folded(curve: Curve, moves: np.ndarray, span: PitchRange | None) -> tuple[np.ndarray, list[str]]:
    """Octaves [N] by which `fold` moves a curve that has been moved by so many, and a line for the user."""
    if span is None:
        raise UserError("fold: the voice card gives no pitch range; encode and train the voice again")
    octaves = songs.folds(curve.f0 * 2.0**moves, curve.voiced, span.low, span.high)
    count = int((octaves != 0).sum())
    return octaves, [f"fold: {count} voiced frames moved by octaves"] if count else []


def loudness_moves(curve: Curve, scale: float) -> np.ndarray:
    """dB [N] by which each frame moves: speech scaled around its active level, pauses moved along with it."""
    return (scale - 1) * np.maximum(curve.db, ACTIVE_DB)


def align(units: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Content units [N, D] and [M, D] of two recordings -> where in the second each frame of the first is.

    float [N] in [0, M - 1], never falling: the mean of the frames that dynamic time warping on the cosine
    distance puts together (Sakoe and Chiba 1978). Raises UserError when the two are too long to align.
    """
    import librosa  # noqa: PLC0415  it takes seconds to load, and only borrowed prosody needs it

    if len(units) * len(other) > MAX_CELLS:
        seconds = f"{len(units) / audio.UNIT_RATE:.0f} s against {len(other) / audio.UNIT_RATE:.0f} s"
        raise UserError(f"prosody of another recording: {seconds} is too long to align; give shorter files")
    a, b = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9) for x in (units, other))
    _, path = librosa.sequence.dtw(C=1.0 - a @ b.T)
    mine, theirs = path.T
    total = np.bincount(mine, weights=theirs, minlength=len(units))
    return total / np.bincount(mine, minlength=len(units))


def melody_at(curve: Curve, places: np.ndarray, name: Any = "pitch_from") -> np.ndarray:
    """F0 [N] in Hz at fractional frames of a curve; its melody is carried over unvoiced frames.

    Raises UserError, which names the recording, when nothing in it is voiced.
    """
    if not curve.voiced.any():
        raise UserError(f"{name}: nothing in it is voiced, so it has no melody to give")
    at = np.flatnonzero(curve.voiced)
    return np.exp2(np.interp(places, at, np.log2(curve.f0[at])))


def loudness_at(curve: Curve, places: np.ndarray) -> np.ndarray:
    """dB [N] at fractional frames of a curve."""
    return np.interp(places, np.arange(len(curve)), curve.db)


def range_notes(
    curve: Curve, span: PitchRange | None, plain: Curve | None, transpose: float = 0.0
) -> list[str]:
    """A line on the voiced frames outside what the voice was trained on, if there are any.

    plain: the curve before `transpose` (semitones) moved it; None where transposing would not move the curve.
    Advice is computed from it, because what moves beyond the range of the labels ends at its edge.
    """
    f0 = curve.f0[curve.voiced]
    count = 0 if span is None else int(span.outside(f0).sum())
    if not count:
        return []
    note = (
        f"{count} of {len(f0)} voiced frames lie outside the {span.low:.0f} to {span.high:.0f} Hz that the "
        "voice was trained on"
    )
    if plain is None:
        return [note]
    f0 = plain.f0[plain.voiced]
    ways = [span.best_transposition(f0, transpose)]
    if songs.is_sung(plain.f0, plain.voiced):
        ways.insert(0, span.best_transposition(f0, transpose, step=12))
    left = [int(span.outside(f0 * 2 ** (way / 12)).sum()) for way in ways]
    advice = [
        f"--transpose {way} would leave {n}"
        for way, n in dict(zip(ways, left, strict=True)).items()
        if n < count
    ]
    if len(advice) > 1:
        advice[0] += " in the same key"
    return [f"{note}; {', '.join(advice) or 'no --transpose leaves fewer'}"]
