"""Samples of any recording -> one channel without a constant offset, at the rate wanted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soxr

from common import decoding
from common.cli import UserError

CANCELLED_DB = 7.0  # the mean of channels that far below one of them; a voice on one of two is 6 dB below
MAX_CHANNELS = 64  # an array of more rows and more columns is no audio
OFFSET_LIMIT = 0.01  # of the peak; less moves no level, and the voices' recordings hold up to 0.7 %
OFFSET_SPREAD = 0.2  # of the offset; where the means of quiet parts differ by more, it is rumble


def to_mono(
    samples: np.ndarray,
    rate: int,
    wanted: int,
    name: str | Path = "audio",
    say: Callable[[str], None] = warnings.warn,
) -> np.ndarray:
    """[S], [S, channels] or [channels, S] at any rate (Hz), float or integer PCM -> float32 [S] at `wanted`.

    The mean of the channels, or where they cancel one another the loudest; `say` is called with a line then.
    A constant offset is taken off. Raises UserError naming the audio when it is empty or holds NaN or
    impossible values.
    """
    decoding.require_possible(name, rate)
    samples = np.asarray(samples)
    if samples.dtype.kind in "iu":
        limits = np.iinfo(samples.dtype)
        middle = 0 if limits.min else limits.max // 2 + 1  # where unsigned PCM is silent
        samples = (samples - float(middle)) / (limits.max - middle)
    decoding.require_samples(name, float(np.abs(samples).max(initial=0.0)))
    samples = samples.astype(np.float32)
    if samples.size == 0:
        raise UserError(f"{name}: expected audio, found no samples (shape {samples.shape})")
    samples = without_offset(one_channel(samples, name, say), rate // 10)
    if rate != wanted:
        length = -(-len(samples) * wanted // rate)
        samples = soxr.resample(samples, rate, wanted, quality="HQ")[:length]
        samples = np.pad(samples, (0, length - len(samples)))
    return np.ascontiguousarray(samples, dtype=np.float32)


def one_channel(samples: np.ndarray, name: str | Path, say: Callable[[str], None]) -> np.ndarray:
    """[S], [S, channels] or [channels, S] -> [S]: the mean, or where the channels cancel the loudest.

    `say` is called with a line then. Raises UserError for another shape.
    """
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        samples = samples.T
    if samples.ndim not in (1, 2) or samples[:1].size > MAX_CHANNELS:
        raise UserError(f"{name}: expected samples [S] or [S, channels], found shape {samples.shape}")
    if samples.ndim == 1:
        return samples
    mixed = samples.mean(axis=1)
    powers = np.square(samples, dtype=np.float64).mean(axis=0)
    chosen = loudest_alone(np.square(mixed, dtype=np.float64).mean(), powers, name, say)
    return mixed if chosen is None else samples[:, chosen]


def loudest_alone(
    mixed: float, powers: np.ndarray, name: str | Path, say: Callable[[str], None]
) -> int | None:
    """The channel to use alone, by the power of the channels' mean and theirs; None: the mean."""
    if mixed >= powers.max() * 10 ** (-CANCELLED_DB / 10):
        return None
    chosen = int(powers.argmax())
    say(
        f"{name}: its {len(powers)} channels cancel one another, or most are silent; "
        f"channel {chosen + 1}, the loudest, is used alone"
    )
    return chosen


def without_offset(samples: np.ndarray, length: int) -> np.ndarray:
    """[S] without a constant offset, where the quiet parts of `length` samples agree on one.

    Not the mean of the recording: pulses of a voice point to one side, which gives a mean of up to 1 % of the
    peak to files whose silence is zero. Rumble of a few hertz has another mean in each of the quiet parts.
    """
    frames = samples[: len(samples) // length * length].reshape(-1, length).astype(np.float64)
    if not len(frames):
        return samples
    offset = steady_offset(frames.std(axis=1), frames.mean(axis=1), float(np.abs(samples).max()))
    return (samples - offset).astype(np.float32) if offset else samples


def steady_offset(deviations: np.ndarray, means: np.ndarray, peak: float) -> float:
    """The offset of parts with these deviations and means [M]; 0 where the quiet ones agree on none."""
    quiet = np.argsort(deviations)[: 1 + len(means) // 4]
    means = means[quiet]
    offset = float(np.median(means))
    steady = np.abs(means - offset).max() <= OFFSET_SPREAD * abs(offset)
    return offset if steady and abs(offset) > OFFSET_LIMIT * peak else 0.0
