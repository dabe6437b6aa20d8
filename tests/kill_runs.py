"""Kill preprocessing, the three trainings and conversion again and again, and count what is lost by it.

    python tests/kill_runs.py [--kills 50] [--stages infer …] [--seed 1]

A stage is started, killed (SIGKILL) at a random moment or just before or after one of its files takes its
place, and started again as a user would: the same command, for a training with --resume and the newest
checkpoint. When it comes to its end its files are compared with those of a run that nobody killed, and it
begins anew, until it has been killed so many times.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import warm_scripts
from kill_stages import STEPS, TRAINED, Stage, stages

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
STEP = re.compile(r"model-\d+\.pt")
USAGE = 2  # exit code
HARD = getattr(signal, "SIGKILL", signal.SIGTERM)


@dataclass
class Count:
    """A row of the table."""

    runs: int = 0
    kills: int = 0
    wrong: int = 0
    lost: int = 0
    left: int = 0


def child(work: Path, arguments: list[str], aim: tuple[str, int] | None) -> None:
    """Run a script here; aim: kill before or after the n-th of its files takes its place."""
    os.chdir(work)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if aim:
        from common import files

        real, seen = files.replace, [0]

        def replace(part, path):
            seen[0] += 1
            if aim == ("before", seen[0]):
                os.kill(os.getpid(), HARD)
            real(part, path)
            if aim == ("after", seen[0]):
                os.kill(os.getpid(), HARD)

        files.replace = replace
    from common import cli

    sys.argv = arguments
    script = __import__(Path(arguments[0]).stem)
    os._exit(cli.run(script.main))


def run(stage: Stage, work: Path, wait: float | None, aim: tuple[str, int] | None) -> int | None:
    """One run; its exit code, None where it was killed. wait: seconds until that."""
    # Forked where that is possible: the process has torch loaded, and a run takes a second instead of six.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    process = multiprocessing.get_context(method).Process(target=child, args=(work, stage.arguments(), aim))
    process.start()
    process.join(wait)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return None if process.exitcode < 0 else process.exitcode


def files_of(folder: Path) -> dict[str, object]:
    """{name: content} of what a run has made: weights and metrics of checkpoints, bytes of other files."""
    return {path.relative_to(folder).as_posix(): content(path) for path in made(folder)}


def made(folder: Path) -> Iterator[Path]:
    """Result files; logs, locks and temporary files are none."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        inner = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in inner)
        if (
            path.is_file()
            and not hidden
            and "logs" not in inner
            and "wavs" not in inner
            and path.suffix != ".lock"
        ):
            yield path


def content(path: Path) -> object:
    """What is in a file, in a form that compares. Raises where it is no whole file of its kind."""
    import numpy as np

    import audio
    from checkpoints import store

    if path.suffix == ".pt":
        checkpoint = store.load(path)
        weights = {name: weight.numpy().tobytes() for name, weight in checkpoint["model"].items()}
        return checkpoint["card"]["step"], checkpoint["card"].get("metrics"), weights
    if path.suffix == ".npy":
        return np.load(path).tobytes()
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    if path.suffix == ".wav":
        return audio.load(path).tobytes()
    return path.read_bytes()


def look(stage: Stage, count: Count, ended: bool) -> None:
    """Count what is wrong in a stage's folder after a kill, or at its end."""
    found: dict[str, object] = {}
    for path in made(stage.folder):
        name = path.relative_to(stage.folder).as_posix()
        try:
            found[name] = content(path)
        except Exception as error:  # noqa: BLE001  whatever a reader says of it, it is a wrong file
            print(f"{path}: {error}")
            count.wrong += 1
    if stage.name in TRAINED:
        losses = {name: (part[1] or {}).get("loss", math.inf) for name, part in found.items()}
        best = losses.pop("model-best.pt", math.inf)
        if losses and min(losses.values()) < best:
            print(f"{stage.folder}: best {best}, but {losses}")
            count.lost += 1
    if ended:
        # A run killed before it deleted its older checkpoints has more of them.
        spare = {name for name in found if stage.name in TRAINED and STEP.fullmatch(name)}
        names = stage.whole.keys() | (found.keys() - spare)
        differing = {name for name in names if stage.whole.get(name) != found.get(name)}
        if differing:
            print(f"{stage.folder}: other than uninterrupted: {', '.join(sorted(differing))}")
            count.wrong += len(differing)
        parts = [path for path in stage.folder.rglob(".*.part*")]
        count.left += len(parts)


def torment(stage: Stage, work: Path, kills: int, rng: random.Random) -> Count:
    """Run a stage until it has been killed so many times."""
    count = Count()
    shutil.rmtree(stage.folder, ignore_errors=True)
    began = time.perf_counter()
    if run(stage, work, None, None) != stage.end:
        raise RuntimeError(f"{stage.name} does not run: {' '.join(stage.command)}")
    stage.seconds, stage.whole = time.perf_counter() - began, files_of(stage.folder)
    shutil.rmtree(stage.folder)
    while count.kills < kills:
        count.runs += 1
        aimed = rng.random() < 0.5
        aim = (rng.choice(("before", "after")), rng.randint(1, 6)) if aimed else None
        complete = is_complete(stage)
        ended = run(stage, work, None if aimed else rng.uniform(0, stage.seconds), aim)
        count.kills += ended is None
        if complete and ended == USAGE:  # "already at step 8": what was to be done had been
            ended = stage.end
        if ended not in (None, stage.end):
            print(f"{stage.name}: ended with {ended}: {' '.join(stage.arguments())}")
            count.wrong += 1
        look(stage, count, ended is not None)
        if ended is not None:
            shutil.rmtree(stage.folder)
    complete, ended = is_complete(stage), run(stage, work, None, None)
    count.wrong += ended != (USAGE if complete else stage.end)
    look(stage, count, True)
    return count


def is_complete(stage: Stage) -> bool:
    """Whether a training has saved and validated its last step."""
    last = stage.folder / f"model-{STEPS}.pt"
    return stage.name in TRAINED and last.is_file() and bool(content(last)[1])


def table(rows: dict[str, Count]) -> str:
    lines = ["| stage | runs | kills | wrong files | best lost | parts left |", "|---|---|---|---|---|---|"]
    for name, count in rows.items():
        best = count.lost if name in TRAINED else "-"
        lines.append(f"| {name} | {count.runs} | {count.kills} | {count.wrong} | {best} | {count.left} |")
    return "\n".join(lines)


def main() -> int:
    names = ("preprocess", *TRAINED, "infer")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, help="of each stage (default: %(default)s)")
    parser.add_argument("--stages", nargs="+", choices=names, default=names, help="(default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="folder that keeps the voice (default: none)")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    from conftest import make_voice, make_workspace

    rng, rows = random.Random(args.seed), {}
    with tempfile.TemporaryDirectory() as folder:
        work = (args.work or Path(folder)).resolve()
        if not (work / "out").is_dir():
            work.mkdir(parents=True, exist_ok=True)
            make_workspace(work)
            make_voice(work)
        warm_scripts.preload()
        for stage in stages(work):
            if stage.name in args.stages:
                rows[stage.name] = torment(stage, work, args.kills, rng)
                print(table(rows), flush=True)
    return int(any(count.wrong + count.lost + count.left for count in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
