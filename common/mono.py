"""Samples of any recording -> one channel without a constant offset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.cli import UserError

CANCELLED_DB = 7.0  # the mean of channels that far below one of them; a voice on one of two is 6 dB below
MAX_CHANNELS = 64  # an array of more rows and more columns is no audio
OFFSET_LIMIT = 0.01  # of the peak; less moves no level, and the voices' recordings hold up to 0.7 %
OFFSET_SPREAD = 0.2  # of the offset; where the means of quiet parts differ by more, it is rumble


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
