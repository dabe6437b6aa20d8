"""Errors as users see them: one sentence, with the nearest name, safe for a terminal."""

from __future__ import annotations

import difflib
import errno
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

MOST_BYTES = 255  # of one name, on the usual file systems
MOST_ON_WINDOWS = 260  # characters of a path, unless long paths are switched on
FULL = "the disk is full; free some space, and run it again"
_DENIED = "it cannot be read or written: it is read-only, another user's, or open in another program"
OS_ERRORS = {
    errno.ENOSPC: FULL,
    getattr(errno, "EDQUOT", errno.ENOSPC): FULL,
    errno.EROFS: "its disk is read-only; name another folder",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a part of this path is a file, expected a folder",
    errno.EISDIR: "it is a folder, expected a file",
    errno.EEXIST: "it is there already, as something else",
}


class UserError(Exception):
    """One sentence for the user: the file, what was expected, what was found, the command that fixes it."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence on a wrong name: the nearest of those known; empty where none is near."""
    folded = {name.casefold(): name for name in sorted(known, reverse=True)}
    near = difflib.get_close_matches(name.casefold(), folded, 1)
    return f", did you mean {folded[near[0]]!r}?" if near else ""


def closest(name: str, known: Iterable[str]) -> str:
    """As `nearest`; all that are known where none is near."""
    return nearest(name, known) or f"; known are {', '.join(sorted(known))}"


def printable(text: str) -> str:
    """Text from names and files as it may reach a terminal: one line, control characters as escapes."""

    def escaped(letter: str) -> str:
        plain = unicodedata.category(letter) not in ("Cc", "Cf", "Zl", "Zp") or letter in "\u200c\u200d"
        return letter if plain else letter.encode("unicode_escape").decode("ascii")

    return text if text.isascii() and text.isprintable() else "".join(map(escaped, text))


def reason_of(error: BaseException) -> str:
    """Why something failed, in one sentence: a system's error with its file, and what to do about it."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if not isinstance(error, OSError) or error.errno is None:
        return str(error) or type(error).__name__
    name = "" if error.filename is None else os.fsdecode(error.filename)
    words = OS_ERRORS.get(error.errno) or error.strerror or type(error).__name__
    if error.errno == errno.ENAMETOOLONG:
        longest = max((len(os.fsencode(part)) for part in Path(name).parts), default=0)
        over = f": {longest} bytes of at most {MOST_BYTES}" if longest > MOST_BYTES else ""
        words = f"the name is too long{over}; give a shorter one"
    elif os.name == "nt" and error.errno == errno.ENOENT and len(os.path.abspath(name)) >= MOST_ON_WINDOWS:
        words = f"the path is too long: Windows takes {MOST_ON_WINDOWS - 1} characters; give a shorter one"
    return f"{name}: {words}" if name else words
