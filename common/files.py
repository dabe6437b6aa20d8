"""Files written whole or not at all."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE, PAUSE = 20, 0.25  # tries and seconds between them, while another program reads the old file
LEFTOVER_AGE = 3600.0  # seconds after which a temporary file can only belong to a killed process


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A new path to write to, with the suffix of `path`, whose place it takes when the block ends.

    A reader finds the old file or the whole new one, after a power cut too. The name is hidden and unique, so
    that two processes never write into one file. When the block fails, the old file stays and the new one
    goes. The folder is made where it is missing. Raises OSError where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.part{path.suffix}")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def replace(part: Path, path: Path) -> None:
    """os.replace; Windows refuses it while another program reads the old file, so it waits a little."""
    for _ in range(PATIENCE):
        with suppress(PermissionError):
            os.replace(part, path)
            return
        time.sleep(PAUSE)
    os.replace(part, path)


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Delete what processes that were killed an hour ago or earlier left of `atomic_path`s named `name`."""
    for part in folder.glob(f".{name}.part*"):
        with suppress(OSError):  # open in another program on Windows: the next call gets it
            if time.time() - part.stat().st_mtime > LEFTOVER_AGE:
                part.unlink()
