"""One function over many files: in processes, with a progress bar, and no file able to end the batch."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from common import progress
from common.cli import reason_of

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
MOST_WORKERS = 61  # as many as Windows lets a pool have
GIVE_UP = 3  # deaths before any success: not the files kill then, but what all of them meet
DIED = "its worker process died (out of memory?)"


def each_file(
    work: Callable[[str], Any], names: Iterable[str], workers: int, title: str
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """work(name) for every name -> ({name: result}, [(name, reason)] of those that failed).

    work: a module-level function or a functools.partial of one, since worker processes are spawned.
    """
    names, results, failures = list(names), {}, []
    alone = min(workers, len(names)) <= 1
    outcomes = _in_turn(work, names) if alone else _in_pool(work, names, workers)
    for name, result, reason in progress.each(outcomes, title, len(names), unit="file"):
        if reason:
            failures.append((name, reason))
        else:
            results[name] = result
    return results, sorted(failures)


def guarded(work: Callable[[Any], Any], of: Any) -> tuple[Any, str]:
    """(work's result, "") or (None, why it failed)."""
    try:
        return work(of), ""
    except Exception as error:  # noqa: BLE001  whatever a file holds, the others are done
        return None, reason_of(error)


def _in_turn(work: Callable[[str], Any], names: list[str]) -> Iterator[tuple[str, Any, str]]:
    for name in names:
        yield (name, *guarded(work, name))


def _in_pool(work: Callable[[str], Any], names: list[str], workers: int) -> Iterator[tuple[str, Any, str]]:
    """As `_in_turn`, in processes. What was at work when one died is tried again, each in a process of its
    own, so that only the file that kills fails."""
    waiting, deaths, succeeded = deque(names), 0, False
    while waiting and (succeeded or deaths < GIVE_UP):
        suspects = []
        for name, result, reason in _until_one_dies(work, waiting, workers):
            succeeded = succeeded or not reason
            if reason == DIED:
                suspects.append(name)
            else:
                yield name, result, reason
        if len(suspects) == 1:
            deaths += 1
            yield suspects[0], None, DIED
        else:
            for name in suspects:
                yield from _until_one_dies(work, deque([name]), 1)
    yield from ((name, None, f"not tried: {DIED} with each of the first {deaths}") for name in waiting)


def _until_one_dies(
    work: Callable[[str], Any], waiting: deque[str], workers: int
) -> Iterator[tuple[str, Any, str]]:
    """One pool that takes names from `waiting`. When a worker dies it takes no more, and what was at work
    then comes out with the reason DIED."""
    workers, running, died = min(workers, len(waiting), MOST_WORKERS), {}, False
    # One alone until one has succeeded: two processes that compile a function into numba's cache at once can
    # leave a pair of files there that crashes every later process (numba issue 10128).
    most = 1
    with _pool(workers) as pool:
        while running or (waiting and not died):
            while waiting and len(running) < most and not died:
                try:
                    running[pool.submit(guarded, work, waiting[0])] = waiting[0]
                    waiting.popleft()
                except BrokenProcessPool:
                    died = True
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, (result, reason) = running.pop(future), _outcome(future)
                died = died or reason == DIED
                most = most if reason else 2 * workers  # one in hand each, so that none idles
                yield name, result, reason


def _outcome(future: Future) -> tuple[Any, str]:
    try:
        return future.result()
    except BrokenProcessPool:
        return None, DIED


def _end_with_parent() -> None:
    """In a worker: end as soon as the process that started it has ended, however that ended.

    A killed one leaves its workers waiting for work for ever, or writing files beside those of its successor.
    Ctrl-C and SIGTERM are the parent's business: it says what was asked for, and ends its workers. Bars are,
    too.
    """
    progress.silence()
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of one thread each; libraries read these variables when a worker imports them.

    On Ctrl-C, and when the results are wanted no more, what has not begun is dropped.
    """
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with_parent)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
