"""What was measured, kept in a JSON file beside the conversions, so that a second page takes no time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.files import write_text

NAME = "listening.json"
VERSION = 1  # of what is measured; another one is measured again


class Cache:
    """Values that JSON takes, each with the stamp of what it was made from.

    A file that is missing, damaged or of another version is an empty one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.used: dict[str, dict[str, Any]] = {}
        self.before: dict[str, dict[str, Any]] = {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["version"] == VERSION:
                self.before = dict(found["values"])
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def has(self, key: str, stamp: str) -> bool:
        """Whether the value of `key` is there and was made from what has this stamp."""
        found = self.before.get(key)
        return isinstance(found, dict) and found.get("stamp") == stamp and "value" in found

    def get(self, key: str, stamp: str, make: Callable[[], Any]) -> Any:
        """The value of `key`, made anew unless it was made from what has the same stamp."""
        value = self.before[key]["value"] if self.has(key, stamp) else make()
        self.used[key] = {"stamp": stamp, "value": value}
        return value

    def save(self) -> None:
        """Write what was asked for; what nobody asked for any more goes. Raises OSError."""
        if self.used != self.before:
            text = json.dumps({"version": VERSION, "values": self.used}, separators=(",", ":"))
            write_text(self.path, text)


def stamp_of(path: Path) -> str:
    """A digest of a file's content; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = hashlib.blake2b(digest_size=12)
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except OSError:
        return ""
