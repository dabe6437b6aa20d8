"""Octave errors of a tracker, corrected by a second one: for labels, whose errors a model would learn."""

from __future__ import annotations

import numpy as np

from hubert_pitdyn import pitch

ALIKE = 1 / 12  # octaves between two trackers that agree
APART = 3 / 12  # octaves between two that do not
NEAR = 4 / 12  # octaves from the pitch around, in which a voice that glides still is
AROUND = 25  # units on either side whose pitch counts, half a second
ENOUGH = 5  # agreed units among them


def second(tracker: str) -> str | None:
    """The tracker that checks another: one that is a requirement; None where there is none."""
    if tracker in pitch.PACKAGES:
        return "yin"
    return None if pitch.missing(pitch.DEFAULT) else pitch.DEFAULT


def corrected(
    wav: np.ndarray, f0: np.ndarray, tracker: str, f_min: float, f_max: float
) -> tuple[np.ndarray, np.ndarray]:
    """F0 [N] in Hz of a tracker, 0 = unvoiced, with its octave errors corrected, and doubtful [N] bool.

    wav [320N]. An error is where a second tracker finds another pitch, and where that, not the first, is near
    the pitch on which both agree around it. Where the two differ by more than 3 semitones and nothing around
    decides between them, the pitch is doubtful, and F0 is 0.
    """
    other_tracker = second(tracker)
    doubtful = np.zeros(len(f0), dtype=bool)
    if other_tracker is None or not (f0 > 0).any():
        return f0, doubtful
    other, _, _ = pitch.analyse(wav, other_tracker, f_min, f_max)
    voiced = f0 > 0
    own, theirs = (np.log2(np.maximum(x, 1.0)) for x in (f0, other))
    agreed = np.flatnonzero(voiced & (np.abs(own - theirs) < ALIKE))
    made = f0.copy()
    for unit in np.flatnonzero(voiced & (np.abs(own - theirs) > APART)):
        near = agreed[np.searchsorted(agreed, unit - AROUND) : np.searchsorted(agreed, unit + AROUND + 1)]
        around = np.median(own[near]) if len(near) >= ENOUGH else np.nan
        if abs(own[unit] - around) < NEAR:
            continue
        if abs(theirs[unit] - around) < NEAR:
            made[unit] = other[unit]
        else:
            made[unit], doubtful[unit] = 0.0, True
    return made, doubtful
