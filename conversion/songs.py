"""Songs: whether a melody is sung, and moving one by whole octaves, which keeps its key."""

from __future__ import annotations

import numpy as np

from common.levels import runs_of

VIBRATO = 9  # units over which F0 is averaged: a period of vibrato
HELD = 8  # units in which a held note drifts less than DRIFT; speech glides through
DRIFT = 0.5  # semitones
SUNG = 0.5  # of the voiced units are held: sung, on however few notes
SUNG_WIDE = 0.15  # are enough where the melody spans WIDE semitones: text on short notes
WIDE = 5.0  # semitones
REACH = 3  # octaves


def held_share(f0: np.ndarray, voiced: np.ndarray) -> float:
    """Fraction of the voiced units of F0 [N] in Hz that lie in the middle of held notes."""
    held = 0
    for first, stop in runs_of(voiced):
        if stop - first >= VIBRATO + HELD:
            semitones = 12 * np.log2(f0[first:stop])
            smooth = np.convolve(semitones, np.full(VIBRATO, 1 / VIBRATO), "valid")
            held += int((np.abs(smooth[HELD:] - smooth[:-HELD]) < DRIFT).sum())
    return held / max(1, int(voiced.sum()))


def is_sung(f0: np.ndarray, voiced: np.ndarray) -> bool:
    """Whether F0 [N] in Hz is a song's, which holds its notes, or speech's, which glides."""
    if not voiced.any():
        return False
    low, high = np.percentile(f0[voiced], (5, 95))
    wide = 12 * np.log2(high / low) >= WIDE
    return held_share(f0, voiced) >= (SUNG_WIDE if wide else SUNG)


def best_octaves(f0: np.ndarray, low: float, high: float, middle: float) -> int:
    """Whole octaves that put voiced f0 [N] in Hz into low to high, and of several those nearest to middle."""
    distance = np.log2(middle / np.median(f0))

    def cost(octaves: int) -> tuple[float, float]:
        moved = f0 * 2.0**octaves
        return round(float(((moved < low) | (moved > high)).mean()), 1), abs(octaves - distance)

    return min(range(-REACH, REACH + 1), key=cost)


def folds(f0: np.ndarray, voiced: np.ndarray, low: float, high: float) -> np.ndarray:
    """Whole octaves [N] that put each voiced stretch of F0 [N] in Hz into low to high; 0 where it fits.

    A stretch moves as a whole, so that no octave is leapt within it.
    """
    octaves = np.zeros(len(f0))
    for first, stop in runs_of(voiced):
        own = f0[first:stop]
        steps = sorted(range(-REACH, REACH + 1), key=abs)
        octaves[first:stop] = min(
            steps, key=lambda o, own=own: int(((own * 2.0**o < low) | (own * 2.0**o > high)).sum())
        )
    return octaves
