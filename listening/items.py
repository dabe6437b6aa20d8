"""What the page lists: sources with their conversions and texts, and commands for what is missing."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from audio import AUDIO_SUFFIXES
from common import audio_files, cli
from common.tables import Table
from conversion.files import unique_names

TEXTS = "texts.csv"  # beside the sources, with the columns path and text; those of ABOUT where it has them
ABOUT = ("about", "kind", "language")


@dataclass(frozen=True)
class Item:
    """One source, relative to the folder of sources, and its conversions {voice: path relative to theirs}.

    text: what is said; about: what else is to be known of it; kinds: words to filter by; language: BCP 47 tag
    of the text. All are empty where no table says. unique: whether a conversion of this file alone gets the
    name that one of the whole folder has.
    """

    source: Path
    conversions: dict[str, Path]
    text: str
    about: str
    kinds: tuple[str, ...]
    language: str
    unique: bool


def collect(test: Path, gen: Path, texts: Path | None = None) -> list[Item]:
    """An item for every audio file in `test` (or for the file `test`), in the order of their names.

    texts: a table to use instead of TEXTS. Raises UserError for a missing `test` or a table that is none.
    """
    sources, folder = find_sources(test), test.parent if test.is_file() else test
    conversions = find_conversions(sources, gen)
    known = _columns(texts or folder / TEXTS, required=texts is not None)

    def first(column: str, source: Path) -> str:
        found = known[column].values(folder / source) if column in known else []
        return found[0].strip() if found else ""

    stems = unique_names({source: source for source in sources})
    return [
        Item(
            source,
            conversions[source],
            first("text", source),
            first("about", source),
            tuple(kind.strip() for kind in first("kind", source).split(";") if kind.strip()),
            first("language", source),
            stems[source] == source.stem,
        )
        for source in sources
    ]


def _columns(table: Path, required: bool) -> dict[str, Table]:
    """The columns of a table; none of one that is neither there nor required."""
    if not required and not table.is_file():
        return {}
    found = {"text": Table(table, "text")}
    for column in ABOUT:
        with suppress(cli.UserError):  # a table of texts alone is one
            found[column] = Table(table, column)
    return found


def find_sources(test: Path) -> list[Path]:
    """Audio files below `test`, sorted, relative to it; or `test` itself, relative to its folder.

    Raises UserError where there is nothing of that name.
    """
    if test.is_file():
        return [Path(test.name)]
    if not test.is_dir():
        raise cli.UserError(f"{test}: expected a folder of source wavs, found none; name it with --test")
    return [path.relative_to(test) for path in files_of(test)]


def files_of(folder: Path) -> list[Path]:
    """Audio files at any depth, sorted; hidden ones, such as half-written results, are left out."""
    return audio_files.find(folder, AUDIO_SUFFIXES).paths


def find_conversions(sources: list[Path], gen: Path) -> dict[Path, dict[str, Path]]:
    """{source: {voice: path relative to `gen`}}; empty when `gen` does not exist.

    Where one source's stem begins another's, `a` and `a_b`, the file a_b_x.wav belongs to the longer one.
    Sources that differ by suffix alone, a.wav and a.flac, are converted to a.wav_x.wav and a.flac_x.wav.
    """
    found: dict[Path, dict[str, Path]] = {source: {} for source in sources}
    heads = {(s.parent, name): s for s, name in unique_names({s: s for s in sources}).items()}
    for path in files_of(gen) if gen.is_dir() else []:
        name = path.relative_to(gen)
        for place in [place for place, letter in enumerate(name.stem) if letter == "_"][::-1]:
            source, voice = heads.get((name.parent, name.stem[:place])), name.stem[place + 1 :]
            if source and voice:
                found[source][voice] = name
                break
    return found


def url(path: Path, base: Path) -> str:
    """Link from the folder `base` to `path`, percent-encoded; a file: address across Windows drives."""
    try:
        return quote(os.fsencode(Path(os.path.relpath(path, base)).as_posix()))
    except ValueError:
        return path.resolve().as_uri()


def command(item: Item, voice: str, dataset: str, test: Path, gen: Path) -> str:
    """The line for a shell that makes the conversion of an item to a voice where the page looks for it."""
    if test.is_file():
        source, out = test, gen
    elif item.unique:
        source, out = test / item.source, gen / item.source.parent
    else:  # alone it would be written under the name of the source that differs by suffix
        source, out = test, gen
    arguments = ["python", "infer.py", voice, "--dataset", dataset, "--input", source, "--out_path", out]
    return quoted([_plain(argument) for argument in arguments])


def _plain(argument: str | Path) -> str:
    """An argument as text; a path never looks like an option."""
    if isinstance(argument, Path):
        return f".{os.sep}{argument}" if str(argument).startswith("-") else str(argument)
    return argument


def quoted(arguments: Sequence[str]) -> str:
    """Arguments as this system's shell takes them."""
    return subprocess.list2cmdline(arguments) if os.name == "nt" else shlex.join(arguments)
