"""Work in a thread of its own, which says how far it is and can be stopped between two layers of a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

MOST_SHARE = 0.97  # of what takes longer than expected
TICK = 0.15  # seconds between two looks at how far it is


class Stopped(Exception):
    """The user has stopped it."""


class Progress(NamedTuple):
    """text: what is being done; share: 0 to 1, None where nobody knows; seconds: since the beginning; left:
    seconds, None where nobody knows."""

    text: str
    share: float | None
    seconds: float
    left: float | None = None


class Job:
    """`work`, called with this job in a thread of its own.

    It calls `say` where it wants to be seen, and `check` where it can be stopped; the forward pass of every
    torch module checks, too.
    """

    def __init__(self, work: Callable[[Job], Any]) -> None:
        self._stop, self._ended = threading.Event(), threading.Event()
        self._result, self._error = None, None
        self._began = time.monotonic()
        self._said: tuple[str, float | None, float | None, float] = ("", None, None, self._began)
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def say(self, text: str, share: float | None = None, expected: float | None = None) -> None:
        """What comes next. share: how much of all is done; expected: seconds that the next may take."""
        self.check()
        self._said = (text, share, expected, time.monotonic())

    def check(self) -> None:
        """Raises Stopped where the user has asked for it."""
        if self._stop.is_set():
            raise Stopped

    def stop(self) -> None:
        self._stop.set()

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    def updates(self) -> Iterator[Progress]:
        """How far it is, every TICK seconds until it has ended."""
        while not self._ended.wait(TICK):
            yield self._progress()

    def _progress(self) -> Progress:
        text, share, expected, since = self._said
        now = time.monotonic()
        seconds, left = now - self._began, None
        if expected:
            share, left = min(MOST_SHARE, (now - since) / expected), max(0.0, since + expected - now)
        elif share:
            left = seconds * (1 - share) / share
        return Progress(text, share, seconds, left)

    def result(self) -> Any:
        """What `work` gave, once it has ended; raises what it raised."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self, work: Callable[[Job], Any]) -> None:
        current.job = self
        _watch_torch()
        try:
            self._result = work(self)
        except BaseException as error:  # noqa: BLE001  whoever waits for the result gets it
            self._error = error
        finally:
            self._ended.set()


current = threading.local()  # .job: the one whose thread this is
_watching = threading.Lock()
_watched = False


def _watch_torch() -> None:
    """Have every forward pass in a job's thread ask whether to go on; other threads notice nothing."""
    global _watched
    with _watching:
        if _watched:
            return
        from torch.nn.modules.module import register_module_forward_pre_hook  # noqa: PLC0415  torch is slow

        def ask(_module, _arguments) -> None:
            if job := getattr(current, "job", None):
                job.check()

        register_module_forward_pre_hook(ask)
        _watched = True


class Jobs:
    """The running job of each place in each browser tab; a new one stops the one before."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], Job] = {}

    def start(self, session: str, place: str, work: Callable[[Job], Any]) -> Job:
        self.stop(session, place)
        job = self._jobs[session, place] = Job(work)
        return job

    def stop(self, session: str, place: str) -> bool:
        """Whether there was one at work."""
        job = self._jobs.pop((session, place), None)
        if job is None or job.has_ended:
            return False
        job.stop()
        return True
