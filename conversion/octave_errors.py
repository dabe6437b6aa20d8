"""Octave errors of a pitch model: leaps of a few frames that no voice makes, taken back.

A model that looks at one frame more than at its neighbours takes a harmonic for the fundamental now and then.
Which leap is an error the neighbours tell: of all paths through the distributions, Viterbi's pays for every
octave it goes, so that it leaves its register only where enough frames ask for it.
"""

from __future__ import annotations

import numpy as np

from hubert_pitdyn.labels import PitLabels

COST = 6.0  # nats an octave of the path; between 4 and 8 all the same on 94 recordings
FLOOR = 1e-3  # of a step's probability: one frame's certainty alone is worth less than two octaves
NEAR = 0.25  # octaves around the path in which the pitch is read anew
LEAP = 0.3  # octaves from the path: more than the 20 % of a gross pitch error
CREAK_HZ = 200.0  # leaps down to below it are real: a creaking voice drops by an octave at once


def correct(p: np.ndarray, labels: PitLabels) -> np.ndarray:
    """Distribution [N, K] with its octave errors put back to the register of their neighbours.

    Voicing stays, and so do, to the last bit, the frames that are no errors; when there is none, p itself is
    returned.
    """
    first = int(labels.unvoiced)
    steps = np.asarray(p, dtype=np.float64)[:, first:]
    voiced = steps.sum(axis=-1)
    octaves = labels.bin_cents / 1200 * np.arange(labels.bins)
    share = steps / np.maximum(voiced, 1e-9)[:, None]
    score = voiced[:, None] * np.log(np.maximum(share, FLOOR))
    path = _best_path(score, -COST * np.abs(octaves[:, None] - octaves))
    near = np.where(np.abs(octaves - octaves[path][:, None]) <= NEAR, share, 0.0)
    near[np.arange(len(p)), path] += FLOOR  # the path itself, where the frame says nothing of its register
    onto, own = labels.pitch(np.pad(near, ((0, 0), (first, 0)))), labels.pitch(p)
    far = np.abs(np.log2(own / onto)) > LEAP
    wrong = far & (voiced > 0.5) & ((own > onto) | (own > CREAK_HZ))
    return np.where(wrong[:, None], labels.at(p, onto), p).astype(p.dtype) if wrong.any() else p


def _best_path(score: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Viterbi: score [N, S] of each state, move [S, S] of going from one to another -> states [N].

    librosa's needs three seconds to begin in every process, for what takes milliseconds here.
    """
    best, came = score[0], np.zeros(score.shape, dtype=np.int64)
    for frame in range(1, len(score)):
        ways = best[:, None] + move
        came[frame] = ways.argmax(axis=0)
        best = ways.max(axis=0) + score[frame]
    path = np.empty(len(score), dtype=np.int64)
    path[-1] = best.argmax()
    for frame in range(len(score) - 1, 0, -1):
        path[frame - 1] = came[frame, path[frame]]
    return path
