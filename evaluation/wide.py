"""What lies above 8 kHz: recordings through a wide mel and a wide vocoder, at their own rate.

Apart from all other figures, which are of 16 kHz and so compare with those of any voice.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch

import audio
from bands import Band, bandwidth, high_mel, same_span
from hubert_pitdyn import pitch
from preprocessing.wide_folder import level_gain
from vocoder.frame_f0 import synthesise

RANGES = ((8000.0, 10000.0), (10000.0, 14000.0), (14000.0, 20000.0))  # Hz, whose levels are compared
FRAME_SECONDS = 0.0464  # of a spectrum, 2048 samples at 44.1 kHz
ACTIVE_DB = 40.0  # below the loudest frame: what is softer is pause
FLOOR_DB = -100.0  # re the loudest bin of the recording: what is softer is silence
HALF = 0.5  # of a range: recordings that end below that much of it say nothing of its level


def measure(vocoder, path: Path, level_db: float, tracker: str, device="cpu") -> dict[str, float]:
    """`figures` of a recording's copy by a wide vocoder that is given its F0, and "rtf"."""
    band: Band = vocoder.band
    prepared = audio.prepare(path)
    wide = same_span(prepared, audio.load(path, rate=band.rate, say=lambda line: None), band.rate)
    gain = np.float32(level_gain(prepared.wav, level_db))
    low, wide = prepared.wav * gain, wide * gain
    mel = torch.cat([audio.log_mel(low), high_mel(wide, band)]).unsqueeze(0).to(device)
    f0 = pitch.track(audio.encoder_input(prepared.wav), pitch.resolve(tracker))
    began = time.perf_counter()
    with torch.inference_mode():
        made = synthesise(vocoder, mel, f0).flatten().cpu().numpy()
    seconds = time.perf_counter() - began
    return {**figures(wide, made, band), "rtf": seconds / (len(wide) / band.rate)}


def figures(wav: np.ndarray, copy: np.ndarray, band: Band) -> dict[str, float]:
    """Of a copy [S] of a recording [S], at the rate of a band, up to the recording's own bandwidth.

    lsd_high: log-spectral distance in dB (Gray and Markel 1976) from 8 to 20 kHz, a mean over frames that are
    at most ACTIVE_DB below the loudest; two noises of one envelope are about 7.9 dB apart. db_8_10, db_10_14,
    db_14_20: by how many dB the copy's energy in these kHz is above the recording's. NaN where the recording
    holds less than half of a range.
    """
    top = min(bandwidth(wav, band.rate), RANGES[-1][1])
    spectra, hertz = zip(*(powers(x, band.rate) for x in (wav, copy)), strict=True)
    hertz, total = hertz[0], spectra[0].sum(axis=1)
    found = {"lsd_high": math.nan, "bandwidth_khz": top / 1000}
    inside = (hertz >= RANGES[0][0]) & (hertz < top)
    active = total > total.max(initial=0.0) * 10 ** (-ACTIVE_DB / 10)
    if inside.any() and active.any():
        floor = spectra[0].max() * 10 ** (FLOOR_DB / 10)
        one, other = (10 * np.log10(np.maximum(x[active][:, inside], floor)) for x in spectra)
        found["lsd_high"] = float(np.sqrt(np.square(one - other).mean(axis=1)).mean())
    for low, high in RANGES:
        part = (hertz >= low) & (hertz < min(high, top))
        known = min(high, top) - low > HALF * (high - low)
        levels = [float(x[:, part].sum()) for x in spectra]
        difference = 10 * math.log10(levels[1] / levels[0]) if known and min(levels) > 0 else math.nan
        found[f"db_{low / 1000:.0f}_{high / 1000:.0f}"] = difference
    return found


def powers(wav: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Power [frames, bins] of [S] every 10 ms, and Hz [bins]."""
    size, hop = 2 * round(FRAME_SECONDS * rate / 2), rate // 100
    padded = np.pad(np.asarray(wav, dtype=np.float64), size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    return np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2, np.fft.rfftfreq(size, 1 / rate)
