"""Peaks turned down where they would clip."""

from __future__ import annotations

import numpy as np

PEAK_LIMIT = 0.99  # full scale; 16-bit files clip above it
LIMITER_DB = 6.0  # by which a limiter turns peaks down
LIMITER_WINDOW = 161  # samples, 10 ms at 16 kHz


def limited(wav: np.ndarray) -> np.ndarray:
    """[S] whose peaks are turned down for some milliseconds each where they would clip; the rest stays.

    A look-ahead limiter: the least gain within its window, smoothed over as much. Beyond LIMITER_DB, which is
    hardly audible, the whole is scaled down.
    """
    peak = peak_of(wav)
    return wav if peak <= PEAK_LIMIT else limit_peak(turned_down(wav, peak))


def turned_down(wav: np.ndarray, peak: float, window: int = LIMITER_WINDOW) -> np.ndarray:
    """[S], a part of a recording with a peak above PEAK_LIMIT, through the limiter.

    window: samples, an odd number.
    """
    wav = wav * min(1.0, PEAK_LIMIT * 10.0 ** (LIMITER_DB / 20) / peak)
    from scipy.ndimage import minimum_filter1d, uniform_filter1d  # noqa: PLC0415  few conversions need it

    needed = PEAK_LIMIT / np.maximum(np.abs(wav), PEAK_LIMIT)
    gains = uniform_filter1d(minimum_filter1d(needed, window), window)
    return (wav * gains).astype(np.float32)


def limit_peak(wav: np.ndarray, peak: float | None = None) -> np.ndarray:
    """Scale the whole of [S] down when its peak would clip; never cut peaks off.

    peak: that of the recording of which `wav` is a part.
    """
    peak = peak_of(wav) if peak is None else peak
    return wav if peak <= PEAK_LIMIT else (wav * (PEAK_LIMIT / peak)).astype(np.float32)


def peak_of(wav: np.ndarray) -> float:
    """Largest magnitude of [S], 0 of nothing."""
    return float(np.abs(wav).max(initial=0.0))
