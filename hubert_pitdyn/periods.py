"""Periods in the wave itself: YIN, pYIN, and the peak of a short frame's autocorrelation.

All frames are centred on the units, sample 320k + 160.
"""

from __future__ import annotations

import numpy as np

from audio import SAMPLE_RATE, UNIT_HOP

SHORT_FRAME = 512  # samples, for the similarity; longer ones blur glides and voicing changes
YIN_FRAME = 640  # samples: two periods of F_MIN
PYIN_FRAME = 768
YIN_DEPTH = 0.1  # the first dip below it is the period (de Cheveigne and Kawahara 2002, step 4)
PYIN_STEP = 0.2  # semitones between its pitch states
NEAR = 2 ** (PYIN_STEP / 12) - 1  # relative reach when a coarse period is refined
RECIPE_FRAME = 1024  # samples: what the 2022 labels were made with

Pair = tuple[np.ndarray, np.ndarray]  # F0 [N] in Hz on every unit, and evidence of voicing [N]


def pyin(wav: np.ndarray, f_min: float, f_max: float) -> Pair:
    """Evidence: its voicing flag. Its steps are coarse, as the search costs their square; refined later."""
    import librosa  # noqa: PLC0415  it takes seconds to load

    frame = max(PYIN_FRAME, 2 * _longest_lag(f_min))
    f0, voiced, _ = librosa.pyin(
        np.pad(wav, (frame - UNIT_HOP) // 2),  # the middle of frame k is sample 320k + 160
        fmin=f_min,
        fmax=f_max,
        sr=SAMPLE_RATE,
        frame_length=frame,
        hop_length=UNIT_HOP,
        resolution=PYIN_STEP,
        fill_na=None,
        center=False,
    )
    return f0, voiced.astype(np.float64)


def yin(wav: np.ndarray, f_min: float, f_max: float) -> Pair:
    """YIN's choice of the period. It has no evidence of voicing of its own."""
    longest = _longest_lag(f_min)
    difference = 1 - _autocorrelation(wav, max(YIN_FRAME, 2 * longest), longest)[:, 1:]
    normalised = difference / np.maximum(np.cumsum(difference, axis=1) / np.arange(1, longest + 1), 1e-9)
    inner = normalised[:, 1:-1]  # column c is lag c + 2
    dip = (inner <= normalised[:, :-2]) & (inner < normalised[:, 2:])
    dip[:, : max(0, int(SAMPLE_RATE / f_max) - 2)] = False
    depth = np.where(dip, inner, np.inf)
    deep = depth < YIN_DEPTH
    lag = 2 + np.where(deep.any(axis=1), deep.argmax(axis=1), depth.argmin(axis=1))
    return SAMPLE_RATE / lag, np.zeros(len(lag))


def one_period_later(wav: np.ndarray, f0: np.ndarray, f_min: float) -> Pair:
    """(F0 [N] moved to the nearest peak of the short-frame autocorrelation, height of that peak [N])."""
    longest = _longest_lag(f_min)
    values = _autocorrelation(wav, max(SHORT_FRAME, 2 * (3 * longest // 4)), longest)
    lag = np.clip(SAMPLE_RATE / f0, 2, longest - 1)
    reach = 1 + int(NEAR * longest)
    steps = np.arange(-reach, reach + 1)
    index = np.clip(np.round(lag).astype(int)[:, None] + steps, 2, longest - 1)
    allowed = np.abs(steps) <= np.maximum(1, NEAR * lag[:, None])
    heights = np.where(allowed, np.take_along_axis(values, index, axis=1), -np.inf)
    peak = np.take_along_axis(index, heights.argmax(axis=1)[:, None], axis=1)
    # Vertex of the parabola through the peak and its neighbours.
    before, top, after = np.take_along_axis(values, peak + np.array([-1, 0, 1]), axis=1).T
    bend = np.minimum(before + after - 2 * top, -1e-9)
    shift = np.clip(0.5 * (before - after) / bend, -1, 1)
    return SAMPLE_RATE / (peak[:, 0] + shift), top - 0.25 * (before - after) * shift


def _autocorrelation(wav: np.ndarray, frame: int, longest: int) -> np.ndarray:
    """Normalised autocorrelation [N, longest + 1] of frames centred on 320k + 160, in [-1, 1].

    Lag t compares x[:-t] with x[t:] inside the frame, so it is centred on the frame for every t; the
    difference function of YIN looks earlier the shorter the period. McLeod and Wyvill 2005, eq. 9.
    """
    padded = np.pad(wav.astype(np.float64), (frame - UNIT_HOP) // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::UNIT_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(frames, frame + longest)
    products = np.fft.irfft(np.abs(spectrum) ** 2, frame + longest)[:, : longest + 1]
    energy = np.pad(np.cumsum(frames**2, axis=1), ((0, 0), (1, 0)))
    lags = np.arange(longest + 1)
    energies = energy[:, frame - lags] + energy[:, -1:] - energy[:, lags]
    return 2 * products / (energies + 1e-9)


def _longest_lag(f_min: float) -> int:
    return int(np.ceil(SAMPLE_RATE / f_min)) + 2


def original_recipe(wav: np.ndarray, f_min: float, f_max: float, rate: int) -> np.ndarray:
    import librosa  # noqa: PLC0415  it takes seconds to load

    side = (RECIPE_FRAME - UNIT_HOP) // 2
    f0 = librosa.yin(
        np.pad(wav, side),
        fmin=f_min,
        fmax=f_max,
        sr=rate,
        frame_length=RECIPE_FRAME,
        hop_length=UNIT_HOP,
        center=False,
    )
    return f0.astype(np.float32)
