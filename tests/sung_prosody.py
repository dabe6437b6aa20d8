"""A prosody as models predict it, for tests of edits and of files."""

import numpy as np

from conversion.prosody import Prosody
from hubert_pitdyn.labels import DynLabels, PitLabels

PIT, DYN = PitLabels(), DynLabels()


def melody(count: int = 120) -> np.ndarray:
    """F0 [N] in Hz: a swing over an octave, unvoiced at both ends."""
    f0 = 200 * 2 ** (0.5 * np.sin(np.arange(count) / 9))
    f0[:10] = f0[-10:] = 0
    return f0


def predicted(count: int = 120) -> Prosody:
    """Distributions as models give them: broader than labels, with doubts about voicing."""
    rng = np.random.default_rng(0)
    pit = 0.9 * PIT.soft(melody(count)) + 0.1 * rng.dirichlet(np.ones(PIT.classes), count)
    db = -12 + 9 * np.sin(np.arange(count) / 7)
    return Prosody(pit.astype(np.float32), DYN.soft(db), PIT, DYN)
