"""Audio files of a folder and all folders below it, and one line on what was left out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

SHOWN = 8  # kinds of file that the line on what was left out names
PLAIN = re.compile(r"\.\w{1,8}", re.ASCII)  # a suffix worth showing


class Found(NamedTuple):
    """paths: sorted; left_out: "3 .txt, 1 .xyz, 2 hidden", or nothing."""

    paths: list[Path]
    left_out: str


def find(folder: Path, suffixes: Collection[str]) -> Found:
    """Files at any depth with one of these suffixes, in lower case; hidden ones are left out.

    Linked folders are followed, but each folder is read once, and none from above `folder` again.
    """
    paths, left_out = [], Counter()
    top = os.path.realpath(folder)
    folders, links, seen = [str(folder)], [], set()
    while folders or links:
        # Links last: where one leads to a folder that is here anyway, the files keep their own paths.
        place = folders.pop() if folders else links.pop(0)
        real = os.path.realpath(place)
        if real in seen or (real != top and _holds(real, top)):
            continue
        seen.add(real)
        try:
            entries = list(os.scandir(place))
        except OSError:
            left_out["unreadable folder(s)"] += 1
            continue
        for entry in entries:
            kind = _kind(entry, suffixes)
            if kind == "folder":
                is_own = os.path.realpath(entry.path) == os.path.join(real, entry.name)
                (folders if is_own else links).append(entry.path)
            elif kind == "audio":
                paths.append(entry.path)
            elif kind:
                left_out[kind] += 1
    # As paths are sorted, but in less time.
    paths.sort(key=lambda path: os.path.normcase(path).split(os.sep))
    return Found([Path(path) for path in paths], _line(left_out))


def _holds(folder: str, other: str) -> bool:
    """Whether `other` lies in `folder`; both are real paths."""
    return other.startswith(os.path.join(folder, ""))


def _kind(entry: os.DirEntry, suffixes: Collection[str]) -> str:
    """folder, audio, or the kind of file that the line counts; nothing for hidden files of other kinds."""
    suffix = os.path.splitext(entry.name)[1].lower()
    try:
        if entry.is_dir():
            return "folder"
        regular = entry.is_file()
    except OSError:  # a link that leads to itself
        regular = False
    if entry.name.startswith("."):
        return "hidden" if suffix in suffixes else ""
    if not regular:
        return "dead link(s)" if entry.is_symlink() else "other"
    if suffix in suffixes:
        return "audio"
    if not suffix:
        return "without suffix"
    return suffix if PLAIN.fullmatch(suffix) else "other"


def _line(counts: Counter) -> str:
    named = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count} {kind}" for kind, count in named[:SHOWN]]
    rest = sum(count for _, count in named[SHOWN:])
    return ", ".join([*shown, *([f"{rest} of other kinds"] if rest else [])])
