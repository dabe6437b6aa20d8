"""Files written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from common.errors import MOST_BYTES, OS_ERRORS, UserError, reason_of

PATIENCE, PAUSE = 20, 0.25  # tries and seconds between them, while another program reads the old file
LEFTOVER_AGE = 3600.0  # seconds without a write, after which another machine's temporary file is a leftover
OURS = re.compile(
    r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{16}\.part.*|\..+\.[0-9a-f]{32}\.part.*"
)  # the second: until 2026
HERE = f"{zlib.crc32(platform.node().encode('utf-8', 'replace')):08x}"  # this machine, on a shared drive
BLOCK = 1 << 16  # bytes


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A new, empty file to write to, with the suffix of `path`, whose place it takes when the block ends.

    A reader finds the old file or the whole new one, after a power cut too. The new file's name is hidden,
    short (`path` may have the longest name that the file system takes) and unique, and it is created
    exclusively: two processes never write into one file, and a link that somebody put there is not followed.
    When the block fails, the old file stays and the new one goes. The folder is made where it is missing.
    Raises OSError where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{HERE}-{os.getpid()}-{secrets.token_hex(8)}.part{path.suffix}")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        error.filename = str(path)
        raise
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


class KeptErrors:
    """A file for a library that passes no error of writing on: the first one is kept in `error`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.error = file, None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        """How many bytes were written: none after an error."""
        try:
            return 0 if self.error else self._file.write(data)
        except OSError as error:
            self.error = error
            return 0


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all, with the same line ends on every system."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with atomic_path(path) as part:
        part.write_bytes(content)


def replace(part: Path, path: Path) -> None:
    """os.replace; Windows refuses it while another program reads the old file, so it waits a little."""
    for _ in range(PATIENCE):
        with suppress(PermissionError):
            os.replace(part, path)
            return
        time.sleep(PAUSE)
    os.replace(part, path)


def remove_leftovers(folder: Path) -> None:
    """Delete what processes that were killed left of `atomic_path`s in a folder.

    Those of this machine go as soon as their process is gone, those of others on a shared drive an hour after
    they were last written to.
    """
    for part in folder.glob(".*.part*"):
        if not (name := OURS.fullmatch(part.name)):
            continue
        with suppress(OSError):  # open in another program on Windows, or gone: the next call gets it
            ended = name[1] == HERE and not is_running(int(name[2]))
            if ended or time.time() - part.stat().st_mtime > LEFTOVER_AGE:
                part.unlink()


def remove_leftovers_below(root: Path) -> None:
    """`remove_leftovers` of a folder and all below it; links are not followed."""
    for folder, _, _ in os.walk(root):
        remove_leftovers(Path(folder))


def is_running(process: int) -> bool:
    """Whether a process of this machine, by its number, has not ended. True where that cannot be known."""
    if sys.platform == "win32":  # os.kill would end it there
        import ctypes  # noqa: PLC0415  for these system calls alone

        query, still_active, code = 0x1000, 259, ctypes.c_ulong()  # PROCESS_QUERY_LIMITED_INFORMATION
        handle = ctypes.windll.kernel32.OpenProcess(query, False, process)
        if not handle:
            return ctypes.GetLastError() == 5  # access denied: there, and somebody else's
        ctypes.windll.kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
        ctypes.windll.kernel32.CloseHandle(handle)
        return code.value == still_active
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


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


def sha256_of(path: Path) -> str:
    """64 hex digits of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
