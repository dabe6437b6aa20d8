"""One function over many files: in processes of this machine or of a cluster, with a progress bar.

No file is able to end the batch.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import progress
from common.cli import reason_of

if TYPE_CHECKING:
    from common.cluster import Cluster

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
MOST_WORKERS = 61  # as many as Windows lets a pool have
GIVE_UP = 3  # deaths before any success: not the files kill then, but what all of them meet
DIED = "its worker process died (out of memory?)"


def each_file(
    work: Callable[[Any], Any], names: Iterable[Any], workers: int | Pool | Cluster, title: str
) -> tuple[dict[Any, Any], list[tuple[Any, str]]]:
    """work(name) for every name -> ({name: result}, [(name, reason)] of those that failed).

    work: a module-level function or a functools.partial of one, since worker processes are spawned.
    workers: how many processes are started for this call alone, or what `opened` has given.
    """
    names, results, failures = list(names), {}, []
    with Pool(workers) if isinstance(workers, int) else nullcontext(workers) as crew:
        outcomes = crew.outcomes(work, names)
        for name, result, reason in progress.each(outcomes, title, len(names), unit="file"):
            if reason:
                failures.append((name, reason))
            else:
                results[name] = result
    # In the order of the names, whichever ended first: what is made of all must not depend on that.
    return {name: results[name] for name in names if name in results}, sorted(failures)


def opened(workers: int, scheduler: str | None, written: Path, read: Iterable[Path] = ()) -> Pool | Cluster:
    """A context: processes for all that a run does with files, so that they start once.

    workers: how many on this machine; scheduler: address of a Dask cluster, whose processes are taken instead
    and have to see the folder `written` and the paths `read`. Raises UserError as `Cluster` does.
    """
    if not scheduler:
        return Pool(workers)
    from common.cluster import Cluster  # noqa: PLC0415  it imports from here, and few have a cluster

    return Cluster(scheduler, written, read)


def guarded(work: Callable[[Any], Any], of: Any) -> tuple[Any, str]:
    """(work's result, "") or (None, why it failed)."""
    try:
        return work(of), ""
    except Exception as error:  # noqa: BLE001  whatever a file holds, the others are done
        return None, reason_of(error)


class Pool:
    """Processes of this machine, of one thread each: started when they are first needed, and kept till the
    end of the context."""

    def __init__(self, workers: int) -> None:
        self.workers = min(workers, MOST_WORKERS)
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._end(wait=kind is None)

    def outcomes(self, work: Callable[[Any], Any], names: list[Any]) -> Iterator[tuple[Any, Any, str]]:
        """(name, result, "") or (name, None, why it failed) of each, as they end."""
        if min(self.workers, len(names)) <= 1:
            return ((name, *guarded(work, name)) for name in names)
        return self._in_processes(work, names)

    def _in_processes(self, work: Callable[[Any], Any], names: list[Any]) -> Iterator[tuple[Any, Any, str]]:
        """What was at work when a process died is tried again, each alone, so that only the file that kills
        fails."""
        waiting, deaths, succeeded = deque(names), 0, False
        while waiting and (succeeded or deaths < GIVE_UP):
            suspects = []
            for name, result, reason in self._until_one_dies(work, waiting, 2 * self.workers):
                succeeded = succeeded or not reason
                if reason == DIED:
                    suspects.append(name)
                else:
                    yield name, result, reason
            if len(suspects) == 1:
                deaths += 1
                yield suspects[0], None, DIED
            for name in suspects if len(suspects) > 1 else ():
                alone = deque([name])
                while alone:  # an idle process that was killed breaks the pool before it takes the name
                    yield from self._until_one_dies(work, alone, 1)
        yield from ((name, None, not_tried(deaths)) for name in waiting)

    def _until_one_dies(
        self, work: Callable[[Any], Any], waiting: deque[Any], at_once: int
    ) -> Iterator[tuple[Any, Any, str]]:
        """Takes names from `waiting`, at most so many at once. When a process dies it takes no more, and what
        was at work then comes out with the reason DIED."""
        running, died = {}, False
        # One alone until one has succeeded: two processes that compile a function into numba's cache at once
        # can leave a pair of files there that crashes every later process (numba issue 10128).
        most = 1
        with _one_thread_each():
            try:
                while running or (waiting and not died):
                    while waiting and len(running) < most and not died:
                        try:
                            running[self._pool().submit(guarded, work, waiting[0])] = waiting[0]
                            waiting.popleft()
                        except BrokenProcessPool:
                            died = True
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        name, (result, reason) = running.pop(future), _outcome(future)
                        died = died or reason == DIED
                        most = most if reason else at_once  # one in hand each, so that none idles
                        yield name, result, reason
            except BaseException:
                self._end(wait=False)
                raise
        if died:
            self._end(wait=True)

    def _pool(self) -> ProcessPoolExecutor:
        if self._executor is None:
            spawn = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.workers, mp_context=spawn, initializer=_end_with_parent)
        return self._executor

    def _end(self, wait: bool) -> None:
        """End the processes; without waiting, on Ctrl-C or when results are wanted no more, what has not
        begun is dropped."""
        if self._executor is not None:
            self._executor.shutdown(wait=wait, cancel_futures=not wait)
            self._executor = None


def not_tried(deaths: int) -> str:
    """Why the others were left after so many deaths without a success."""
    return f"not tried: {DIED} with each of the first {deaths}"


def _outcome(future: Future) -> tuple[Any, str]:
    try:
        return future.result()
    except BrokenProcessPool:
        return None, DIED


def _end_with_parent() -> None:
    """In a worker: end as soon as the process that started it has ended, however that ended.

    A killed one leaves its workers waiting for work for ever, or writing files beside those of its successor.
    Bars are the parent's business, too.
    """
    progress.silence()
    leave_signals()
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def leave_signals() -> None:
    """Ctrl-C and SIGTERM are the parent's business: it says what was asked for, and ends its workers."""
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that are spawned here have one thread: libraries read these variables on being imported."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
