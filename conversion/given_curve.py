"""What a file of any format says of a prosody curve, sampled at the centres of units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Given:
    """f0 [N] in Hz, NaN where the file says nothing and 0 where it says unvoiced; voiced [N] bool, None where
    the recording decides; db [N] re the active level, NaN where the file says nothing; notes: lines for the
    user."""

    f0: np.ndarray
    voiced: np.ndarray | None
    db: np.ndarray
    notes: tuple[str, ...] = ()


def nothing(count: int) -> np.ndarray:
    """[N] where nothing is said."""
    return np.full(count, np.nan)


def fill(target: np.ndarray, centres: np.ndarray, times: np.ndarray, values: np.ndarray) -> None:
    """Put a piece of a curve, values [M] at times [M] in s, into target [N] at its centres, linear between.

    A piece reaches half a step beyond its first and last value.
    """
    if not len(times):
        return
    step = (times[-1] - times[0]) / max(1, len(times) - 1) or 0.01
    inside = (centres >= times[0] - step / 2 - 1e-9) & (centres <= times[-1] + step / 2 + 1e-9)
    target[inside] = np.interp(centres[inside], times, values)


def fill_pitch(target: np.ndarray, centres: np.ndarray, times: np.ndarray, f0: np.ndarray) -> None:
    """`fill` for F0 in Hz: linear in cents; a unit whose nearest value is 0 is unvoiced."""
    voiced = f0 > 0
    if not voiced.any():
        fill(target, centres, times, f0)
        return
    octaves = np.interp(times, times[voiced], np.log2(f0[voiced]))
    made, marks = nothing(len(target)), nothing(len(target))
    fill(made, centres, times, octaves)
    fill(marks, centres, times, voiced.astype(float))
    there = ~np.isnan(made)
    target[there] = np.where(marks[there] >= 0.5, np.exp2(made[there]), 0.0)
