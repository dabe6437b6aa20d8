"""Prosody curves in files: which format a file has, and what of it holds for a recording.

    .csv   time, F0, voicing, loudness of every unit          read and written
    .ds    DiffSinger's segments, as OpenUtau exports them     read and written
    .mid   notes with pitch bends                              read and written
    .ustx, .ust   projects of OpenUtau and UTAU: the drawn pitch    read

A format that says nothing of voicing or loudness, or nothing of some times, leaves these as the recording has
them. Where it gives a pitch, it is given to frames that are voiced in the recording.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from audio import AUDIO_SUFFIXES
from common.cli import UserError
from conversion import prosody_csv, prosody_ds, prosody_midi, prosody_utau
from conversion.prosody import Curve
from conversion.prosody_csv import LIMITS, times

WRITERS: dict[str, Callable] = {
    ".csv": lambda path, curve, start, level: prosody_csv.write(path, curve, start),
    ".ds": lambda path, curve, start, level: prosody_ds.write(path, curve, times(len(curve), start), level),
    ".mid": lambda path, curve, start, level: prosody_midi.write(path, curve, start),
}
READERS: dict[str, Callable] = {
    ".ds": prosody_ds.read,
    ".mid": prosody_midi.read,
    ".midi": prosody_midi.read,
    ".ustx": prosody_utau.read,
    ".ust": prosody_utau.read,
}


def read(path: Path, own: Curve, start: int = 0, level: float = 0.0) -> tuple[Curve, tuple[str, ...]]:
    """A recording's curve `own` with what a file says in place of it, and lines for the user.

    start: samples trimmed before its first unit; level: its active level in dB re full scale. A file of
    another suffix than those above is read as CSV. Raises UserError for one that is damaged or does not fit.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        return prosody_csv.read(path, len(own), start), ()
    given = reader(path, times(len(own), start), level)
    has_pitch = given.f0 > 0
    if not has_pitch.any():
        raise UserError(
            f"{path}: expected a pitch between 0 and {times(len(own), start)[-1]:.1f} s, where the recording "
            "is, found none; its times are counted from the beginning of the recording"
        )
    low, high = LIMITS["f0_hz"]
    f0 = np.where(has_pitch, np.clip(given.f0, low, high), own.f0)
    voiced = own.voiced & (given.f0 != 0) if given.voiced is None else given.voiced
    db = np.where(np.isnan(given.db), own.db, np.clip(given.db, *LIMITS["loudness_db"]))
    return Curve(f0, voiced, db), given.notes


def require_writable(path: Path, option: str) -> None:
    """UserError for a file that no curve is written to: audio, a project, MIDI without its package."""
    suffix = path.suffix.lower()
    if suffix in (*AUDIO_SUFFIXES, *READERS) and suffix not in WRITERS:
        raise UserError(
            f"{path}: {option} writes a table or notes, not audio or a project; give it a name that ends in "
            ".csv, .ds or .mid"
        )
    if suffix == ".mid":
        prosody_midi.load_mido(path)


def beside(plain: Path, read: bool) -> Path:
    """The curve of a recording in a folder of curves, by its path without suffix.

    A CSV, or where one is to be read the first format that is there.
    """
    named = [plain.with_name(plain.name + suffix) for suffix in (".csv", *READERS)]
    return next((path for path in named if read and path.is_file()), named[0])


def write(path: Path, curve: Curve, start: int = 0, level: float = 0.0) -> None:
    """A curve in the format of the file's suffix, CSV for any other."""
    WRITERS.get(path.suffix.lower(), WRITERS[".csv"])(path, curve, start, level)
