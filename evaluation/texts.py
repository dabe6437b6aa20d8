"""What is said in recordings, as a CSV gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from common.tables import Table


def read_texts(
    files: Iterable[Path], table: Path | None, say: Callable[[str], None]
) -> dict[Path, str | None]:
    """{file: its text}, from a CSV with columns path and text, matched as `common.tables.Table` does.

    None where the table has no text for a file, or several; say(line) reports how many. Raises UserError for
    a file that is no such table.
    """
    if table is None:
        return dict.fromkeys(files)
    known = Table(table, "text")
    found = {file: known.values(file) for file in files}
    for trouble, lost in (
        ("no text", [file for file, texts in found.items() if not texts]),
        ("several texts", [file for file, texts in found.items() if len(texts) > 1]),
    ):
        if lost:
            say(f"{table}: {trouble} for {len(lost)} of {len(found)} files, the first {lost[0].name}")
    return {file: texts[0] if len(texts) == 1 else None for file, texts in found.items()}
