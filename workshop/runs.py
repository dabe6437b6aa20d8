"""A voice made of recordings: the scripts run one after another, watched by what they print."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from checkpoints import places
from common.cli import UserError
from common.names import checked

ROOT = Path(__file__).resolve().parent.parent
TRAINED = re.compile(r"(train|valid) (\d+): (.*)")
TOTAL = re.compile(r", (\d+) steps of \d+$")
SPEED = re.compile(r"([\d.]+) steps/s")
LOSS = re.compile(r"\bloss ([\d.e+-]+)")
PATIENCE = 30.0  # seconds that a stopped script has to save in, when the workshop ends
MOST_LINES = 400  # of what the scripts print that are kept
STOPPED = 130  # exit code of a script that Ctrl-C ended


@dataclass
class Log:
    """What train_acoustic.py has printed: losses by step, steps in all, steps a second."""

    total: int = 0
    speed: float = 0.0
    train: list[tuple[int, float]] = field(default_factory=list)
    valid: list[tuple[int, float]] = field(default_factory=list)

    @property
    def step(self) -> int:
        return max((found[-1][0] for found in (self.train, self.valid) if found), default=0)

    @property
    def left(self) -> float | None:
        """Seconds, where the pace is known."""
        return (self.total - self.step) / self.speed if self.speed else None

    def read(self, path: Path) -> None:
        """The lines of a run's log file, where there is one."""
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                self.take(line)

    def take(self, line: str) -> str:
        """One line; returns "train", "valid" or nothing."""
        if found := TOTAL.search(line):
            self.total = int(found[1])
        if not (found := TRAINED.search(line)) or not (loss := LOSS.search(found[3])):
            return ""
        part, step = found[1], int(found[2])
        known = getattr(self, part)
        known[:] = [one for one in known if one[0] < step]  # a run resumed may repeat steps
        known.append((step, float(loss[1])))
        if speed := SPEED.search(found[3]):
            self.speed = float(speed[1])
        return part


@dataclass(frozen=True)
class Plan:
    """What to train. base: the voice to begin from; dataset: of its encoders; copies: of each recording,
    shifted in pitch; steps: None for the preset's."""

    name: str
    wavs: Path | None
    base: str
    dataset: str
    config: Path
    copies: int = 6
    steps: int | None = None

    def __post_init__(self) -> None:
        checked(self.name, "name")
        if self.name == self.base:
            raise UserError(f"{self.name}: is the voice to begin from; give the new one another name")

    @property
    def data(self) -> Path:
        return Path("data") / self.name

    @property
    def out(self) -> Path:
        return Path("out") / self.name / "acoustic"


@dataclass(frozen=True)
class Step:
    """A script with its arguments, and how it is called on the page. counted: folder whose files grow."""

    title: str
    command: list[str]
    counted: Path | None = None


def steps_of(plan: Plan) -> list[Step]:
    """The scripts of README's "My own voice"; of an interrupted training only the rest."""
    if newest := places.newest(plan.out):
        return [
            Step("training", ["train_acoustic.py", *map(str, (plan.data, plan.out)), "--resume", str(newest)])
        ]
    common = ["--config", str(plan.config)]
    if plan.copies:
        common += ["--augment_pitch", "20", "--augment_gain", "6", "--augment_copies", str(plan.copies)]
    wavs = ["--wavs", str(plan.wavs)] if plan.wavs else []
    start = places.best(Path("out") / plan.base / "acoustic")
    steps = [] if plan.steps is None else ["--steps", str(plan.steps)]
    return [
        Step("mels", ["preprocess.py", plan.name, *wavs, "--mel", *common], plan.data / "mels"),
        Step(
            "units",
            ["preprocess.py", plan.name, "--encode", plan.dataset, *common],
            plan.data / "units-pitdyn",
        ),
        Step(
            "training",
            ["train_acoustic.py", *map(str, (plan.data, plan.out)), "--config", str(plan.config)]
            + ["--resume", str(start), "--refine", *steps],
        ),
    ]


class Training:
    """The steps of a plan, one after another, in a thread of its own.

    state: running, stopping, stopped, failed or done; lines: the last that the scripts printed.
    """

    def __init__(self, plan: Plan, on_validation=lambda step: None) -> None:
        """on_validation: called with the step, in the thread, after each validation."""
        self.plan, self.steps, self.log = plan, steps_of(plan), Log()
        self.lines: deque[str] = deque(maxlen=MOST_LINES)
        if len(self.steps) == 1:  # resumed: what was printed before is in its folder
            self.log.read(plan.out / "logs" / f"{plan.out.name}.log")
        self.state, self.at, self.reason = "running", 0, ""
        self.began = time.monotonic()
        self._on_validation, self._process = on_validation, None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def step(self) -> Step:
        return self.steps[self.at]

    @property
    def alive(self) -> bool:
        return self.state in ("running", "stopping")

    def stop(self) -> None:
        """As Ctrl-C: a training saves where it is, and can be resumed."""
        with self._lock:
            if not self.alive:
                return
            self.state = "stopping"
            if self._process and self._process.poll() is None:
                interrupt(self._process)

    def wait(self, seconds: float | None = None) -> None:
        self._thread.join(seconds)

    def close(self) -> None:
        """Stop, and leave it the time to save."""
        self.stop()
        self.wait(PATIENCE)

    def made(self) -> tuple[int, int]:
        """Files that the step at work has made, and is to make, as far as that is known."""
        counted = self.step.counted
        made = sum(1 for _ in counted.rglob("*.npy")) if counted and counted.is_dir() else 0
        prepared = self.plan.data / "prepared"
        return made, sum(1 for _ in prepared.rglob("*.npy")) if prepared.is_dir() else 0

    def _run(self) -> None:
        for at, step in enumerate(self.steps):
            self.at = at
            code = self._call(step)
            if self.state == "stopping" or code == STOPPED:
                self.state = "stopped"
                return
            if code > 1:  # 1: some recordings failed, the others are worth the next step
                self.reason = self._reason(step, code)
                self.state = "failed"
                return
        self.state = "done"

    def _call(self, step: Step) -> int:
        self.lines.append(f"> python {' '.join(step.command)}")
        with self._lock:
            if self.state == "stopping":
                return STOPPED
            self._process = started(step.command)
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            if self.log.take(line) == "valid":
                self._on_validation(self.log.step)
        return self._process.wait()

    def _reason(self, step: Step, code: int) -> str:
        """The sentence of the script, as a terminal shows it."""
        said = [line.removeprefix("error: ") for line in self.lines if line.startswith("error: ")]
        return said[-1] if said else f"{step.command[0]} ended with code {code}; its last lines are below"


def started(command: list[str]) -> subprocess.Popen:
    """A script of the project, which the keyboard does not reach: whoever stops the page stops it in turn."""
    own = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        if os.name == "nt"
        else {"start_new_session": True}
    )
    return subprocess.Popen(
        [sys.executable, "-u", str(ROOT / command[0]), *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUTF8": "1"},
        **own,
    )


def interrupt(process: subprocess.Popen) -> None:
    """What Ctrl-C in its terminal would do, to it and to its own processes."""
    if os.name == "nt":
        process.send_signal(signal.CTRL_BREAK_EVENT)
        return
    # A program started in the background ignores Ctrl-C, and so do those that it starts.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    os.killpg(process.pid, signal.SIGTERM if ignored else signal.SIGINT)
