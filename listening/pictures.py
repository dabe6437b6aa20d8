"""Spectrograms as small PNGs that take the page's colours."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

ROWS = 112  # of a picture, from 0 Hz at the bottom
COLUMNS_PER_SECOND, MAX_COLUMNS = 90, 900
WINDOW_SECONDS, HOP_SECONDS = 0.025, 0.005
PRE_EMPHASIS = 0.9  # speech falls by about 6 dB an octave; without this its highs are blank
RANGE_DB = 58.0  # below the loudest that is drawn
SHADES = 16  # of 4 bits
NARROW_HZ, WIDE_HZ = 8000.0, 20000.0  # tops of pictures


def top_of(rate: int) -> float:
    """Highest frequency in Hz of a picture of a recording at `rate` Hz."""
    return NARROW_HZ if rate <= 2 * NARROW_HZ else min(WIDE_HZ, rate / 2)


def spectrogram(wav: np.ndarray, rate: int) -> np.ndarray:
    """[S] at `rate` Hz -> shades uint8 [ROWS, columns] in 0 to 15; row 0 is the highest frequency."""
    hop, size = int(HOP_SECONDS * rate), int(WINDOW_SECONDS * rate)
    n_fft = 1 << (size - 1).bit_length()
    emphasised = np.append(wav[:1], wav[1:] - PRE_EMPHASIS * wav[:-1]).astype(np.float32)
    frames = max(1, len(wav) // hop)
    padded = np.pad(emphasised, (size // 2, size))
    columns = int(np.clip(len(wav) / rate * COLUMNS_PER_SECOND, 1, min(MAX_COLUMNS, frames)))
    bins = max(ROWS, round(top_of(rate) / rate * n_fft))
    across, up = (np.arange(n) * m // n for n, m in ((columns, frames), (ROWS, bins)))
    power = np.empty((frames, ROWS), dtype=np.float32)
    for start in range(0, frames, 4096):  # memory stays bounded on recordings of hours
        at = np.arange(start, min(start + 4096, frames))[:, None] * hop + np.arange(size)
        spectrum = np.abs(np.fft.rfft(padded[at] * np.hanning(size), n_fft)[:, :bins]) ** 2
        power[start : start + len(at)] = np.add.reduceat(spectrum, up, axis=1)
    mean = np.add.reduceat(power, across, axis=0) / np.diff(np.append(across, frames))[:, None]
    db = 10 * np.log10(mean.T[::-1] + 1e-12)
    loudest = np.percentile(db, 99.7)
    if loudest < -80:  # silence has no picture
        return np.zeros(db.shape, dtype=np.uint8)
    share = np.clip((db - loudest + RANGE_DB) / RANGE_DB, 0, 1)
    return np.round(share**1.3 * (SHADES - 1)).astype(np.uint8)


def png(shades: np.ndarray) -> bytes:
    """Shades [rows, columns] in 0 to 15 -> a PNG in which they are opacity; CSS gives the colour."""
    rows, columns = shades.shape
    even = np.pad(shades, ((0, 0), (0, columns % 2)))
    packed = even[:, ::2] << 4 | even[:, 1::2]
    lines = np.pad(packed.astype(np.uint8), ((0, 0), (1, 0)))  # filter 0 before each line
    alpha = bytes(255 * shade // (SHADES - 1) for shade in range(SHADES))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", columns, rows, 4, 3, 0, 0, 0),
        b"PLTE": bytes(3 * SHADES),
        b"tRNS": alpha,
        b"IDAT": zlib.compress(lines.tobytes(), 9),
        b"IEND": b"",
    }
    parts = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def data_uri(wav: np.ndarray, rate: int) -> str:
    """The spectrogram of [S] at `rate` Hz, to be put into a page."""
    return f"data:image/png;base64,{base64.b64encode(png(spectrogram(wav, rate))).decode('ascii')}"
