"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.cli import MOST_BYTES, OS_ERRORS, UserError, reason_of

PATIENCE, PAUSE = 20, 0.25  # tries and seconds between them, while another program reads the old file
BLOCK = 1 << 16  # bytes
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
    except OSError as error:
        if error.filename == str(part) or (error.filename is None and error.errno in OS_ERRORS):
            error.filename = str(path)
        raise
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


def require_writable(folder: Path) -> None:
    """Make the folder, and write a block into it: what cannot be kept is not to be computed first.

    Raises UserError naming the folder where the system refuses, as on a full or read-only disk.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(BLOCK))
    except OSError as error:
        error.filename = str(folder)
        raise UserError(f"nothing can be written to {reason_of(error)}") from error


def require_nameable(path: Path) -> None:
    """UserError where the file system takes no name as long as this file's."""
    folder = next(place for place in path.absolute().parents if place.exists())
    most = os.pathconf(folder, "PC_NAME_MAX") if hasattr(os, "pathconf") else MOST_BYTES
    length = len(os.fsencode(path.name)) if os.name == "posix" else len(path.name.encode("utf-16-le")) // 2
    if length > most:
        raise UserError(
            f"{path}: the name is too long, by {length - most} of {length} bytes; "
            "give the recording a shorter name"
        )
