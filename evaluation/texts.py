"""What is said in recordings, as a CSV says it."""

from __future__ import annotations

import csv
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from common.cli import UserError


def read_texts(
    files: Iterable[Path], table: Path | None, say: Callable[[str], None]
) -> dict[Path, str | None]:
    """{file: what is said in it}, from a CSV with columns path and text, matched by file name without suffix.

    None where the table has no text for the name, or several; `say` is told how often. Raises UserError for a
    file that is no such table.
    """
    if table is None:
        return dict.fromkeys(files)
    known = _read_table(table)
    found = {file: known[_name(file)] for file in files}
    for trouble, lost in (
        ("no text", [file for file, several in found.items() if not several]),
        ("several texts", [file for file, several in found.items() if len(several) > 1]),
    ):
        if lost:
            say(f"{table}: {trouble} for {len(lost)} of {len(found)} files, the first {lost[0].name}")
    return {file: next(iter(several)) if len(several) == 1 else None for file, several in found.items()}


def _read_table(table: Path) -> dict[str, set[str]]:
    """{file name without suffix: the texts that rows give for it}."""
    known = defaultdict(set)
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"path", "text"} <= set(rows.fieldnames or ()):
                raise UserError(f"{table}: expected columns path and text, found {rows.fieldnames}")
            for row in rows:
                if row["path"] and row["text"]:
                    known[_name(PurePosixPath(row["path"].replace("\\", "/")))].add(row["text"])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table}: cannot be read as a UTF-8 CSV ({error})") from error
    return known


def _name(path: PurePosixPath | Path) -> str:
    # macOS hands out names decomposed, as nobody types them into a table.
    return unicodedata.normalize("NFC", path.stem)
