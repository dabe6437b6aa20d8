"""F0 that is known: of sounds that were made with it, as a table beside a recording, instead of a tracker's.

`song.f0.csv` belongs to `song.wav`: a line `time_s,f0_hz`, then one line for each moment, at any even or
uneven steps. F0 is in Hz, 0 where there is no voice, and empty where nobody knows.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

import audio
from common.cli import UserError
from common.files import atomic_path
from common.readers import read_text

COLUMNS = ("time_s", "f0_hz")
REMEDY = "correct it, or delete it to have the pitch tracked"


def path_of(wav: Path) -> Path:
    """Where the table of a recording lies."""
    return wav.with_name(f"{wav.stem}.f0.csv")


def write(wav: Path, seconds: np.ndarray, f0: np.ndarray) -> None:
    """The table of a recording. seconds, f0 [M]: Hz, 0 = unvoiced, NaN = unknown."""
    with atomic_path(path_of(wav)) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for time, hertz in zip(seconds, f0, strict=True):
            writer.writerow([f"{time:.5f}", "" if np.isnan(hertz) else f"{hertz:.3f}"])


def read(
    wav: Path, samples: int, start: Callable[[], int] | None = None
) -> tuple[np.ndarray, np.ndarray] | None:
    """F0 float32 [N] in Hz of a recording's units, 0 = unvoiced, and which are unknown, bool [N].

    None where no table lies beside it. samples: of the prepared wav, 320 N; start: what gives the sample of
    the recording that it begins with, which is decoded otherwise. Between two moments log-F0 is interpolated;
    where one of them has no voice the nearer decides. Raises UserError for a damaged table.
    """
    path = path_of(wav)
    if not path.is_file():
        return None
    seconds, f0 = _read_table(path)
    first = start() if start else audio.prepare(wav).start
    centres = np.arange(samples // audio.UNIT_HOP) * audio.UNIT_HOP + audio.UNIT_HOP / 2
    place = np.interp((first + centres) / audio.SAMPLE_RATE, seconds, np.arange(len(seconds)))
    left = np.floor(place).astype(int)
    right = np.minimum(left + 1, len(f0) - 1)
    a, b, nearest = f0[left], f0[right], f0[np.floor(place + 0.5).astype(int)]
    both = (a > 0) & (b > 0)
    logs = (np.log(np.where(both, x, 1.0)) for x in (a, b))
    between = np.exp(
        sum(share * log for share, log in zip((1 - (place - left), place - left), logs, strict=True))
    )
    made = np.where(both, between, nearest)
    unknown = np.isnan(made)
    return np.where(unknown, 0.0, made).astype(np.float32), unknown


def _read_table(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(seconds, F0) float64 [M] of a table; UserError where it is none."""
    rows = list(csv.reader(read_text(path, REMEDY).splitlines()))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise UserError(f"{path}: expected the columns {','.join(COLUMNS)}; {REMEDY}")
    try:
        table = np.array([[float(time), float(f0 or "nan")] for time, f0 in rows[1:]])
    except ValueError as error:
        raise UserError(f"{path}: expected two numbers a line ({error}); {REMEDY}") from error
    ranges = ((0.0, 360000.0), (0.0, audio.SAMPLE_RATE / 2))
    low, high = np.array(ranges).T
    inside = ((table >= low) & (table <= high)) | np.isnan(table)
    if not len(table) or not inside.all() or not (np.diff(table[:, 0]) > 0).all():
        raise UserError(f"{path}: expected rising times in s and F0 in Hz; {REMEDY}")
    return table[:, 0], table[:, 1]
