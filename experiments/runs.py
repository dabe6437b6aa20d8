"""Trainings of an experiment, each a train script in a process of its own, several at a time."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from checkpoints.file_format import identity
from common import progress
from common.cli import UserError
from common.files import write_text
from common.presets import load_config
from common.readers import read_json
from common.workers import THREAD_VARIABLES
from evaluation.report import write_json

ROOT = Path(__file__).resolve().parent.parent
# What tells one state of a data folder from another.
STATE = ("split.json", "copies.json", "stats.json", "units-discrete.json", "encoder.json")


def settle(args: argparse.Namespace, name: str, document: Path) -> argparse.Namespace:
    """Arguments with --name and --doc filled in: a quick try keeps clear of what takes hours."""
    args.name = args.name or (f"{name}-quick" if args.quick else name)
    args.doc = args.doc or (Path("out") / args.name / document.name if args.quick else document)
    return args


def command_line(module: str, arguments: Sequence[str]) -> str:
    """The command that a document says it was written by."""
    return " ".join(("python -m", module, *arguments))


def call(script: str, *arguments: object, threads: int = 1) -> str:
    """Run a script of the project; returns what it printed. Raises RuntimeError with its last words."""
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    env = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "PYTHONUTF8": "1"}
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return done.stdout


def train(script: str, data: Path, out: Path, *options: object, threads: int = 1) -> None:
    """Run a train script unless it has been, to its end.

    Raises RuntimeError with its last words, and UserError where it has been with other settings or data.

    One thread each by default: two such runs at a time do more than one with two threads.
    """
    asked, done = settings(data, options), out / "done"
    if done.is_file():
        remedy = f"delete {out}, and run the experiment again"
        require_same(out, read_json(done, dict, remedy) if done.stat().st_size else {}, asked)
    else:
        call(script, data, out, *options, "--overwrite", threads=threads)  # what was broken off begins anew
        write_text(done, json.dumps(asked, indent=1) + "\n")


def settings(data: Path, options: Sequence[object]) -> dict[str, str]:
    """What a training depends on: {option, or file of its data: its value, of a file a digest}."""
    named, asked = list(map(str, options)), {}
    for place, value in enumerate(named):
        path = Path(value)
        if path.suffix == ".toml":
            value = json.dumps(load_config(path), sort_keys=True)
        elif path.is_file():
            value = identity(path)
        asked[named[place - 1] if place and named[place - 1].startswith("--") else value] = value
    return asked | identities({name: data / name for name in STATE if (data / name).is_file()})


def kept(path: Path, about: dict, make: Callable[[], Any]) -> Any:
    """What `make` gives, or gave to the same `about` before: kept in a JSON file, NaN as null."""
    about = json.loads(json.dumps(about))
    if path.is_file():
        known = read_json(path, dict, "delete it, and run the experiment again")
        if known.get("about") == about and "figures" in known:
            return known["figures"]
    write_json(path, {"about": about, "figures": make()})
    return json.loads(path.read_text(encoding="utf-8"))["figures"]


def identities(files: dict[str, Path]) -> dict[str, str]:
    """{role: digest} of {role: file}."""
    return {role: identity(path) for role, path in files.items()}


def require_same(place: Path, found: dict, asked: dict) -> None:
    """Raises UserError where what lies at `place` was made otherwise than is asked for now."""
    differ = sorted(key for key in {**found, **asked} if found.get(key) != asked.get(key))
    if differ:
        raise UserError(
            f"{place}: was made with other settings or data than are asked for now ({', '.join(differ)}); "
            "remove it, or give the experiment another --name"
        )


@contextmanager
def clocked(out: Path) -> Iterator[Callable[[], float]]:
    """Adds the seconds spent inside to those of earlier calls, kept in `out`, also when it is broken off.

    Yields a function that gives the sum: an experiment that was resumed took all of it.
    """
    kept, began = out / "seconds.txt", time.perf_counter()
    before = float(kept.read_text(encoding="utf-8")) if kept.is_file() else 0.0

    def total() -> float:
        return before + time.perf_counter() - began

    try:
        yield total
    finally:
        write_text(kept, f"{total():.0f}\n")


def together(jobs: Sequence[tuple], workers: int) -> None:
    """`train(*job)` for every job, `workers` at a time, with a progress bar; the first failure ends it."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(train, *job) for job in jobs]
        try:
            for future in progress.each(futures, "trainings"):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
