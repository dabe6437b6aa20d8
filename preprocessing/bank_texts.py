"""The text files of a UTAU or OpenUtau bank: oto.ini, character.txt and .yaml, prefix.map, readme, license.

They are read in whatever encoding they are; what is missing or damaged is left out, since none is needed.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import encodings

LARGEST = 1 << 20  # bytes of a text that is read
MOST_NAME, MOST_TERMS = 200, 4000  # characters that are kept
TERMS = re.compile(
    r"read ?me|licen[sc]e|terms|tos|tou|りどみ|お?読んで|よんで|規約|ライセンス|说明|説明|协议|使用须知|"
    r"이용약관|읽어",
    re.IGNORECASE,
)
SUBBANK = ("prefix", "suffix")
KEYS = {  # of character.txt and .yaml: what they are called here
    **dict.fromkeys(("name", "名前", "キャラクター名"), "name"),
    **dict.fromkeys(("author", "作者", "製作者", "制作者"), "author"),
    **dict.fromkeys(("voice", "cv", "声", "音源提供"), "voice"),
    **dict.fromkeys(("web", "url", "website", "homepage"), "web"),
}


@dataclass
class Texts:
    """What they say. about: name, author, voice, web, each where given; aliases: {path of a recording without
    suffix, folded: its aliases}; folders: those with an oto.ini; affixes: prefixes and suffixes of aliases;
    terms, terms_file: the file with the terms of use and its name; encodings: codecs met."""

    about: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    folders: set[str] = field(default_factory=set)
    affixes: set[str] = field(default_factory=set)
    terms: str = ""
    terms_file: str = ""
    encodings: set[str] = field(default_factory=set)

    @property
    def is_bank(self) -> bool:
        return bool(self.folders or self.about)


def read(root: Path) -> Texts:
    """Texts of the bank in a folder; the uppermost file of a kind counts, but every oto.ini."""
    found = Texts()
    for place, folders, names in os.walk(root):
        folders.sort()
        folder = Path(place).relative_to(root).as_posix()
        for name in sorted(names):
            lowered = unicodedata.normalize("NFC", name).lower()
            path = Path(place, name)
            if lowered == "oto.ini":
                _oto(found, "" if folder == "." else f"{folder}/", _text(found, path))
            elif lowered == "character.txt":
                _character(found, _text(found, path))
            elif lowered == "character.yaml":
                _character_yaml(found, _text(found, path))
            elif re.fullmatch(r"prefix.*\.map", lowered):
                _prefix_map(found, _text(found, path))
            elif _rank(lowered) > _rank(found.terms_file.lower()):
                found.terms_file, found.terms = name, _text(found, path)[:MOST_TERMS].strip()
    return found


def fold(path: str) -> str:
    """A path without its suffix as oto.ini may spell it: capitals and composed accents aside."""
    return unicodedata.normalize("NFC", path).casefold().replace("\\", "/")


def _rank(name: str) -> int:
    """How likely a text file holds the terms: a licence before a readme, 0 for others."""
    if not name or not re.search(r"\.(txt|md)$|^[^.]*$", name) or not (hit := TERMS.search(name)):
        return 0
    return 1 if re.match(r"read|りどみ|お?読|よん|读|说明|説明|읽", hit[0]) else 2


def _text(found: Texts, path: Path) -> str:
    """A text file; empty where it is too long or cannot be read."""
    with suppress(OSError):
        if path.stat().st_size <= LARGEST:
            text, encoding = encodings.decoded(path.read_bytes())
            if not text.isascii():
                found.encodings.add(encoding)
            return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return ""


def _oto(found: Texts, folder: str, text: str) -> None:
    """Lines such as か.wav=- か,52,120,-300,80,30; without an alias the recording's own name is one."""
    found.folders.add(folder.rstrip("/"))
    for line in text.splitlines():
        recording, equals, values = line.partition("=")
        if not equals or recording.startswith(("#", "[")):
            continue
        key = fold(folder + recording.strip().rpartition(".")[0])
        found.aliases[key].append(values.partition(",")[0].strip() or key.rpartition("/")[2])


def _character(found: Texts, text: str) -> None:
    for line in text.splitlines():
        key, mark, value = line.partition("=")
        if not mark:
            key, mark, value = line.replace("\uff1a", ":").partition(":")
        _note(found, key, value)


def _character_yaml(found: Texts, text: str) -> None:
    import yaml  # noqa: PLC0415  few banks have one

    try:
        about = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError):
        return
    if not isinstance(about, dict):
        return
    for key, value in about.items():
        _note(found, str(key), value)
    banks = about.get("subbanks")
    for bank in banks if isinstance(banks, list) else ():
        if isinstance(bank, dict):
            affixes = (bank.get(key) for key in SUBBANK)
            found.affixes |= {a.strip() for a in affixes if isinstance(a, str) and a.strip()}


def _note(found: Texts, key: str, value: Any) -> None:
    name = KEYS.get(key.strip().lower())
    if name and isinstance(value, str | int | float) and str(value).strip():
        found.about.setdefault(name, str(value).strip()[:MOST_NAME])


def _prefix_map(found: Texts, text: str) -> None:
    """Lines of a note, a prefix and a suffix, with tabs between."""
    for line in text.splitlines():
        found.affixes |= {part.strip() for part in line.split("\t")[1:3]} - {""}
