"""Trainings of an experiment, each a train script in a process of its own, several at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from parallel import THREAD_VARIABLES

ROOT = Path(__file__).resolve().parent.parent


def call(script: str, *arguments: object, threads: int = 1) -> str:
    """Run a script of the project; returns what it printed. Raises RuntimeError with its last words."""
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    env = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "PYTHONUTF8": "1"}
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return done.stdout


def train(script: str, data: Path, out: Path, *options: object, threads: int = 1) -> None:
    """Run a train script unless its last checkpoint is there. Raises RuntimeError with its last words.

    One thread each by default: two such runs at a time do more than one with two threads.
    """
    if not (out / "done").is_file():
        call(script, data, out, *options, threads=threads)
        (out / "done").write_text("", encoding="utf-8")


@contextmanager
def clocked(out: Path) -> Iterator[Callable[[], float]]:
    """Adds the seconds spent inside to those of earlier calls, kept in `out`, also when it is broken off.

    Yields a function that tells the sum: an experiment that goes on where it stopped took all of it.
    """
    kept, began = out / "seconds.txt", time.perf_counter()
    before = float(kept.read_text(encoding="utf-8")) if kept.is_file() else 0.0

    def total() -> float:
        return before + time.perf_counter() - began

    try:
        yield total
    finally:
        out.mkdir(parents=True, exist_ok=True)
        kept.write_text(f"{total():.0f}\n", encoding="utf-8")


def together(jobs: Sequence[tuple], workers: int) -> None:
    """`train(*job)` for every job, `workers` at a time, with a progress bar; the first failure ends it."""
    from tqdm import tqdm

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(train, *job) for job in jobs]
        try:
            for future in tqdm(futures, desc="trainings", disable=None):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
