"""Prosody between analysis and embedding: read as a curve, borrowed, edited.

Every change is made on the class distributions of single frames, so what a control does not touch stays as
the models heard it, to the last bit. Letters: N units, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import audio
from common.cli import UserError
from hubert_pitdyn.labels import DynLabels, PitLabels

ACTIVE_DB = -25.0  # re active level; below it is pause, which dyn_scale only moves along with speech
REACH_SEMITONES = 36  # the range adviser looks no further
SAME_HZ, SAME_DB = 0.0051, 0.0051  # a curve given back with two decimals is the same curve
MAX_CELLS = 100_000_000  # of the alignment's cost matrix: 200 s against 200 s


@dataclass(frozen=True)
class Controls:
    """How to change the prosody of a source; the defaults change nothing.

    transpose: semitones. auto_pitch: put the source's median on that of the voice's recordings, and where its
    range does not fit into what the voice was trained on, narrow it until it does. pitch_scale: widens (> 1)
    or flattens (0) the melody around its median. dyn_gain: dB. dyn_scale: the same as pitch_scale for
    loudness, around the active level. Raises UserError for a number that is not finite.
    """

    transpose: float = 0.0
    auto_pitch: bool = False
    pitch_scale: float = 1.0
    dyn_gain: float = 0.0
    dyn_scale: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not np.isfinite(value):
                raise UserError(f"{name}: expected a finite number, found {value}")


@dataclass(frozen=True)
class Curve:
    """Prosody in physical units: f0 [N] in Hz (on unvoiced frames a guess), voiced [N] bool, db [N] re the
    active level."""

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

    def best_transposition(self, f0: np.ndarray, near: float = 0.0) -> int:
        """Whole semitones that leave the fewest frames of voiced f0 [N] outside; of several those nearest."""
        steps = sorted(range(-REACH_SEMITONES, REACH_SEMITONES + 1), key=lambda s: abs(s - near))
        return min(steps, key=lambda s: int(self.outside(f0 * 2 ** (s / 12)).sum()))


def read(pit: np.ndarray, dyn: np.ndarray, pit_labels: PitLabels, dyn_labels: DynLabels) -> Curve:
    """Distributions pit [N, Kp] and dyn [N, Kd] -> the curve they stand for."""
    _, voiced = pit_labels.decode_soft(pit)
    return Curve(pit_labels.pitch(pit), voiced > 0.5, dyn_labels.decode_soft(dyn))


def fit(curve: Curve, span: PitchRange) -> tuple[float, float]:
    """(semitones, scale) of `auto_pitch` for a curve: its median onto the voice's, its 5th to 95th percentile
    into the trained range. (0, 1) when nothing is voiced."""
    f0 = curve.f0[curve.voiced]
    if not len(f0):
        return 0.0, 1.0
    low, median, high = np.percentile(f0, (5, 50, 95))
    room = np.log2([span.high / span.median, span.median / span.low])
    needed = np.log2([high / median, median / low])
    shares = [r / n for r, n in zip(room, needed, strict=True) if n > 0]
    return float(12 * np.log2(span.median / median)), float(np.clip(min([1.0, *shares]), 0.0, 1.0))


def pitch_moves(curve: Curve, semitones: float, scale: float) -> np.ndarray:
    """Octaves [N] by which each frame moves: the melody scaled around its median, then transposed."""
    moves = np.full(len(curve), semitones / 12)
    if scale != 1.0 and curve.voiced.any():
        octaves = np.log2(curve.f0)
        moves += (scale - 1) * (octaves - np.median(octaves[curve.voiced]))
    return moves


def loudness_moves(curve: Curve, scale: float) -> np.ndarray:
    """dB [N] by which each frame moves: speech scaled around its active level, pauses moved along with it."""
    return (scale - 1) * np.maximum(curve.db, ACTIVE_DB)


def align(units: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Content units [N, D] and [M, D] of two recordings -> where in the second each frame of the first is.

    float [N] in [0, M - 1], never falling: the mean of the frames that dynamic time warping on the cosine
    distance puts together (Sakoe and Chiba 1978). Raises ValueError when the two are too long to align.
    """
    import librosa

    if len(units) * len(other) > MAX_CELLS:
        raise ValueError(f"{len(units) / 50:.0f} s against {len(other) / 50:.0f} s is too long to align")
    a, b = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9) for x in (units, other))
    _, path = librosa.sequence.dtw(C=1.0 - a @ b.T)
    mine, theirs = path.T
    total = np.bincount(mine, weights=theirs, minlength=len(units))
    return total / np.bincount(mine, minlength=len(units))


