"""Which recordings are takes of one prompt, as a CSV says it."""

from __future__ import annotations

import csv
from pathlib import Path, PureWindowsPath

from cli import UserError


def read(table: Path, files: dict[str, Path]) -> dict[str, str]:
    """{key: prompt} from a CSV with columns path and prompt; files: {key: wav}.

    Paths may begin elsewhere than the wavs do, and use either slash: of the rows with a wav's name the one
    counts whose path ends most like the wav's. Raises UserError when the file cannot be read, has other
    columns, or names none of the wavs.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table}: expected a CSV in UTF-8, found {error}") from error
    if not rows or not {"path", "prompt"} <= set(rows[0]):
        found = ", ".join(str(name) for name in rows[0]) if rows else "no rows"
        raise UserError(f"{table}: expected columns path and prompt, found {found}")
    named: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for row in rows:
        parts = PureWindowsPath(row["path"] or "").parts[::-1]
        if parts and row["prompt"]:
            named.setdefault(parts[0], []).append((parts, row["prompt"]))
    prompts = {key: _most_alike(wav, named[wav.name]) for key, wav in files.items() if wav.name in named}
    if not prompts:
        raise UserError(
            f"{table}: expected paths that end like those of the wavs, as {next(iter(files.values()))}, "
            f"found {rows[0]['path']}"
        )
    return prompts


def _most_alike(wav: Path, rows: list[tuple[tuple[str, ...], str]]) -> str:
    """The prompt of the row, path from its end and prompt, that shares most of its end with a wav's path."""
    backwards = wav.parts[::-1]

    def shared(row: tuple[tuple[str, ...], str]) -> tuple[int, bool]:
        parts = row[0]
        alike = [ours == theirs for ours, theirs in zip(backwards, parts, strict=False)]
        count = alike.index(False) if False in alike else len(alike)
        return count, count == len(parts)

    return max(rows, key=shared)[1]
