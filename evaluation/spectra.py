"""Sounds of any rate one below the other, as a picture: what lies where up to 20 kHz, to the eye.

The other pictures have a mel axis, which shows melodies and vowels and has little room for 8 to 20 kHz.
Buzz (lines that run on to the top), hiss, holes and seams are seen on a linear one.
"""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np

import audio
from common import decoding, mono, progress
from common.names import readable
from hubert_pitdyn import plots

TOP_HZ = 20_000
WINDOW = 0.04  # seconds: harmonics of 60 Hz and more are apart
COLUMNS = 1200  # of a picture
RANGE_DB = 80.0  # drawn, below the loudest that a spectrum has
HEIGHT = 2.6  # inches, of each sound


def read(path: Path) -> tuple[np.ndarray, int]:
    """A recording's samples [S], mono, and its own rate in Hz; UserError where it cannot be read."""
    samples, rate = decoding.read(decoding.require_file(path))
    return mono.to_mono(samples, rate, rate, path, progress.say), rate


def spectrum(wav: np.ndarray, rate: int) -> np.ndarray:
    """[S] -> dB [bins, columns] re the active level, bins evenly spaced from 0 Hz to half the rate."""
    size = round(WINDOW * rate)
    hop = max(size // 8, len(wav) // COLUMNS)
    found = librosa.stft(np.asarray(wav, np.float32), n_fft=size, hop_length=hop, win_length=size)
    db = librosa.amplitude_to_db(np.abs(found) / (size / 4), amin=1e-7, top_db=None)
    return db - audio.level(audio.to_mono_16k(wav, rate))


def picture(sounds: dict[str, tuple[np.ndarray, int]]):
    """{title: (samples [S], rate in Hz)} -> a figure; all on one scale of dB re each one's active level."""
    figure, axes = plots.panels([HEIGHT] * len(sounds))
    spectra = [spectrum(*sound) for sound in sounds.values()]
    loudest = max(float(np.percentile(db, 99.9)) for db in spectra)
    scale = {"vmin": loudest - RANGE_DB, "vmax": loudest}
    marks = range(0, TOP_HZ + 1, 4000)
    for axis, (name, (wav, rate)), db in zip(axes, sounds.items(), spectra, strict=True):
        image = plots.drawn(axis, db, (0, len(wav) / rate, 0, rate / 2), scale)
        axis.set(ylim=(0, TOP_HZ), ylabel="kHz")
        axis.set_yticks(marks, [str(mark // 1000) for mark in marks])
        axis.set_title(readable(name), loc="left", fontsize=10)
    axes[-1].set(xlabel="time, s")
    figure.colorbar(image, ax=list(axes), label="dB re active level", pad=0.01)
    return figure
