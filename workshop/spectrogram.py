"""Spectrograms on a semitone axis, on which a melody lies over its own harmonics."""

from __future__ import annotations

import base64

import numpy as np

from listening import pictures

LOW, HIGH = 31, 100  # MIDI numbers at the bottom and the top: G1, E7
ROWS_PER_SEMITONE = 3
COLUMNS_PER_SECOND, MAX_COLUMNS = 100, 12000
WINDOW_SECONDS = 0.064  # resolves harmonics of 50 Hz, and notes of a fast song
OVERSAMPLING = 4  # of the spectrum, between whose bins low notes would be steps
RANGE_DB = 55.0  # below the loudest that is drawn


def shades(wav: np.ndarray, rate: int) -> np.ndarray:
    """[S] at `rate` Hz -> uint8 [rows, columns] in 0 to 15 (`pictures.SHADES`); row 0 is the highest note."""
    size = int(WINDOW_SECONDS * rate)
    n_fft = OVERSAMPLING << (size - 1).bit_length()
    columns = int(np.clip(len(wav) / rate * COLUMNS_PER_SECOND, 1, MAX_COLUMNS))
    starts = np.round((np.arange(columns) + 0.5) * len(wav) / columns).astype(int)
    padded = np.pad(np.asarray(wav, dtype=np.float32), (size // 2, size))
    hertz = 440.0 * 2 ** ((np.arange(LOW, HIGH, 1 / ROWS_PER_SEMITONE)[::-1] - 69) / 12)
    bins = hertz * n_fft / rate
    below = np.floor(bins).astype(int)
    part = (bins - below)[:, None].astype(np.float32)
    db = np.empty((len(hertz), columns), dtype=np.float32)
    window = np.hanning(size).astype(np.float32)
    for start in range(0, columns, 512):  # memory stays bounded on recordings of hours
        at = starts[start : start + 512, None] + np.arange(size)
        power = np.abs(np.fft.rfft(padded[at] * window, n_fft)[:, : below.max() + 2]).T ** 2
        mixed = power[below] * (1 - part) + power[below + 1] * part
        # Harmonics fall with frequency; what is drawn rises by as much, 3 dB an octave.
        db[:, start : start + mixed.shape[1]] = 10 * np.log10(mixed * (hertz / 440.0)[:, None] + 1e-9)
    loudest = np.percentile(db, 99.8)
    if loudest < -60:  # silence has no picture
        return np.zeros(db.shape, dtype=np.uint8)
    share = np.clip((db - loudest + RANGE_DB) / RANGE_DB, 0, 1)
    return np.round(share**1.6 * (pictures.SHADES - 1)).astype(np.uint8)


def data_uri(wav: np.ndarray, rate: int) -> str:
    """The picture of [S], to be put into a page, which gives it its colour."""
    return f"data:image/png;base64,{base64.b64encode(pictures.png(shades(wav, rate))).decode('ascii')}"
