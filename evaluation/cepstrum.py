"""WORLD's mel-cepstrum, which MCD is measured on."""

from __future__ import annotations

from functools import cache

import numpy as np

from audio import MEL_HOP, SAMPLE_RATE
from evaluation.metrics import ACTIVE_DB

ORDER = 24
ALPHA = 0.42  # all-pass constant whose warping is closest to the mel scale at 16 kHz
FRAME_MS = 1000.0 * MEL_HOP / SAMPLE_RATE


def available() -> bool:
    """Whether pyworld can be loaded, which all of this needs."""
    try:
        import pyworld  # noqa: F401, PLC0415  an extra for what does not shift pitch
    except (ImportError, OSError):  # OSError: a shared library that its wheel expects is absent
        return False
    return True


def describe() -> str:
    """The conditions of MCD in words, but for the alignment."""
    return (
        f"WORLD (dio, stonemask, cheaptrick) mel-cepstrum of order {ORDER}, alpha {ALPHA}, without c0, "
        f"every {FRAME_MS:.0f} ms, reference frames above {ACTIVE_DB:.0f} dB re its peak"
    )


def world_mel_cepstrum(wav: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """wav float [S] -> mel-cepstrum [T, ORDER + 1], and bool [T]: frames above -50 dB re the loudest.

    Raises ImportError without pyworld.
    """
    import pyworld  # noqa: PLC0415  an extra

    x = np.ascontiguousarray(wav, dtype=np.float64)
    coarse, times = pyworld.dio(x, SAMPLE_RATE, frame_period=FRAME_MS)
    f0 = pyworld.stonemask(x, coarse, times, SAMPLE_RATE)
    power = pyworld.cheaptrick(x, f0, times, SAMPLE_RATE)
    level = 10 * np.log10(power.mean(axis=1))
    return mel_cepstrum(0.5 * np.log(power)), level > level.max() + ACTIVE_DB


def mel_cepstrum(log_magnitude: np.ndarray, order: int = ORDER, alpha: float = ALPHA) -> np.ndarray:
    """ln |H| on K + 1 bins from 0 to half the rate, [..., K + 1] -> c [..., order + 1].

    ln |H(w)| = Σ c_m cos(m v(w)), where v is the frequency warped by an all-pass of constant alpha (Tokuda et
    al., ICSLP 1994). The integral over v that gives c is taken over w, so nothing is interpolated.
    """
    return log_magnitude @ _cosines(log_magnitude.shape[-1], order, alpha)


@cache
def _cosines(bins: int, order: int, alpha: float) -> np.ndarray:
    """[bins, order + 1]: cos(m v(w)) dv/dw, with the weights of the trapezoid rule."""
    w = np.linspace(0, np.pi, bins)
    warped = w + 2 * np.arctan2(alpha * np.sin(w), 1 - alpha * np.cos(w))
    slope = (1 - alpha**2) / (1 + alpha**2 - 2 * alpha * np.cos(w))
    step = np.full(bins, 2.0 / (bins - 1))
    step[[0, -1]] /= 2
    matrix = np.cos(np.outer(warped, np.arange(order + 1))) * (slope * step)[:, None]
    matrix[:, 0] /= 2  # the mean; every other cosine has a mean square of one half
    return matrix
