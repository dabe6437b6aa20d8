"""Names of recordings, voices and data sets: unique, safe as paths on every system, and readable."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import PurePath

from common.cli import UserError

READABLE = "readable"  # error handler for str.encode and for streams, see `readable`
FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')  # in a file name on Windows
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)  # files of Windows' own


def fold(name: str) -> str:
    """What two names share that Windows or macOS take for one: capitals and composed accents aside."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def unique(
    paths: Iterable[PurePath], reserved: Callable[[str], bool] = lambda name: False
) -> dict[PurePath, str]:
    """{relative path of a file: a name that no other has}, with forward slashes; see `fold`.

    The name is the path without its suffix; with it where another has the same name, or it is reserved; and
    with a number, too, where that is not enough (A.wav beside a.wav).
    """
    names = {path: path.with_suffix("").as_posix() for path in paths}
    while True:
        counts = Counter(map(fold, names.values()))
        # A name with suffix can be another's without: song.mp3 beside song.mp3.wav. So it is looked again.
        clashing = [path for path, name in names.items() if counts[fold(name)] > 1 or reserved(name)]
        longer = {path: path.as_posix() for path in clashing if names[path] != path.as_posix()}
        if not longer:
            break
        names |= longer
    used, seen = set(counts), set()
    for path in sorted(path for path in clashing if counts[fold(names[path])] > 1):
        name, number = names[path], 1
        while fold(name) in (used if number > 1 else seen):
            number += 1
            name = f"{names[path]}~{number}"
        names[path] = name
        seen.add(fold(name))
        used.add(fold(name))
    return names


def checked(name: str, what: str) -> str:
    """`name`, of a voice or data set, which becomes a folder. Raises UserError where it cannot be one.

    Forward slashes are for folders in folders. `what`: voice, dataset, … for the message.
    """
    if name.startswith("/"):
        raise UserError(f"{what} {name!r}: expected a name such as hana, found an absolute path")
    for part in name.split("/"):
        if reason := _unusable(part):
            raise UserError(f"{what} {name!r}: expected a name such as hana, found {reason}")
    return name


def _unusable(part: str) -> str:
    """Why a folder cannot have this name on every system, '' where it can."""
    if part in ("", ".", ".."):
        return repr(part) if part else "nothing, or a slash at an end or twice"
    if found := FORBIDDEN.search(part):
        return f"the character {found[0]!r}"
    if any("\ud800" <= letter <= "\udfff" for letter in part):
        return "bytes that are not UTF-8"
    if part[-1] in ". ":
        return f"{part[-1]!r} at an end"
    if DEVICES.fullmatch(part.split(".")[0].rstrip()):
        return f"{part!r}, which Windows keeps for itself"
    return ""


def usable(part: str) -> str:
    """A part of a path from elsewhere, changed as little as a name on every system asks for."""
    part = FORBIDDEN.sub("_", part)
    part = part[:-1] + "_" if part[-1] in ". " else part
    return f"_{part}" if DEVICES.fullmatch(part.split(".")[0].rstrip()) else part


def checked_key(key: str, where: object) -> str:
    """`key`, a path without suffix below a folder. Raises UserError where it leads out of the folder.

    where: the file or folder that holds the key, for the message.
    """
    outside = not isinstance(key, str) or not key or "\0" in key or PurePath(key).anchor
    if outside or ".." in re.split(r"[/\\]", key):
        raise UserError(f"{where}: the key {key!r} leads out of its folder; delete the file that holds it")
    return key


def readable(text: str) -> str:
    """Names that are not UTF-8 on the disk, as text to show (not to open): their bytes are read as Shift-JIS,
    or as Latin-1, in which the bytes 80 to 9F stand for no character."""
    return text.encode("utf-8", READABLE).decode("utf-8")


def _show(error: UnicodeError) -> tuple[str | bytes, int]:
    """The error handler READABLE: bytes of a name as `readable` says, anything else as \\uXXXX."""
    text, start, end = error.object, error.start, error.end
    places = [place for place in range(start, end) if _is_byte(text[place])]
    if error.encoding.lower() not in ("utf-8", "utf8") or places[:1] != [start]:
        end = places[0] if places and places[0] > start else end
        return text[start:end].encode("ascii", "backslashreplace").decode("ascii"), end
    left = max(text.rfind(mark, 0, start) for mark in "/\n") + 1
    japanese = any("\udc80" <= letter <= "\udc9f" for letter in re.split("[/\n]", text[left:])[0])
    shown = ""
    while start < len(text) and _is_byte(text[start]):
        letter, taken = _letter(text[start : start + 2], japanese)
        shown, start = shown + letter, start + taken
    return shown.encode("utf-8"), start  # a str would have to be ASCII


def _is_byte(letter: str) -> bool:
    """Whether Python's surrogateescape has put this in the place of a byte that is not UTF-8."""
    return "\udc80" <= letter <= "\udcff"


def _letter(pair: str, japanese: bool) -> tuple[str, int]:
    """The letter that one or both of a pair stand for, the first of which is a byte; and how many."""
    # The second byte of a letter in Shift-JIS may be in ASCII.
    whole = pair.encode("utf-8", "surrogateescape")
    for size in (1, 2) if japanese else ():
        try:
            return whole[:size].decode("cp932"), size
        except UnicodeDecodeError:
            continue
    return (f"\\x{whole[0]:02x}" if japanese else chr(whole[0])), 1


codecs.register_error(READABLE, _show)
