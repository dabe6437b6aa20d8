"""A folder converted to one voice: a row on each recording, and a zip of all."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from common import cli
from common.cli import UserError
from common.names import readable
from conversion import files
from conversion.files import BatchFile
from workshop.documents import FORMATS
from workshop.jobs import Job, Stopped
from workshop.models import Models

COLUMNS = ("recording", "conversion", "notes")


@dataclass
class Row:
    """One recording. state: waiting, working, done, failed or stopped; notes: those of the terminal."""

    source: Path
    place: str
    target: Path
    state: str = "waiting"
    notes: tuple[str, ...] = ()


def planned(given: str | Sequence[str], voice: str, out: Path, kind: str) -> list[Row]:
    """A row for each recording of a folder or file on this machine, or of those uploaded.

    Raises UserError as infer.py does, and for nothing at all.
    """
    if kind not in FORMATS:
        raise UserError(f"format: expected one of {', '.join(FORMATS)}, found {kind}")
    if not given:
        raise UserError("no recordings: give a folder, or drop files")
    places = files.find_sources(cli.path(given.strip())) if isinstance(given, str) else _uploaded(given)
    targets = files.target_paths(places, voice, out)
    return [
        Row(source, readable(place.as_posix()), targets[source].with_suffix(f".{kind}"))
        for source, place in places.items()
    ]


def _uploaded(paths: Sequence[str]) -> dict[Path, Path]:
    """{upload: its name}; those of a name that another has go to numbered folders."""
    from audio import AUDIO_SUFFIXES  # noqa: PLC0415  late, as numpy comes with it

    wanted = [path for path in map(Path, paths) if path.suffix.lower() in AUDIO_SUFFIXES]
    if not wanted:
        found = ", ".join(sorted({Path(path).suffix or Path(path).name for path in paths}))
        raise UserError(f"expected audio files, found {found}")
    places: dict[Path, Path] = {}
    for path in wanted:
        place, number = Path(path.name), 1
        while place in places.values():
            number += 1
            place = Path(str(number), path.name)
        places[path] = place
    return places


def run(models: Models, rows: list[Row], voice: str, options: dict[str, Any], job: Job) -> None:
    """Convert each; one bad file ends nothing but its own row."""
    job.say(f"loading {voice} …", 0.0)
    converter = models.converter(voice)
    for at, row in enumerate(rows):
        job.say(f"{row.place}, {at + 1} of {len(rows)}", at / len(rows))
        row.state = "working"
        try:
            with models.busy:
                row.notes = tuple(
                    files.convert_file(
                        converter, BatchFile(row.source, row.target, None, None), options, False, False
                    )
                )
            row.state = "done"
        except Stopped:
            row.state = "stopped"
            raise
        except Exception as error:  # noqa: BLE001  one bad file must not end the batch
            reason = cli.printable(cli.reason_of(error)).replace(str(row.source), row.place)
            row.state, row.notes = "failed", (reason,)


def zipped(rows: list[Row], out: Path, path: Path) -> Path | None:
    """The zip of what has been converted, with notes.csv; None where nothing has."""
    made = [row for row in rows if row.state == "done"]
    if not made:
        return None
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([row.place, row.target.name if row.state == "done" else "", " | ".join(row.notes)])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for row in made:
            archive.write(row.target, row.target.relative_to(out).as_posix())
        archive.writestr("notes.csv", table.getvalue())
    return path


def table(rows: list[Row]) -> str:
    """HTML of the rows."""
    marks = {"waiting": "·", "working": "…", "done": "✓", "failed": "✗", "stopped": "–"}
    lines = "".join(
        f'<tr class="{row.state}"><td class="mark" title="{row.state}" aria-label="{row.state}">'
        f"{marks[row.state]}</td><td>{escape(row.place)}</td>"
        f"<td>{escape(row.target.name) if row.state == 'done' else ''}</td>"
        f'<td class="soft">{"<br>".join(map(escape, row.notes))}</td></tr>'
        for row in rows
    )
    columns = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    return (
        f'<div class="sheet"><table class="rows batch"><thead><tr><th></th>{columns}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def summary(rows: list[Row]) -> str:
    """'3 of 4 converted, 1 failed'."""
    count = {state: sum(row.state == state for row in rows) for state in ("done", "failed")}
    failed = f", {count['failed']} failed" if count["failed"] else ""
    return f"{count['done']} of {len(rows)} converted{failed}"
