"""Prosody curves as .ds files: DiffSinger's segments in JSON, as OpenUtau exports them.

Of a segment count `offset` (s), `f0_seq` (Hz) with `f0_timestep` (s), and `energy` (dB re full scale) with
`energy_timestep`, sequences as text with spaces between the numbers. 0 Hz is unvoiced; files of OpenUtau have
a pitch everywhere. What is written here has the voicing under a key of its own, which others overlook.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from common.cli import UserError
from common.files import write_text
from common.readers import read_json
from conversion.given_curve import Given, fill, fill_pitch, nothing
from conversion.prosody import Curve

VOICED = "hubert_pitdyn_voiced"  # 1 and 0 at f0_timestep
MOST_VALUES = 10_000_000  # of one sequence
LONGEST_STEP = 1.0  # s
REMEDY = "export it again, or make one with --prosody_out"


def write(path: Path, curve: Curve, centres: np.ndarray, level: float) -> None:
    """One segment for the whole recording.

    centres [N] of its units in s; level: its active level in dB re full scale.
    """
    step = (centres[-1] - centres[0]) / max(1, len(centres) - 1) or 0.02
    length = f"{step * len(centres):.4f}"
    segment = {
        "offset": round(float(centres[0]), 6),
        **{"text": "SP", "ph_seq": "SP", "ph_dur": length, "ph_num": "1"},
        **{"note_seq": "rest", "note_dur": length, "note_slur": "0"},
        "f0_seq": " ".join(f"{f0:.2f}" for f0 in curve.f0),
        "f0_timestep": f"{step:.6g}",
        "energy": " ".join(f"{db + level:.2f}" for db in curve.db),
        "energy_timestep": f"{step:.6g}",
        VOICED: " ".join("1" if voiced else "0" for voiced in curve.voiced),
    }
    write_text(path, json.dumps([segment], indent=1) + "\n")


def read(path: Path, centres: np.ndarray, level: float) -> Given:
    """What a .ds file says at these times [N] in s. Raises UserError naming the segment that is damaged."""
    segments = read_json(path, [{"f0_seq?": str | list, "f0_timestep?": str | float | int}], REMEDY)
    f0, db, marks = (nothing(len(centres)) for _ in range(3))
    for number, segment in enumerate(segments, 1):
        where = f"{path}, segment {number}"
        offset = _number(segment.get("offset", 0), f"{where}: offset")
        for key, step_key, place in (
            ("f0_seq", "f0_timestep", fill_pitch),
            ("energy", "energy_timestep", fill),
            (VOICED, "f0_timestep", fill),
        ):
            if segment.get(key):
                values = _numbers(segment[key], f"{where}: {key}")
                step = _number(segment.get(step_key, 0), f"{where}: {step_key}")
                if not 0 < step <= LONGEST_STEP:
                    raise UserError(
                        f"{where}: expected {step_key} above 0 and at most {LONGEST_STEP:g} s, "
                        f"found {step:g}; {REMEDY}"
                    )
                target = {"f0_seq": f0, "energy": db, VOICED: marks}[key]
                place(target, centres, offset + step * np.arange(len(values)), values)
    voiced = None if np.isnan(marks).any() else marks >= 0.5
    return Given(f0, voiced, db - level)


def _numbers(value: Any, where: str) -> np.ndarray:
    parts = value.split() if isinstance(value, str) else value
    if len(parts) > MOST_VALUES:
        raise UserError(f"{where}: expected at most {MOST_VALUES} numbers, found {len(parts)}; {REMEDY}")
    try:
        values = np.array(parts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: expected numbers with spaces between, found others; {REMEDY}") from error
    if values.ndim != 1 or not np.isfinite(values).all() or (where.endswith("f0_seq") and (values < 0).any()):
        raise UserError(f"{where}: expected numbers that can be, found others; {REMEDY}")
    return values


def _number(value: Any, where: str) -> float:
    return float(_numbers([value], where)[0])