def melody_at(curve: Curve, places: np.ndarray) -> np.ndarray:
    """F0 [N] in Hz at fractional frames of a curve; its melody is carried over unvoiced frames.

    Raises ValueError when nothing in it is voiced.
    """
    if not curve.voiced.any():
        raise ValueError("nothing in it is voiced, so it has no melody to give")
    at = np.flatnonzero(curve.voiced)
    return np.exp2(np.interp(places, at, np.log2(curve.f0[at])))


def loudness_at(curve: Curve, places: np.ndarray) -> np.ndarray:
    """dB [N] at fractional frames of a curve."""
    return np.interp(places, np.arange(len(curve)), curve.db)


def replace(
    pit: np.ndarray, dyn: np.ndarray, given: Curve, pit_labels: PitLabels, dyn_labels: DynLabels
) -> tuple[np.ndarray, np.ndarray, float, list[str]]:
    """Distributions [N, K] with a given curve in their place, on the frames where it differs from theirs.

    Also the dB by which that moves the active level, 0 where no loudness differs, and what to tell the user.
    """
    own = read(pit, dyn, pit_labels, dyn_labels)
    other_pitch = given.voiced & (np.abs(given.f0 - own.f0) > SAME_HZ)
    edited = other_pitch | (given.voiced != own.voiced)
    louder = np.abs(given.db - own.db) > SAME_DB
    pits = pit_labels.soft(np.where(given.voiced, given.f0, 0.0))
    pit = np.where(edited[:, None], pits, pit)
    dyn = np.where(louder[:, None], dyn_labels.soft(given.db), dyn)
    change = audio.active_level(np.where(louder, given.db, own.db)) - audio.active_level(own.db)
    note = (
        f"prosody_in: {edited.sum()} of {len(own)} frames have the file's pitch, {louder.sum()} its "
        "loudness; the rest is as without it"
    )
    return pit, dyn, change, [note]


def edit(
    pit: np.ndarray,
    dyn: np.ndarray,
    controls: Controls,
    span: PitchRange | None,
    pit_labels: PitLabels,
    dyn_labels: DynLabels,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The controls applied to distributions [N, K] (dyn_gain is the output's), and what to tell the user.

    span: pitch range of the voice, without which auto_pitch raises UserError.
    """
    curve, notes = read(pit, dyn, pit_labels, dyn_labels), []
    semitones, scale = controls.transpose, controls.pitch_scale
    if controls.auto_pitch and not curve.voiced.any():
        notes.append("auto_pitch: nothing is voiced, so there is no melody to move")
    elif controls.auto_pitch:
        if span is None:
            raise UserError(
                "auto_pitch: the voice card tells no pitch range; encode and train the voice again"
            )
        chosen, narrowed = fit(curve, span)
        semitones, scale = semitones + chosen, scale * narrowed
        melody = f", melody narrowed to {100 * narrowed:.0f} %" if narrowed < 1 else ""
        notes.append(f"auto_pitch: transposed by {chosen:+.1f} semitones{melody}")
    if semitones or scale != 1.0:
        pit = pit_labels.shift(pit, pitch_moves(curve, semitones, scale))
    if controls.dyn_scale != 1.0:
        dyn = dyn_labels.shift(dyn, loudness_moves(curve, controls.dyn_scale))
    return pit, dyn, notes


def range_notes(
    curve: Curve, span: PitchRange | None, plain: Curve | None, transpose: float = 0.0
) -> list[str]:
    """A line on the voiced frames outside what the voice was trained on, if there are any.

    plain: the curve as it was before `transpose` (semitones) moved it, from which advice is reckoned, since
    what is moved beyond the labels' range lies at its end; None where transposing would not move the curve.
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
    best = span.best_transposition(f0, transpose)
    left = int(span.outside(f0 * 2 ** (best / 12)).sum())
    advice = f"--transpose {best} would leave {left}" if left < count else "no --transpose leaves fewer"
    return [f"{note}; {advice}"]
