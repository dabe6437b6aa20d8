"""A recording in other voices: for content units that keep what is said, and little of who says it.

WORLD changes pitch, its movement and the formants. Then the balance of low and high is another, and some get
noise. Every moment stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from preprocessing import known_f0, moved_copies
from training import crops

PITCH_OCTAVES = (-1.0, 1.0)  # by which a voice moves as a whole
PITCH_HZ = (60.0, 700.0)  # within which it stays: above, a vowel has too few harmonics to be one
MOVEMENT = (0.3, 1.8)  # times its own around the middle
FORMANT_OCTAVES = (-0.3, 0.3)  # from a child's to that of a large man
EQUALISER_DB = 6.0
NOISY = 0.25  # of all copies


def other_voices(wav: np.ndarray, seeds: Iterable[tuple[int, int]]) -> Iterator[np.ndarray]:
    """wav [S] -> float32 [S] for each seed, another voice each; a seed is e.g. of a recording and of a copy.

    Raises UserError when pyworld is not installed.
    """
    voice = moved_copies.analyse(wav.astype(np.float64))
    voiced = voice.f0 > 0
    logs = np.log2(voice.f0[voiced])
    middle = np.median(logs) if voiced.any() else 0.0
    for seed in seeds:
        rng, f0 = np.random.default_rng(seed), np.zeros_like(voice.f0)
        moved = middle + rng.uniform(*PITCH_OCTAVES) + rng.uniform(*MOVEMENT) * (logs - middle)
        f0[voiced] = np.clip(2**moved, *PITCH_HZ)
        made = known_f0.synthesise(voice, f0, rng.uniform(*FORMANT_OCTAVES), len(wav))
        yield crops.noisy(crops.equalised(made, EQUALISER_DB, seed), NOISY, seed)
