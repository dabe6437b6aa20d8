"""A prosody curve as a CSV for any spreadsheet: a row per 20 ms, with time, F0, voicing and loudness."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from audio import SAMPLE_RATE, UNIT_HOP
from common.cli import UserError
from common.files import atomic_path
from conversion import columns
from conversion.prosody import Curve

COLUMNS = ("time_s", "f0_hz", "voiced", "loudness_db")
LIMITS = {"f0_hz": (20, 2000), "loudness_db": (-120, 120)}  # Hz on voiced rows, dB
HALF_FRAME = UNIT_HOP / SAMPLE_RATE / 2  # seconds


def times(count: int, start: int = 0) -> np.ndarray:
    """Centres of `count` units in seconds, of a recording of which `start` samples were trimmed."""
    return (start + UNIT_HOP * np.arange(count) + UNIT_HOP / 2) / SAMPLE_RATE


def write(path: Path, curve: Curve, start: int = 0) -> None:
    """One row a unit. f0_hz is there on unvoiced rows too, so that setting voiced to 1 is all it takes."""
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for time, f0, voiced, db in zip(
            times(len(curve), start), curve.f0, curve.voiced, curve.db, strict=True
        ):
            rows.writerow([f"{time:.3f}", f"{f0:.2f}", int(voiced), f"{db:.2f}"])


def read(path: Path, count: int, start: int = 0) -> Curve:
    """The curve of a file that `write` made and somebody edited, for a recording of `count` units.

    Unvoiced rows may leave f0_hz empty. Raises UserError as `columns.read`, and naming the line for a value
    beyond LIMITS or rows of another recording.
    """
    curve, numbers = columns.read(path, COLUMNS, "make it with --prosody_out", empty={"f0_hz": "0"})
    expected = times(count, start)
    if len(curve["time_s"]) != count or np.abs(curve["time_s"] - expected).max(initial=0) > HALF_FRAME:
        found = f"{len(curve['time_s'])} rows"
        if len(curve["time_s"]):
            found += f" from {curve['time_s'][0]:.3f} s to {curve['time_s'][-1]:.3f} s"
        raise UserError(
            f"{path}: expected {count} rows from {expected[0]:.3f} s to {expected[-1]:.3f} s, found {found}; "
            "it belongs to another recording, or rows were lost: make it again with --prosody_out"
        )
    voiced = curve["voiced"] > 0
    if (bad := np.flatnonzero(voiced & (curve["f0_hz"] <= 0))).size:
        raise UserError(f"{path}, line {numbers[bad[0]]}: expected f0_hz above 0 on a voiced row")
    for name, rows_counted in (("f0_hz", voiced), ("loudness_db", np.ones(count, dtype=bool))):
        low, high = LIMITS[name]
        outside = (curve[name] < low) | (curve[name] > high)
        if (bad := np.flatnonzero(rows_counted & outside)).size:
            raise UserError(
                f"{path}, line {numbers[bad[0]]}: expected {name} from {low} to {high}, "
                f"found {curve[name][bad[0]]:g}"
            )
    return Curve(curve["f0_hz"], voiced, curve["loudness_db"])
