"""What recordings of users have beside the voice, put on training crops: their labels stay exact.

Hum, music and clicks are added, rooms and narrow resonances change the sound. Each kind comes upon its own
fraction of the crops, drawn by the crop's seed alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import fftconvolve

from audio import SAMPLE_RATE

HUM_HZ = (40.0, 160.0)  # the mains, fans, computers: one bank has 90 Hz in its pauses, and 140
HUM_DB, MUSIC_DB = (15.0, 40.0), (15.0, 35.0)  # below the crop
ROOM_SECONDS = (0.1, 0.8)  # in which a room's reverberation falls by 60 dB
ROOM_DB = (-4.0, 16.0)  # of the direct sound over all the rest
CLICKS = 4  # in a crop, at most
CLICK_SECONDS = (0.0005, 0.03)
CLICK_DB = (-6.0, 6.0)  # of a click's peak re the crop's: what the encoders are given has none that is louder
PEAKS = 3  # resonances, at most
PEAK_DB = 15.0
PEAK_HZ, PEAK_OCTAVES = (100.0, 4000.0), (0.1, 0.5)  # centre and half width of a resonance
GAIN_DB = 6.0
CHORD_SECONDS = (0.2, 0.8)


def disturbed(wav: np.ndarray, share: float, crop_seed: tuple[int, int]) -> np.ndarray:
    """wav [S] with each of KINDS for this share of all crop seeds; float32."""
    for number, change in enumerate(KINDS, 5):
        rng = np.random.default_rng([*crop_seed, number])
        if rng.uniform() < share:
            wav = change(wav, rng)
    return wav.astype(np.float32)


def resonant(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Narrow peaks and dips, as of a telephone, a small speaker or a cheap microphone; as loud as before."""
    hertz = np.maximum(np.linspace(0, SAMPLE_RATE / 2, len(wav) // 2 + 1), 1.0)
    curve = np.zeros(len(hertz))
    for _ in range(rng.integers(1, PEAKS + 1)):
        centre, width = _log_uniform(rng, PEAK_HZ), rng.uniform(*PEAK_OCTAVES)
        curve += rng.uniform(-PEAK_DB, PEAK_DB) * np.exp(-0.5 * (np.log2(hertz / centre) / width) ** 2)
    made = np.fft.irfft(np.fft.rfft(wav) * 10 ** (curve / 20), len(wav))
    return made * (_rms(wav) / max(_rms(made), 1e-9))


def in_room(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reverberation: noise that dies away, behind the direct sound; as loud as before."""
    seconds = rng.uniform(*ROOM_SECONDS)
    times = np.arange(1, int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(times)) * 10 ** (-3 * times / seconds)
    tail *= 10 ** (-rng.uniform(*ROOM_DB) / 20) / np.sqrt(np.square(tail).sum())
    made = fftconvolve(wav, np.concatenate([[1.0], tail]))[: len(wav)]
    return made * (_rms(wav) / max(_rms(made), 1e-9))


def with_hum(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A low tone that never changes, and its harmonics."""
    times = np.arange(len(wav)) / SAMPLE_RATE
    base = _log_uniform(rng, HUM_HZ)
    parts = [
        rng.uniform() / h * np.sin(2 * np.pi * (h * base * times + rng.uniform())) for h in (1, 2, 3, 4, 5, 7)
    ]
    return wav + _below(sum(parts), wav, rng.uniform(*HUM_DB))


def with_music(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Chords of plucked strings far behind the voice."""
    music = np.zeros(len(wav))
    start = 0
    while start < len(wav):
        length = int(rng.uniform(*CHORD_SECONDS) * SAMPLE_RATE)
        times = np.arange(min(length, len(wav) - start)) / SAMPLE_RATE
        for semitones in (0, *rng.choice([3, 4, 7, 10, 12], 2, replace=False)):
            hertz = 110 * 2 ** ((semitones + rng.integers(0, 24)) / 12)
            for h in range(1, 6):
                music[start : start + len(times)] += (
                    np.exp(-times * 4 * h) / h * np.sin(2 * np.pi * h * hertz * times)
                )
        start += length
    return wav + _below(music, wav, rng.uniform(*MUSIC_DB))


def with_clicks(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pops and knocks as loud as the voice: noise that dies away within milliseconds, bright or dull."""
    made, peak = wav.astype(np.float64), np.abs(wav).max(initial=0.0)
    for _ in range(rng.integers(1, CLICKS + 1)):
        length = int(_log_uniform(rng, CLICK_SECONDS) * SAMPLE_RATE)
        noise = rng.standard_normal(6 * length) * np.exp(-np.arange(6 * length) / length)
        dull = rng.integers(1, max(2, length // 2))
        noise = np.convolve(noise, np.ones(dull) / dull, "same")
        at = int(rng.integers(0, max(1, len(wav) - len(noise))))
        here = noise[: len(wav) - at] * peak * 10 ** (rng.uniform(*CLICK_DB) / 20) / np.abs(noise).max()
        made[at : at + len(here)] += here
    return made


def louder_or_softer(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At another level: the active level of a recording is an estimate, too."""
    return wav * 10 ** (rng.uniform(-GAIN_DB, GAIN_DB) / 20)


KINDS: tuple[Callable[[np.ndarray, np.random.Generator], np.ndarray], ...] = (
    resonant,
    in_room,
    with_hum,
    with_music,
    with_clicks,
    louder_or_softer,
)


def _below(added: np.ndarray, wav: np.ndarray, decibels: float) -> np.ndarray:
    """A sound so many dB below a crop."""
    return added * (_rms(wav) * 10 ** (-decibels / 20) / max(_rms(added), 1e-9))


def _rms(wav: np.ndarray) -> float:
    return float(np.sqrt(np.square(wav, dtype=np.float64).mean()))


def _log_uniform(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))
