"""What runs in a Dask worker: it gives each file to a process that has loaded the project.

So a file that kills ends that process alone, its libraries see the threads that they would see elsewhere, and
what it has loaded serves for the next file. The Dask worker loads this file by its path, and nothing else of
the project.
"""

from __future__ import annotations

import itertools
import os
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import IO

HEADER = struct.Struct("!Q")  # length in bytes of what follows
IDLE = 300.0  # seconds without a file, after which a process ends: its client may have been killed
CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from common.cluster_child import serve; serve()"
COMPARED = ("torch", "numpy")  # packages whose versions may change the last bits of a result

Settings = tuple[str, str, str, tuple[tuple[str, str], ...]]  # run, project, folder to be in, variables

_idle: dict[Settings, list[Child]] = {}
_over: set[str] = set()  # runs that have ended, some with files at work
_lock = threading.Lock()
_numbers = itertools.count()


def send(stream: IO[bytes], content: bytes) -> None:
    """Write one message."""
    stream.write(HEADER.pack(len(content)) + content)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None where the other side has ended."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    content = stream.read(length)
    return content if len(content) == length else None


class Child:
    """A process that does one file after the other. Raises OSError where it cannot be started."""

    def __init__(self, settings: Settings) -> None:
        _, project, folder, variables = settings
        from distributed import get_worker  # noqa: PLC0415  clients import this file for its messages

        # Two processes that compile into one numba cache at once can spoil it (numba issue 10128).
        cache = Path(get_worker().local_directory, f"numba-{next(_numbers)}")
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, project],
            cwd=folder,
            env={**os.environ, **dict(variables), "NUMBA_CACHE_DIR": str(cache)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.since = time.monotonic()
        if receive(self.process.stdout) is None:
            self.end()
            raise OSError(f"{sys.executable} cannot run {project}: the log of its Dask worker says why")

    def answer(self, job: bytes) -> bytes | None:
        """What became of a job; None where it has killed the process."""
        with suppress(OSError):
            send(self.process.stdin, job)
            return receive(self.process.stdout)
        return None

    def end(self) -> None:
        """End it: it has nothing to do."""
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                stream.close()
        self.process.kill()
        self.process.wait()


def run(settings: Settings, job: bytes) -> bytes | None:
    """What became of a job in a process of these settings, one that waits or a new one; see `Child`."""
    with _lock:
        waiting = _idle.get(settings)
        child = waiting.pop() if waiting else None
    child = child or Child(settings)
    answer = child.answer(job)
    if answer is None or settings[0] in _over:
        child.end()
        return answer
    with _lock:
        if not _idle:
            threading.Thread(target=_end_idle, daemon=True).start()
        child.since = time.monotonic()
        _idle.setdefault(settings, []).append(child)
    return answer


def _end_idle() -> None:
    """End processes that have waited too long, till none is left."""
    while _idle:
        time.sleep(IDLE / 10)
        stop(since=time.monotonic() - IDLE)


def stop(run_id: str = "", since: float = 0.0) -> None:
    """End the processes of a run that wait, or all that have waited since before that time."""
    with _lock:
        ended = []
        _over.update({run_id} - {""})
        for settings, children in list(_idle.items()):
            ended += [child for child in children if settings[0] == run_id or child.since < since]
            _idle[settings] = [child for child in children if child not in ended]
            if not _idle[settings]:
                del _idle[settings]
    for child in ended:
        child.end()


def look(written: str, paths: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """(the first path that this machine does not see, or "", and versions of what computes).

    written: a file that the client has just made where the results go.
    """
    unseen = next((path for path in (*paths, written) if not os.path.exists(path)), "")
    versions = {}
    for package in COMPARED:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "none"
    return unseen, versions
