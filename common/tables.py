"""CSV tables that say something of recordings: rows found by the end of a path."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import defaultdict
from pathlib import Path, PurePath, PureWindowsPath

from common.cli import UserError
from common.names import readable
from common.readers import read_text

Ends = tuple[str, ...]  # parts of a path from its end; the name first, without its suffix


class Table:
    """Values of one column of a CSV for recordings, found by its column `path`.

    Paths may begin elsewhere than those of the recordings, and use either slash. Of the rows whose name is a
    recording's, those count whose path ends most like its path. Raises UserError for a file that is no CSV in
    UTF-8 or lacks one of the columns.
    """

    def __init__(self, file: Path, column: str) -> None:
        self.file = file
        text = read_text(file, "export it as CSV in UTF-8")
        try:
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
        except csv.Error as error:
            raise UserError(f"{file}: expected a CSV in UTF-8, found {error}") from error
        if not rows or not {"path", column} <= set(rows[0]):
            found = ", ".join(str(name) for name in rows[0]) if rows else "no rows"
            raise UserError(f"{file}: expected columns path and {column}, found {found}")
        self.first = rows[0]["path"]
        self.named: dict[str, list[tuple[Ends, str, str]]] = defaultdict(list)
        for row in rows:
            path = PureWindowsPath(row["path"] or "")
            if path.name and row[column]:
                ends = _ends(path)
                self.named[ends[0]].append((ends, path.suffix, row[column]))

    def values(self, recording: Path, any_suffix: bool = True) -> list[str]:
        """What the rows say that are most like a recording's path: each value once, in the order of the rows.

        any_suffix: a row for x.flac says something of x.wav too.
        """
        own = _ends(recording)
        rows = [row for row in self.named.get(own[0], []) if any_suffix or row[1] == recording.suffix]
        likeness = [_shared(own, ends) for ends, _, _ in rows]
        best = max(likeness, default=None)
        return list(dict.fromkeys(row[2] for row, like in zip(rows, likeness, strict=True) if like == best))


def _ends(path: PurePath) -> Ends:
    # macOS hands out names decomposed, as nobody types them into a table; nor does one type bytes.
    whole = path.with_suffix("") if path.suffix else path
    return tuple(unicodedata.normalize("NFC", readable(part)) for part in whole.parts[::-1])


def _shared(own: Ends, other: Ends) -> tuple[int, bool]:
    """How many parts agree from the end, and whether that is all of the other path."""
    alike = [a == b for a, b in zip(own, other, strict=False)]
    count = alike.index(False) if False in alike else len(alike)
    return count, count == len(other)
