"""Steps run one after another, each a script in a process of its own, stopped and resumed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from checkpoints import places
from common import progress
from common.cli import SOME_FAILED, UserError
from experiments.demo_system import records
from experiments.demo_system.records import Records
from experiments.demo_system.steps import Step
from workshop.runs import ROOT, STOPPED, interrupt

TICK = 0.1  # seconds between two looks at a process
LAST_LINES = 12  # of what a step printed, with which a failure is explained
INSTEAD = ("--resume", "--warmstart")  # options with a value that a resumed training has no more


class Clock:
    """Time that is left of so many minutes; None: no end."""

    def __init__(self, minutes: float | None) -> None:
        self.end = None if minutes is None else time.monotonic() + 60 * minutes

    def hours(self) -> float:
        return float("inf") if self.end is None else (self.end - time.monotonic()) / 3600


def run(known: Records, clock: Clock, candidates: Sequence[str]) -> bool:
    """Run what is to be run of the candidates; returns whether nothing of them is left.

    Stops between two steps, and within one that can be resumed, when the time is over. Raises UserError where
    a step fails, or needs one that is no candidate.
    """
    require_packages(known, candidates)
    begun = False
    while step := next_step(known, candidates):
        # A step that cannot be stopped is left for the next call, unless this one would do nothing.
        if begun and (clock.hours() <= 0 or (not step.stops and step.hours > clock.hours())):
            return False
        begun = True
        with alone(known.path(step.name).with_suffix(".lock")):
            if next_step(known, candidates) is step and not run_step(known, step, clock):
                return False
    return True


@contextmanager
def alone(lock: Path, wait: bool = False) -> Iterator[None]:
    """One call at a time holds a lock. UserError where another one does, unless this one is to wait."""
    from filelock import FileLock, Timeout

    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock, timeout=-1 if wait else 0)
    try:
        held.acquire()
    except Timeout as error:
        raise UserError(
            f"{lock.with_suffix('')}: another call works on it; wait until it has ended"
        ) from error
    try:
        yield
    finally:
        held.release()


def require_packages(known: Records, candidates: Sequence[str]) -> None:
    """UserError where a step that is to be run needs a package that is not here, before hours of work."""
    statuses = known.look(candidates)
    for step in (known.steps[name] for name in candidates if statuses[name].run):
        if missing := [name for name in step.packages if find_spec(name) is None]:
            raise UserError(
                f"{step.name}: needs the packages {', '.join(missing)}; "
                "install them: python -m pip install -r requirements-eval.txt"
            )


def next_step(known: Records, candidates: Sequence[str]) -> Step | None:
    """The first candidate that is to be run. A single one is, also where no other step needs it."""
    known.refresh()
    statuses = known.look(candidates)
    for name in candidates:
        status = statuses[name]
        if status.run or (len(candidates) == 1 and status.state != records.DONE):
            step = known.steps[name]
            missing = [other for other in step.after if statuses[other].state != records.DONE]
            if missing:
                raise UserError(
                    f"{name}: needs {', '.join(missing)}, to be done before; leave --only and --from out"
                )
            return step
    return None


def run_step(known: Records, step: Step, clock: Clock) -> bool:
    """Run one step; returns whether it is done. What it takes is added to its record, however it ends."""
    about, before = known.about(step), known.known[step.name] or {}
    resumes = before.get("about") == about and "made" not in before
    record = {"about": about, "seconds": before.get("seconds", 0) if resumes else 0}
    record["commits"] = [*dict.fromkeys([*(before.get("commits", []) if resumes else []), commit()])]
    command = command_of(step, resumes)
    known.write(step.name, record)
    code, began, log = 0, time.monotonic(), known.log(step.name)
    if command is not None:
        progress.say(f"{step.name}: {' '.join(('python', *shown(command)))}")
        if not resumes:
            log.unlink(missing_ok=True)
        try:
            code = watch(partial(start, command, log), log, step, clock)
        finally:
            record["seconds"] = round(record["seconds"] + time.monotonic() - began, 1)
            known.write(step.name, record)
    if code == STOPPED:
        return False
    require_done(step, code, log)
    if code == SOME_FAILED:
        lines = last_lines(log)
        record["note"] = next((line for line in lines if " failed" in line), "some recordings failed")
    known.write(step.name, {**record, "made": records.made(step.makes)})
    return True


def require_done(step: Step, code: int, log: Path) -> None:
    """UserError with the reason that a step has printed, unless it is done but for some recordings."""
    if 0 <= code <= SOME_FAILED and all(path.exists() for path in step.makes):
        return
    said = last_lines(log)
    reasons = [line.removeprefix("error: ") for line in said if line.startswith("error: ")] or said[-1:]
    reason = "it was killed (out of memory?)" if code < 0 else "".join(reasons[-1:]) or "it printed nothing"
    raise UserError(
        f"{step.name}: {step.command[0]} ended with code {code}: {reason}; all that it printed is in {log}"
    )


def command_of(step: Step, resumes: bool) -> tuple[str, ...] | None:
    """The command that does the rest of a step; None for a training that had come to its end."""
    if step.run is None:
        return step.command
    newest = places.newest(step.run) if resumes else None
    if newest is None:
        shutil.rmtree(step.run, ignore_errors=True)  # a run with other settings must not be resumed
        return step.command
    return None if is_complete(newest) else resumed(step.command, newest)


def resumed(command: Sequence[str], newest: Path) -> tuple[str, ...]:
    """A training's command, with the newest checkpoint of its run in the place of what it began from."""
    kept, skip = [], False
    for word in command:
        if not skip and word not in (*INSTEAD, "--refine"):
            kept.append(word)
        skip = word in INSTEAD
    return (*kept, "--resume", newest.as_posix())


