"""Edits of a curve that an editor or a script asks for by a stretch: smooth, snap to notes, vibrato.

Each takes a curve and a stretch of its units, first to stop, and gives a new curve; what lies outside the
stretch, and all unvoiced units, stay to the last bit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audio import UNIT_RATE
from common.cli import UserError
from common.levels import runs_of
from conversion.prosody import Curve

SMOOTH_UNITS = 9  # a window of 180 ms, one period of a usual vibrato
STRAIGHT_UNITS = 17  # two periods: a Hann window of that length lets nothing of a vibrato through
NOTE_UNITS = 6  # a note lasts 120 ms; what is shorter belongs to one beside it
HYSTERESIS = 0.3  # semitones beyond the middle between two notes, from which on it is the other
GLIDE_UNITS = 5  # in which one note passes into the next
VIBRATO_HZ = 5.5  # of singers: 5 to 6 Hz (Prame 1994)
ONSET_UNITS = 10  # a vibrato begins so long after its note
LIMITS = {"vibrato": (0.0, 300.0)}  # cents to either side
LOWEST_HZ, HIGHEST_HZ = 20.0, 2000.0  # what a prosody file may hold


def smoothed(curve: Curve, first: int, stop: int) -> Curve:
    """F0 averaged over SMOOTH_UNITS within each voiced stretch, and loudness over as many units."""
    _check(curve, first, stop)
    return replace(_changed(curve, first, stop, _mean), db=_within(curve.db, first, stop, _mean))


def snapped(curve: Curve, first: int, stop: int) -> Curve:
    """Each note moved onto the nearest semitone (A4 = 440 Hz); its own vibrato and drift stay around that."""
    _check(curve, first, stop)
    return _changed(curve, first, stop, _on_notes)


def with_vibrato(curve: Curve, first: int, stop: int, cents: float) -> Curve:
    """The melody without what moves faster than a note, and with a vibrato of so many cents; 0: straight.

    Raises UserError for a depth beyond LIMITS.
    """
    _check(curve, first, stop)
    low, high = LIMITS["vibrato"]
    if not low <= cents <= high:
        raise UserError(f"vibrato: expected a depth from {low:g} to {high:g} cents, found {cents:g}")

    def waved(semitones: np.ndarray) -> np.ndarray:
        time = np.arange(len(semitones))
        fade = np.clip(time / ONSET_UNITS, 0.0, 1.0)
        wave = np.sin(2 * np.pi * VIBRATO_HZ * time / UNIT_RATE)
        return _mean(semitones, STRAIGHT_UNITS, "even") + cents / 100 * fade * wave

    return _changed(curve, first, stop, waved)


def _check(curve: Curve, first: int, stop: int) -> None:
    if not 0 <= first < stop <= len(curve):
        raise UserError(f"expected a stretch within units 0 to {len(curve)}, found {first} to {stop}")


def _changed(curve: Curve, first: int, stop: int, change) -> Curve:
    """change: semitones [n] of a voiced stretch -> semitones [n]."""
    f0, inside = curve.f0.copy(), curve.voiced.copy()
    inside[:first], inside[stop:] = False, False
    for start, end in runs_of(inside):
        moved = 2.0 ** (change(12 * np.log2(curve.f0[start:end] / 440.0)) / 12)
        f0[start:end] = np.clip(440.0 * moved, LOWEST_HZ, HIGHEST_HZ)
    return replace(curve, f0=f0)


def _within(values: np.ndarray, first: int, stop: int, change) -> np.ndarray:
    out = values.copy()
    out[first:stop] = change(values[first:stop])
    return out


def _mean(values: np.ndarray, units: int = SMOOTH_UNITS, mirror: str = "odd") -> np.ndarray:
    """Mean over a Hann window; the ends mirrored, "odd" so that they stay where they are."""
    half = min(units // 2, len(values) - 1)
    if half < 1:
        return values
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(values, half, mode="reflect", reflect_type=mirror)
    return np.convolve(padded, window / window.sum(), "valid")


def _on_notes(semitones: np.ndarray) -> np.ndarray:
    """Semitones [n] of a voiced stretch, each note's median moved onto a whole number."""
    notes = _notes(_mean(semitones))
    moves = np.zeros(len(semitones))
    for start, end in _runs(notes):
        moves[start:end] = notes[start] - np.median(semitones[start:end])
    return semitones + (_mean(moves, GLIDE_UNITS) if len(np.unique(moves)) > 1 else moves)


def _notes(semitones: np.ndarray) -> np.ndarray:
    """The whole semitone [n] of each unit: one that lasts, not left for a moment or by a little."""
    notes = np.empty(len(semitones))
    now = np.round(semitones[0])
    for at, value in enumerate(semitones):
        if abs(value - now) > 0.5 + HYSTERESIS:
            now = np.round(value)
        notes[at] = now
    runs = _runs(notes)
    while len(runs) > 1 and (short := min(runs, key=lambda run: run[1] - run[0]))[1] - short[0] < NOTE_UNITS:
        start, end = short
        sides = [notes[at] for at in (start - 1, end) if 0 <= at < len(notes)]
        middle = float(np.median(semitones[start:end]))
        notes[start:end] = min(sides, key=lambda side: abs(side - middle))
        runs = _runs(notes)
    return notes


def _runs(values: np.ndarray) -> list[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return list(zip(edges[:-1], edges[1:], strict=True))
