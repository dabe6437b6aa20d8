"""One function over many files: in processes, with a progress bar, and no file able to end the batch."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def each_file(
    work: Callable[[str], Any], names: Iterable[str], workers: int, title: str
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """work(name) for every name -> ({name: result}, [(name, reason)] of those that failed).

    work: a module-level function or a functools.partial of one, since worker processes are spawned.
    """
    from tqdm import tqdm

    names, results, failures = list(names), {}, []
    outcomes = _in_turn(work, names) if min(workers, len(names)) <= 1 else _in_pool(work, names, workers)
    for name, result, reason in tqdm(outcomes, total=len(names), desc=title, disable=None):
        if reason:
            failures.append((name, reason))
        else:
            results[name] = result
    return results, sorted(failures)


def guarded(work: Callable[[str], Any], name: str) -> tuple[Any, str]:
    """(result, "") or (None, why it failed)."""
    try:
        return work(name), ""
    except Exception as error:  # noqa: BLE001  whatever a file holds, the others are done
        return None, str(error) or type(error).__name__


def _in_turn(work: Callable[[str], Any], names: list[str]) -> Iterator[tuple[str, Any, str]]:
    for name in names:
        yield (name, *guarded(work, name))


def _in_pool(work: Callable[[str], Any], names: list[str], workers: int) -> Iterator[tuple[str, Any, str]]:
    context = multiprocessing.get_context("spawn")
    waiting = list(names)

    def start(name: str) -> Future:
        try:
            return pool.submit(guarded, work, name)
        except BrokenProcessPool as error:
            failed = Future()
            failed.set_exception(error)
            return failed

    with _single_threads(), ProcessPoolExecutor(min(workers, len(names)), mp_context=context) as pool:
        # One alone until one has succeeded: two processes that compile a function into numba's cache at once
        # can leave a pair of files there that crashes every later process (numba issue 10128).
        while waiting:
            name = waiting.pop(0)
            result, reason = _outcome(start(name))
            yield name, result, reason
            if not reason:
                break
        futures = {start(name): name for name in waiting}
        for future in as_completed(futures):
            yield (futures[future], *_outcome(future))


def _outcome(future: Future) -> tuple[Any, str]:
    try:
        return future.result()
    except BrokenProcessPool:
        return None, "its worker process died (out of memory? try --n_workers 1)"


@contextmanager
def _single_threads() -> Iterator[None]:
    """One thread for each worker; libraries read these variables when a worker imports them."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
