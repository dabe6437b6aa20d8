"""Octave errors of a pitch model: leaps of a few frames that no voice makes, taken back.

A model that looks at one frame more than at its neighbours takes a harmonic for the fundamental now and then.
Which leap is an error the neighbours tell: of all paths through the distributions, Viterbi's pays for every
octave it goes, so that it leaves its register only where enough frames ask for it. Before that, `harmonics`
says of frames between two octaves what the spectrum does.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from common.rows import ROWS
from conversion import harmonics
from hubert_pitdyn.labels import PitLabels

COST = 6.0  # nats an octave of the path; between 4 and 8 all the same on 94 recordings
FLOOR = 1e-3  # of a step's probability: one frame's certainty alone is worth less than two octaves
NEAR = 0.25  # octaves around the path in which the pitch is read anew
LEAP = 0.3  # octaves from the path: more than the 20 % of a gross pitch error
CREAK_HZ = 200.0  # leaps down to below it are real: a creaking voice drops by an octave at once


def correct(p: np.ndarray, labels: PitLabels, wav: np.ndarray) -> np.ndarray:
    """Distribution [N, K] of a wav [320N] with its octave errors put back to their neighbours' register.

    Voicing stays, and so do, to the last bit, the frames that are no errors; when there is none, p itself is
    returned.
    """
    weighed = corrected = harmonics.weigh(p, labels, wav)
    octaves = labels.bin_cents / 1200 * np.arange(labels.bins)
    parts = [slice(first, first + ROWS) for first in range(0, len(p), ROWS)]
    scores = (_score(weighed[part], labels) for part in parts)
    path = _best_path(scores, -COST * np.abs(octaves[:, None] - octaves))
    for part in parts:
        wrong, onto = _errors(weighed[part], p[part], path[part], octaves, labels)
        if wrong.any():
            corrected = p.copy() if corrected is p else corrected
            corrected[part] = np.where(wrong[:, None], labels.at(weighed[part], onto), weighed[part])
    return corrected


def _score(p: np.ndarray, labels: PitLabels) -> np.ndarray:
    """Nats [N, S] of each step."""
    voiced, share = harmonics.fractions(p, labels)
    return voiced[:, None] * np.log(np.maximum(share, FLOOR))


def _errors(
    weighed: np.ndarray, p: np.ndarray, path: np.ndarray, octaves: np.ndarray, labels: PitLabels
) -> tuple[np.ndarray, np.ndarray]:
    """Which frames [N] are octave errors beside a path [N], and the F0 [N] in Hz that each has near it.

    p: the model's own view. A low leap that it knows nothing of is the spectrum's error and no creak.
    """
    voiced, share = harmonics.fractions(weighed, labels)
    near = np.where(np.abs(octaves - octaves[path][:, None]) <= NEAR, share, 0.0)
    near[np.arange(len(p)), path] += FLOOR  # the path itself, where the frame says nothing of its register
    onto, own = labels.pitch(np.pad(near, ((0, 0), (int(labels.unvoiced), 0)))), labels.pitch(weighed)
    far, creak = np.abs(np.log2(own / onto)) > LEAP, (own <= onto) & (own <= CREAK_HZ)
    creak &= np.abs(np.log2(own / labels.pitch(p))) <= LEAP
    return far & (voiced > 0.5) & ~creak, onto


def _best_path(scores: Iterable[np.ndarray], move: np.ndarray) -> np.ndarray:
    """Viterbi: scores [N', S] of each state, part after part, move [S, S] of going from one to another ->
    states [N].

    librosa's needs three seconds to begin in every process, for what takes milliseconds here.
    """
    best, parts = None, []
    for score in scores:
        came = np.zeros(score.shape, dtype=np.uint8)  # there are at most 100 states
        for frame, own in enumerate(score):
            if best is None:
                best = own
                continue
            ways = best[:, None] + move
            came[frame] = ways.argmax(axis=0)
            best = ways.max(axis=0) + own
        parts.append(came)
    came = np.concatenate(parts)
    path = np.empty(len(came), dtype=np.int64)
    path[-1] = best.argmax()
    for frame in range(len(came) - 1, 0, -1):
        path[frame - 1] = came[frame, path[frame]]
    return path