def is_complete(newest: Path) -> bool:
    """Whether a checkpoint is of a run's last step, and was validated."""
    from checkpoints import store  # torch takes seconds to load

    about = store.about(newest)
    last = about["training"]["settings"]["steps"]
    return about["card"].get("step", 0) >= last and bool(about["card"].get("metrics"))


def start(command: Sequence[str], log: Path) -> subprocess.Popen:
    """A script of the project, which adds to the log; the keyboard does not reach it, see `watch`."""
    script, *rest = command
    program = [str(ROOT / script)] if script.endswith(".py") else ["-m", script]
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    on_windows = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    with log.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-u", *program, *rest],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": search},
            **(on_windows if os.name == "nt" else {"start_new_session": True}),
        )


def watch(starts: Callable[[], subprocess.Popen], log: Path, step: Step, clock: Clock) -> int:
    """Start a process and wait for it, showing what it writes to the log; its exit code.

    When the time is over, and on Ctrl-C here, it is stopped as Ctrl-C does: a training saves where it is.
    """
    asked = False
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    with log.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        process = starts()
        try:
            while process.poll() is None:
                if step.stops and clock.hours() <= 0 and not asked:
                    asked = True
                    progress.say(f"{step.name}: the time is over; it is saved to be resumed")
                    interrupt(process)
                show(stream)
                time.sleep(TICK)
        except KeyboardInterrupt:
            interrupt(process)
            process.wait()
            raise
        show(stream)
    # Python itself ends in other ways where it is stopped before it has loaded the script.
    return STOPPED if asked and process.returncode else process.returncode


def show(stream) -> None:
    """What was written since the last look, on stderr."""
    if (new := stream.read()) and not progress.is_silent():
        sys.stderr.write(new.decode("utf-8", "replace"))
        sys.stderr.flush()


def last_lines(log: Path) -> list[str]:
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    return text.splitlines()[-LAST_LINES:]


def shown(command: Sequence[str]) -> tuple[str, ...]:
    """A command as it is typed behind `python`."""
    return tuple(command) if command[0].endswith(".py") else ("-m", *command)


def commit() -> str:
    """The commit that the project is at, "with uncommitted changes" where so."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, encoding="utf-8", check=True
        )
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + (" with uncommitted changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # not a clone, or no git
