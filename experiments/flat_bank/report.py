"""docs/flat-bank.md and its picture."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

import audio
from common.files import write_text
from experiments.flat_bank.measure import FIGURES, SOUND, TAKE
from experiments.tables import markdown, median_of_files, over_files
from hubert_pitdyn import pitch, plots

Rows = dict[str, list[dict[str, float]]]  # {row: figures of each line}
Figures = dict[str, Rows]  # {set of lines: its rows}


def set_table(rows: Rows, medians: bool = False, shown: dict[str, tuple] = FIGURES) -> str:
    """A row of the document each: means with their intervals over recordings, or medians of lines."""
    cells = []
    for title, lines in rows.items():
        recordings = [one["recording"] for one in lines]
        columns = (
            ([one.get(f, math.nan) for one in lines], factor, places)
            for f, (_, factor, places) in shown.items()
        )
        figures = (median_of_files(*c) if medians else over_files(*c, recordings) for c in columns)
        cells.append([title, *figures])
    return markdown(["", *(column for column, *_ in shown.values())], cells)


def sound_table(rows: Rows) -> str:
    """Sound against the singer's recordings, of the rows and figures that have it; empty where none has."""
    known = {key for lines in rows.values() for one in lines for key in SOUND if key in one}
    some = {title: lines for title, lines in rows.items() if known & set(lines[0])}
    shown = {key: how for key, how in SOUND.items() if key in known}
    return f"\n\nSound, dB above the recordings:\n\n{set_table(some, shown=shown)}" if some else ""


def section(name: str, rows: Rows) -> str:
    """What the document says of a set of lines: means and, of several lines, medians."""
    several = max(map(len, rows.values())) > 2
    medians = f"\n\nMedians over the same lines:\n\n{set_table(rows, medians=True)}" if several else ""
    return f"## {name}\n\n{set_table(rows)}{medians}{sound_table(rows)}"


def picture(title: str, wavs: dict[str, np.ndarray], path: Path, tracker: str) -> None:
    """F0 of a source and of what each voice made of it, on one axis."""
    f0 = {name: pitch.track(audio.on_grid(wav), tracker) for name, wav in wavs.items()}
    plots.save(plots.melodies(title, f0), path)


def write(doc: Path, image: Path, command: str, figures: Figures, facts: dict[str, object]) -> None:
    """The document. facts: what TEXT names."""
    tables = "\n\n".join(section(name, rows) for name, rows in figures.items() if rows)
    link = os.path.relpath(image, doc.parent).replace(os.sep, "/")
    said = {part: text.format(**facts) for part, text in (MADE if facts["voice"] else TRAINED).items()}
    text = TEXT.format(command=command, tables=tables, image=link, take=TAKE, **said, **facts)
    write_text(doc, text)


TRAINED = {  # what is said where all rows were trained
    "copies": "With pitch-shifted copies, both are copied up to {rich_moves} and {bank_moves} semitones "
    "away; without them the bank has no other pitch in training.",
    "other": ' "Refined on the other note" is trained on recordings of {real}, with the same lines held out: '
    "a voice that knows that note, so the difference is what not knowing it costs.",
}
MADE = {  # and where one is a voice that was there
    "copies": "That is the row of content only; the rows with pitch-shifted copies are `{voice}`, trained on "
    "the same recordings by what its card says.",
    "other": "",
}
TEXT = """# A monotone bank follows a melody

For whoever wants to know what a voice from a bank on one note can do, and which part of its training does
it. What the figures say is in [results.md](results.md#flat-bank). This page was written by

    {command}

in {minutes:.0f} minutes.

**Set-up.** A voice is pretrained on `{rich}` ({rich_steps} steps) and refined on `{bank}` ({bank_steps}
steps), a bank sung at {bank_median:.0f} Hz whose pitch keeps within {bank_range:.1f} semitones (5th to 95th
percentile over all its training lines). {copies} The lines converted were
not in training, except for the set that says so. Some of the bank's own lines were held out; recordings of
these lines on other notes ({notes}) show how the singer really sounds there.{other}

**Figures.** F0 of the conversion by {tracker} against that of the source (transposed where the line was);
"both agree" counts only frames on which swift-f0, the tracker of the labels, agrees with it about the
source: about its voicing, and about its pitch within 50 cents. "range" is the 5th to 95th percentile of the
conversion's F0. MCD is to the real recording, frame by frame. Aperiodicity is WORLD's (D4C), levels are
long-term ones. "speaker" is the similarity to the bank, "on that note" to the singer's recordings on the note
of the line. "vocoder copy" is the source through mel and vocoder, which is given its F0 as in a conversion.
"{take}" is the same line on the bank's note, warped in time onto the other (MCD by DTW): the
distance between two takes of one singer. "predicted by …" and "found by …" are the pitch that a voice is
given, before there is any sound; following it to the cent would give these figures. Means over lines, with
bootstrap 95 % intervals over the recordings (several lines may be of one) where there are five and more,
then medians. A set leaves out a row that cannot be made of all its lines.

![F0 of a source and its conversions]({image})

{tables}
"""
