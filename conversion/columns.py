"""Numbers in the columns of a CSV, as spreadsheets write it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from common.cli import UserError
from common.readers import read_text

TRUTHS = {"true": "1", "false": "0"}  # as spreadsheets write what they take for a logical value


def read(
    path: Path, names: Sequence[str], remedy: str, empty: Mapping[str, str] | None = None
) -> tuple[dict[str, np.ndarray], list[int]]:
    """({name: values [R]}, number of each row's line) of the columns of these names.

    Semicolons, tabs and decimal commas are understood, and TRUE and FALSE; rows without any value are left
    out. empty: {name: what an empty field of it means}. Raises UserError naming the line for a missing column
    or a value that is no number; remedy: what to do where there is no such file.
    """
    values, numbers = {name: [] for name in names}, []
    lines = read_text(path, remedy).splitlines()
    above = int(bool(lines) and lines[0].lower().startswith("sep="))  # a line that tells Excel the separator
    rows = csv.DictReader(lines[above:], delimiter=_separator(lines[above:]))
    if not set(names) <= set(rows.fieldnames or ()):
        raise UserError(f"{path}: expected columns {', '.join(names)}, found {rows.fieldnames}")
    for row in rows:
        if not any(row[name] for name in names):
            continue  # spreadsheets leave empty rows behind
        numbers.append(above + rows.line_num)
        for name in names:
            text = row[name] or (empty or {}).get(name, "")
            values[name].append(_number(text, f"{path}, line {numbers[-1]}: {name}"))
    return {name: np.array(column) for name, column in values.items()}, numbers


def _separator(lines: list[str]) -> str:
    """What stands between the columns' names; a comma where nothing else does."""
    return next((mark for mark in ";\t" if lines and mark in lines[0]), ",")


def _number(text: str, where: str) -> float:
    try:
        value = float(TRUTHS.get(text.lower(), text).replace(",", "."))
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise UserError(f"{where}: expected a number, found {text!r}")
    return value
