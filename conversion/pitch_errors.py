"""What a pitch model gets wrong and the recording shows: octaves, and hum that it takes for a voice."""

from __future__ import annotations

import numpy as np

import audio
from conversion import octave_errors
from hubert_pitdyn.labels import PitLabels

HUM_DB = -33.0  # re the active level: a voice so far down is rarer than hum between words
SURE = 0.8  # of being voiced, to be taken for a voice there


def correct(
    p: np.ndarray, labels: PitLabels, wav: audio.Samples, relative: np.ndarray | None = None
) -> np.ndarray:
    """Distribution [N, K] of a wav [320N] without these errors; what has none stays to the last bit.

    relative [N]: loudness in dB re the active level (None: that of the wav). Where nothing is to be changed p
    itself is returned.
    """
    found = octave_errors.correct(p, labels, wav)
    relative = relative_loudness(wav) if relative is None else relative
    faint = np.flatnonzero(relative < HUM_DB) if labels.unvoiced else ()
    if len(faint):
        found = found.copy() if found is p else found
        steps = found[faint, 1:] * (0.5 / SURE)
        found[faint, 1:] = steps
        found[faint, 0] = 1 - steps.sum(axis=-1)
    return found


def relative_loudness(wav: audio.Samples) -> np.ndarray:
    """dB [N] of a wav [320N] re its active level."""
    db = audio.loudness(wav, floor_db=audio.SILENCE_DB)
    return db - audio.active_level(db)
