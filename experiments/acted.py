"""Speech as actors give it, with known F0: glides, shouts and creak, made of recordings by WORLD.

Training has recordings on other pitches, but none with these. Each is a wav float64 [S] and its F0 every
`known_f0.STEP` seconds, in Hz, 0 = unvoiced, NaN where the labels and WORLD differ about the voice; None
where nothing is voiced.
"""

from __future__ import annotations

import numpy as np

import audio
from common.levels import runs_of
from preprocessing.known_f0 import STEP, Known, Recording, Take, analysed, synthesise
from preprocessing.moved_copies import smooth

LOW, HIGH = 60.0, 900.0  # Hz, of glides and shouts
GLIDE_SECONDS, GLIDE_OCTAVES = 0.3, 1.0  # from one turn to the next, and how far from the middle
SHOUT_OCTAVES, SHOUT_RANGE = (0.6, 1.2), (1.3, 1.8)  # above the speaker's own pitch; times its movement
MOUTH = (0.08, 0.2)  # octaves that formants rise in an open one
EFFORT_DB, EFFORT_FROM, EFFORT_TO = (
    6.0,
    500.0,
    4000.0,
)  # an octave, between these Hz: what a pressed glottis adds
DRIVE = 3.0  # times full scale, before the wave is rounded off as by a microphone too near
CREAK_SHARE, CREAK_HERTZ = 0.5, (50.0, 75.0)  # of each stretch of voice, at its end, and where it ends
JITTER, SHIMMER_DB, UNEVEN_FRAMES = 0.08, 3.0, 3  # from one pulse to the next, and how long one is


def glided(recording: Recording, rng: np.random.Generator) -> Known | None:
    """Up and down in two octaves, with three turns a second, whatever the words are."""
    if (take := analysed(recording)) is None:
        return None
    curve = smooth(len(take.found), GLIDE_SECONDS / STEP, GLIDE_OCTAVES, rng)
    f0 = np.where(take.found, np.clip(take.middle * 2**curve, LOW, HIGH), 0.0)
    return synthesise(take.voice, f0, 0.0, len(recording.wav)), take.known(f0)


def shouted(recording: Recording, rng: np.random.Generator) -> Known | None:
    """Higher and livelier, with an open mouth and strong overtones, and overdriven."""
    if (take := analysed(recording)) is None:
        return None
    logs = np.log2(np.where(take.found, take.voice.f0, take.middle) / take.middle)
    moved = take.middle * 2 ** (rng.uniform(*SHOUT_OCTAVES) + rng.uniform(*SHOUT_RANGE) * logs)
    f0 = np.where(take.found, np.clip(moved, LOW, HIGH), 0.0)
    hertz = np.linspace(0, audio.SAMPLE_RATE / 2, take.voice.envelope.shape[1])
    octaves = np.log2(np.clip(hertz, EFFORT_FROM, EFFORT_TO) / EFFORT_FROM)
    voice = take.voice._replace(envelope=take.voice.envelope * 10 ** (EFFORT_DB * octaves / 10))
    wav = synthesise(voice, f0, rng.uniform(*MOUTH), len(recording.wav))
    return np.tanh(DRIVE * wav / np.abs(wav).max()), take.known(f0)


def creaked(recording: Recording, rng: np.random.Generator) -> Known | None:
    """Each stretch of voice falls into slow, uneven pulses; their F0 is what they are uneven around."""
    if (take := analysed(recording)) is None:
        return None
    depth = falling(take)
    logs = np.log2(np.where(take.found, take.voice.f0, take.middle))
    f0 = np.where(take.found, 2 ** (logs + depth * (np.log2(rng.uniform(*CREAK_HERTZ)) - logs)), 0.0)
    jitter, shimmer = (depth * _uneven(len(depth), rng) for _ in range(2))
    wav = synthesise(take.voice, f0 * np.exp(JITTER * jitter), 0.0, len(recording.wav))
    frames = np.minimum((np.arange(len(wav)) / audio.SAMPLE_RATE / STEP).astype(int), len(depth) - 1)
    return wav * 10 ** (SHIMMER_DB * shimmer[frames] / 20), take.known(f0)


def falling(take: Take) -> np.ndarray:
    """How far a voice has fallen [N], 0 to 1: from a part of each stretch on, fast and then slowly."""
    depth = np.zeros(len(take.found))
    for start, end in runs_of(take.found):
        size = int(CREAK_SHARE * (end - start))
        depth[end - size : end] = np.sqrt(np.linspace(0, 1, size))
    return depth


def _uneven(count: int, rng: np.random.Generator) -> np.ndarray:
    """Noise [count] of deviation 1 that changes every UNEVEN_FRAMES frames."""
    return np.repeat(rng.standard_normal(count // UNEVEN_FRAMES + 1), UNEVEN_FRAMES)[:count]
