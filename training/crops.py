"""Training crops changed while their labels stay exact: played faster or slower, equalised, and with noise.

Playing m units of a recording in the time of n multiplies pitch and formants by m / n. A model that has
to know any speaker at any pitch learns more from that than from a copy with its formants kept. Another
balance of low and high is like another speaker or microphone (so in ContentVec, arXiv 2204.09224). Noise is
for rooms and microphones: training data is cleaner than the recordings of users.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import resample

from audio import SAMPLE_RATE


def crop_start(length: int, size: int, crop_seed: tuple[int, int]) -> int:
    """Unit at which a random crop of `size` units begins in `length` units (0 when it all fits)."""
    return int(np.random.default_rng([*crop_seed, 1]).integers(0, max(1, length - size + 1)))


def speed_range(octaves: float | Sequence[float]) -> tuple[float, float]:
    """`speed_octaves` of a preset, up to that much slower or faster or between two figures, as the two."""
    return tuple(octaves) if isinstance(octaves, Sequence) else (-octaves, octaves)


def crop_at_speed(
    units: int, available: int, octaves: tuple[float, float], crop_seed: tuple[int, int]
) -> tuple[int, int]:
    """(how many of `available` units to play, in the time of how many): at most `units`, fewer where a fast
    crop has not enough to play. The speed is 2^x, x uniform in octaves; the same crop_seed gives the same.
    """
    speed = 2.0 ** np.random.default_rng([*crop_seed, 2]).uniform(*octaves)
    wanted = max(1, round(units * speed))
    if wanted <= available:
        return wanted, units
    return available, max(1, round(available / speed))


SNR_DB = (5.0, 40.0)  # of noisy crops
NOISE_SLOPE = (0.0, 2.0)  # its power falls with this power of frequency: white to brown
EQUALISER_KNOTS = 9  # between which the gains of an equaliser are interpolated, evenly on the mel scale
NOISE_FLOOR = 0.005  # of the spectrum's length, below which the slope does not rise further (40 Hz)


def at_speed(wav: np.ndarray, samples: int) -> np.ndarray:
    """wav [S] -> the same sound in `samples` samples, float32, by the Fourier method.

    Exact for periodic sounds; at the ends of a crop the two sides run into one another for some samples.
    """
    return resample(wav, samples).astype(np.float32)


def noisy(wav: np.ndarray, share: float, crop_seed: tuple[int, int]) -> np.ndarray:
    """wav [S] with noise, for this share of all crop seeds, else as it is; float32.

    Signal-to-noise ratio and colour are drawn from SNR_DB and NOISE_SLOPE, by the seed alone.
    """
    rng = np.random.default_rng([*crop_seed, 3])
    if rng.uniform() >= share:
        return wav
    snr, slope = rng.uniform(*SNR_DB), rng.uniform(*NOISE_SLOPE)
    spectrum = np.fft.rfft(rng.standard_normal(len(wav)))
    place = np.maximum(np.linspace(0.0, 1.0, len(spectrum)), NOISE_FLOOR)
    noise = np.fft.irfft(spectrum * place ** (-slope / 2), len(wav))
    gain = np.sqrt(np.square(wav, dtype=np.float64).mean() / np.square(noise).mean()) * 10 ** (-snr / 20)
    return (wav + gain * noise).astype(np.float32)


def equalised(wav: np.ndarray, decibels: float, crop_seed: tuple[int, int]) -> np.ndarray:
    """wav [S] through gains within ± decibels, another set for each crop seed; float32, as loud as before."""
    gains = np.random.default_rng([*crop_seed, 4]).uniform(-decibels, decibels, EQUALISER_KNOTS)
    spectrum = np.fft.rfft(wav)
    mel = np.log1p(np.linspace(0, SAMPLE_RATE / 2, len(spectrum)) / 700)
    curve = np.interp(mel, np.linspace(0, mel[-1], EQUALISER_KNOTS), gains)
    made = np.fft.irfft(spectrum * 10 ** (curve / 20), len(wav))
    before, after = (np.square(x, dtype=np.float64).mean() for x in (wav, made))
    return (made * np.sqrt(before / max(after, 1e-12))).astype(np.float32)


def stretch_classes(classes: np.ndarray, units: int) -> np.ndarray:
    """Classes [M] -> [units]: at every new unit's centre that of the old unit there."""
    return classes[np.floor(_places(len(classes), units) + 0.5).astype(int)]


def stretch_features(features: np.ndarray, units: int) -> np.ndarray:
    """Features [M, dim] -> [units, dim], interpolated linearly; float32."""
    place = _places(len(features), units)
    left = np.floor(place).astype(int)
    right = np.minimum(left + 1, len(features) - 1)
    share = (place - left)[:, None].astype(np.float32)
    return (1 - share) * features[left] + share * features[right]


def stretch_f0(f0: np.ndarray, units: int) -> np.ndarray:
    """F0 [M] in Hz, 0 = unvoiced -> [units], M / units times as high as before.

    Log-F0 is interpolated between voiced units; across a change of voicing the nearer unit decides.
    """
    place = _places(len(f0), units)
    left = np.floor(place).astype(int)
    right = np.minimum(left + 1, len(f0) - 1)
    share = place - left
    a, b = f0[left], f0[right]
    both = (a > 0) & (b > 0)
    between = np.exp((1 - share) * np.log(np.where(both, a, 1)) + share * np.log(np.where(both, b, 1)))
    return np.where(both, between, np.where(share < 0.5, a, b)) * (len(f0) / units)


def _places(before: int, after: int) -> np.ndarray:
    """Where the centres of `after` units lie among `before` units, in [0, before - 1]."""
    return np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
