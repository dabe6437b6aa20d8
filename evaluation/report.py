"""Figures as tables and as JSON; means over files, and two runs compared file by file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.cli import UserError, printable
from common.files import atomic_path
from common.readers import read_json
from evaluation.metrics import bootstrap_interval
from evaluation.sound import TITLES


class Figure(NamedTuple):
    """How one figure is shown, and what is missing where it is undefined."""

    title: str
    unit: str  # "%": the value is a fraction and shown times 100
    decimals: int
    undefined: str


_BOTH = "no frame is voiced in both"
_VOICED = "the source has no voiced frame"
_SHAPE = "fewer than 3 frames voiced in both, or one track stands still"
_AUDIBLE = "fewer than 3 audible frames in the source, or constant loudness"
_TARGET = "needs --target_dir, the speaker encoder, and some speech"
_AGREED = "needs fcpe, swift-f0 and voice"
_GIVEN = "needs a conversion by evaluate.py voice"
_TEXT = "needs the text and the recogniser"
_WORDS = f"{_TEXT}, and spaces between words"
FIGURES = {
    "gpe": Figure("GPE: gross pitch errors (20 %)", "%", 1, _BOTH),
    "f0_doubtful": Figure(
        "frames on which two trackers differ, left out of F0", "%", 1, "needs two trackers and voice"
    ),
    "vde": Figure("VDE: voicing errors", "%", 1, "no frames"),
    "vde_agreed": Figure("VDE, where both trackers agree", "%", 1, "needs fcpe and swift-f0"),
    "ffe": Figure("FFE: frames with either", "%", 1, "no frames"),
    "rpa50": Figure("RPA50: within 50 cents", "%", 1, _VOICED),
    "rpa20": Figure("RPA20: within 20 cents", "%", 1, _VOICED),
    "rca50": Figure("RCA50: octaves forgiven", "%", 1, _VOICED),
    "octave_error": Figure("octave errors (RCA50 - RPA50)", "%", 1, _VOICED),
    "f0_rmse_cents": Figure("F0 RMSE", "cents", 0, _BOTH),
    "f0_rmse_agreed": Figure("F0 RMSE, where both trackers agree", "cents", 0, _AGREED),
    "f0_rmse_told": Figure("  of the melody the voice was given", "cents", 0, _GIVEN),
    "f0_rmse_hz": Figure("F0 RMSE", "Hz", 1, _BOTH),
    "f0_corr": Figure("log-F0 correlation", "", 3, _SHAPE),
    "f0_corr_agreed": Figure("log-F0 correlation, where both trackers agree", "", 3, _AGREED),
    "f0_corr_told": Figure("  of the melody the voice was given", "", 3, _GIVEN),
    "f0_offset_cents": Figure("median F0 offset", "cents", 0, _BOTH),
    "dyn_r": Figure("loudness correlation", "", 3, _AUDIBLE),
    "dyn_rmse_db": Figure("loudness RMSE, mean gain removed", "dB", 2, _AUDIBLE),
    "dyn_within_1p5db": Figure("loudness within 1.5 dB, same", "%", 1, _AUDIBLE),
    "mcd": Figure("MCD", "dB", 2, "needs a parallel --reference and pyworld"),
    "speaker_similarity": Figure("speaker similarity to the target", "", 3, _TARGET),
    "source_similarity": Figure("  the source's own", "", 3, _TARGET),
    "kept_similarity": Figure("  the conversion's to its source", "", 3, _TARGET),
    "nearer_target": Figure("  nearer to the target than to its source", "%", 1, _TARGET),
    "wer": Figure("WER", "%", 1, _WORDS),
    "source_wer": Figure("  the source's own", "%", 1, _WORDS),
    "cer": Figure("CER", "%", 1, _TEXT),
    "source_cer": Figure("  the source's own", "%", 1, _TEXT),
    "dnsmos": Figure("DNSMOS", "", 2, "needs speechmos, and sound"),
    "source_dnsmos": Figure("  the source's own", "", 2, "needs speechmos, and sound"),
}
COPY_COLUMNS = {  # of `evaluate.py vocoder`: figure -> heading, factor, decimals
    "mcd": ("MCD dB", 1, 2),
    "f0_rmse_cents": ("F0 cents", 1, 1),
    "f0_rmse_agreed": ("… agreed", 1, 1),
    "f0_corr": ("F0 r", 1, 3),
    "gpe": ("GPE %", 100, 2),
    "vde": ("VDE %", 100, 1),
    "wer": ("WER %", 100, 1),
    "ap_2": ("ap .5-2 kHz", 1, 1),
    "ap_4": ("2-4", 1, 1),
    "ap_6": ("4-6", 1, 1),
    "ap_8": ("6-7.8", 1, 1),
    "dnsmos": ("DNSMOS", 1, 2),
    "rtf": ("RTF", 1, 4),
}
WIDE_COLUMNS = {  # of `evaluate.py vocoder --wide`
    "lsd_high": ("LSD 8-20 kHz dB", 1, 1),
    "db_8_10": ("8-10 kHz dB", 1, 1),
    "db_10_14": ("10-14 kHz dB", 1, 1),
    "db_14_20": ("14-20 kHz dB", 1, 1),
    "bandwidth_khz": ("bandwidth kHz", 1, 1),
    "rtf": ("RTF", 1, 4),
}
FILE_COLUMNS = {  # of the table of many files; the means below it have all
    "gpe": "GPE %",
    "ffe": "FFE %",
    "rpa50": "RPA50 %",
    "octave_error": "octave %",
    "f0_rmse_cents": "cents",
    "f0_corr": "F0 r",
    "f0_offset_cents": "offset",
    "dyn_r": "dyn r",
    "dyn_rmse_db": "dyn dB",
    "speaker_similarity": "speaker",
    "source_similarity": "(source)",
    "wer": "WER %",
    "cer": "CER %",
    "dnsmos": "DNSMOS",
}
DASH = "–"


def shown(key: str, value: float, signed: bool = False) -> str:
    """A figure as it is printed, without its unit; a dash where it is undefined."""
    if not math.isfinite(value):
        return DASH
    figure = FIGURES[key]
    # Adding 0 turns a rounded -0.0 into 0.0.
    scaled = round(100 * value if figure.unit == "%" else value, figure.decimals) + 0.0
    return f"{scaled:{'+' if signed else ''}.{figure.decimals}f}"


def _rows(rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell: the first to the left, numbers to the right."""
    rows = [list(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def conditions_lines(conditions: dict[str, str | None]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in conditions.items() if value)


def pair_table(figures: dict[str, float]) -> str:
    """One line for each figure; an undefined one says what it lacks."""
    values = [shown(key, figures[key]) for key in FIGURES]
    name_width = max(len(figure.title) for figure in FIGURES.values())
    value_width = max(map(len, values))
    lines = [
        f"{figure.title:{name_width}}  {value:>{value_width}} "
        f"{f'({figure.undefined})' if value == DASH else figure.unit}"
        for figure, value in zip(FIGURES.values(), values, strict=True)
    ]
    return "\n".join(line.rstrip() for line in lines)


def files_table(files: dict[str, dict[str, float]]) -> str:
    """{file: figures} -> a line for each file."""
    head = ["file", *FILE_COLUMNS.values()]
    return _rows([head, *([name, *(shown(k, row[k]) for k in FILE_COLUMNS)] for name, row in files.items())])


def fractions_table(rows: dict[str, dict[str, float]], titles: dict[str, str], first: str) -> str:
    """{row: {figure: fraction}} in per cent, one column for each of `titles`."""
    cells = (
        [name, *(f"{100 * row[k]:.1f}" if math.isfinite(row[k]) else DASH for k in titles)]
        for name, row in rows.items()
    )
    return _rows([[first, *titles.values()], *cells])


def copies_table(rows: dict[str, dict[str, dict[str, float]]], columns: dict = COPY_COLUMNS) -> str:
    """{vocoder: {file: figures}} -> means over the files that all of them have, one line for each vocoder."""
    shared = set.intersection(*(set(files) for files in rows.values()))

    def cell(files: dict[str, dict[str, float]], figure: str, factor: float, decimals: int) -> str:
        values = [factor * files[name].get(figure, math.nan) for name in files if name in shared]
        known = [v for v in values if math.isfinite(v)]
        return f"{np.mean(known):.{decimals}f}" if known else DASH

    cells = (
        [name, *(cell(files, figure, *how) for figure, (_, *how) in columns.items())]
        for name, files in rows.items()
    )
    head = [f"mean over {len(shared)} recordings", *(column for column, *_ in columns.values())]
    return _rows([head, *cells])


def sound_table(compared: dict[str, dict[str, float]]) -> str:
    """What `sound.compared` gives, in dB, a line for each figure."""
    rows = [["sound, means in dB", "conversions", "the target's recordings", "difference"]]
    for key, row in compared.items():
        cells = [f"{value:.1f}" if math.isfinite(value) else DASH for value in row.values()]
        rows.append([TITLES[key] + (" (beside: the sources)" if key == "pause" else ""), *cells])
    return _rows(rows)


def means(files: dict[str, dict[str, float]], seed: int = 0) -> dict[str, dict[str, float]]:
    """{file: figures} -> {figure: mean, low, high, median, n}: over the n files that have it; 95 % intervals
    of the mean."""
    return {key: _mean([row[key] for row in files.values()], seed) for key in FIGURES}


def _mean(values: list[float], seed: int) -> dict[str, float]:
    known = [v for v in values if math.isfinite(v)]
    low, high = bootstrap_interval(known, seed)
    mean, median = (float(of(known)) if known else math.nan for of in (np.mean, np.median))
    return {"mean": mean, "low": low, "high": high, "median": median, "n": len(known)}


def means_table(summary: dict[str, dict[str, float]]) -> str:
    rows = [["mean over files", "", "95 % interval", "", "median", "unit", "files"]]
    for key, row in summary.items():
        cells = [shown(key, row[name]) for name in ("mean", "low", "high", "median")]
        rows.append([FIGURES[key].title, *cells, FIGURES[key].unit, str(row["n"])])
    return _rows(rows)


def differences(first: dict, second: dict, seed: int = 0) -> dict[str, dict[str, float]]:
    """Two contents of `voice --json` -> {figure: mean, low, high, median, n} of second - first, file by file.

    Over the files in both for which the figure is defined in both. Raises UserError when they share none.
    """
    one, two = first["files"], second["files"]
    shared = [name for name in one if name in two]
    if not shared:
        raise UserError("the two files have no source in common, so there is nothing to compare")
    return {
        key: _mean([_number(two[name], key) - _number(one[name], key) for name in shared], seed)
        for key in FIGURES
    }


def _number(row: dict, key: str) -> float:
    value = row.get(key)
    return math.nan if value is None else float(value)


def differences_table(changes: dict[str, dict[str, float]]) -> str:
    """Second minus first; a star where the interval leaves out zero."""
    rows = [["second - first, mean over files", "", "95 % interval", "", "", "unit", "files"]]
    for key, row in changes.items():
        cells = [shown(key, row[name], signed=True) for name in ("mean", "low", "high")]
        star = "*" if row["low"] > 0 or row["high"] < 0 else ""
        rows.append([FIGURES[key].title, *cells, star, FIGURES[key].unit, str(row["n"])])
    return _rows(rows)


def other_conditions(first: dict, second: dict) -> list[str]:
    """One line for each condition under which the two were not measured alike."""
    one, two = first["conditions"], second["conditions"]
    return [
        f"measured differently, {name}: {one.get(name)} | {two.get(name)}"
        for name in {**one, **two}
        if one.get(name) != two.get(name)
    ]


def write_json(path: Path, content: dict) -> None:
    """Valid JSON: what is undefined becomes null."""
    text = json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as part:
        part.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_figures(figures: dict[str, float | None]) -> dict[str, float]:
    """Figures as `write_json` wrote them: null becomes NaN again."""
    return {name: float("nan") if value is None else value for name, value in figures.items()}


def read_voice_json(path: Path) -> dict:
    """What `evaluate.py voice --json` wrote. Raises UserError for anything else."""
    form = {"files": {str: {str: int | float | None}}, "conditions": dict}
    return read_json(path, form, "expected the figures of a voice: python evaluate.py voice … --json FILE")
