"""What is known of each step, kept in OUT/steps: what it was made with, and whether that still holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.files import sha256_of
from common.readers import read_json
from evaluation.report import write_json
from experiments.demo_system import recordings
from experiments.demo_system.recordings import Facts
from experiments.demo_system.steps import Plan, Step

DONE, HALF, CHANGED, GONE, TODO = "done", "half done", "changed", "gone", "to do"
REFINING = {"--refine", "--finetune"}  # options of the trainings that settings refine_… are of
FORM = {"about": dict, "seconds": int | float, "made?": {str: str}, "commits?": [str], "note?": str}


@dataclass(frozen=True)
class Status:
    """state: GONE is done, with its files not here; why: what has changed; run: whether it is to be run."""

    state: str
    why: str = ""
    run: bool = False


class Records:
    """The records of a plan's steps. facts: of the recordings as they are now."""

    def __init__(self, plan: Plan, steps: list[Step], facts: dict[str, Facts]) -> None:
        self.plan, self.facts = plan, facts
        self.prompts = recordings.prompts_of(plan.manifest) if plan.manifest else ""
        self.steps = {step.name: step for step in steps}
        self.known: dict[str, dict | None] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read what another call has written meanwhile."""
        self.known = {name: self._read(name) for name in self.steps}

    def path(self, name: str) -> Path:
        return self.plan.out / "steps" / f"{name}.json"

    def log(self, name: str) -> Path:
        """What its commands have printed."""
        return self.plan.out / "steps" / f"{name}.log"

    def _read(self, name: str) -> dict | None:
        path = self.path(name)
        return read_json(path, FORM, "delete it, the step is done again") if path.is_file() else None

    def write(self, name: str, record: dict) -> None:
        self.known[name] = record
        write_json(self.path(name), record)

    def about(self, step: Step) -> dict[str, Any]:
        """What a step depends on: its command, settings, recordings, and the steps before it."""
        known = {name: self.facts[name].digest for name in step.speakers}
        if self.plan.manifest and self.plan.manifest.as_posix() in step.command:
            known[self.plan.manifest.name] = self.prompts
        preset = self.plan.config.as_posix()  # may lie elsewhere on another machine: its settings count
        return {
            "command": ["PRESET" if word == preset else word for word in step.command],
            "settings": {table: plain(self.plan.preset, table) for table in step.reads},
            "recordings": known,
            "after": {name: self._digest(name) for name in step.after},
        }

    def _digest(self, name: str) -> str:
        """Of what a step was made with, and of the weights that ship: others made alike are other weights."""
        record, step = self.known[name], self.steps[name]
        if record is None:
            return ""
        made = record.get("made", {}) if step.ships else {}
        text = json.dumps([record["about"], made], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def look(self, candidates: Iterable[str] | None = None) -> dict[str, Status]:
        """{step: Status} of all. What is gone is made again only where a step that is to be run needs it.

        candidates: steps that may be run (default: all); others are taken as they are.
        """
        found: dict[str, Status] = {}
        compared = set(self.steps if candidates is None else candidates)
        for step in self.steps.values():
            found[step.name] = self._look(step, found, step.name in compared)
        wanted: set[str] = set()
        for step in reversed(self.steps.values()):
            status = found[step.name]
            needed = step.ships or step.name in wanted
            if needed and status.state != DONE:
                found[step.name] = Status(status.state, status.why, run=True)
                wanted |= set(step.after)
        return found

    def _look(self, step: Step, before: dict[str, Status], compared: bool) -> Status:
        record = self.known[step.name]
        if record is None:
            return Status(TODO)
        redone = [name for name in step.after if before[name].state not in (DONE, GONE)]
        differ = differences(record["about"], self.about(step))
        if compared and (redone or differ):
            return Status(CHANGED, ", ".join(differ or redone))
        if "made" not in record:
            return Status(HALF)
        return Status(DONE if self.is_there(step, record) else GONE)

    def is_there(self, step: Step, record: dict) -> bool:
        """Whether what a step has made lies here; of weights that ship, the same bytes."""
        if not all(path.exists() for path in step.makes):
            return False
        return not step.ships or record["made"] == made(step.makes)


def made(paths: Iterable[Path]) -> dict[str, str]:
    """{file: sha256}; of a folder nothing."""
    return {path.as_posix(): sha256_of(path) if path.is_file() else "" for path in paths}


def plain(preset: dict, table: str) -> dict[str, Any]:
    """A table of a preset, by its dotted name, without the tables in it; empty where there is none."""
    found = preset
    for part in table.split("."):
        found = found.get(part, {})
    return {key: value for key, value in found.items() if not isinstance(value, dict)}


def differences(before: dict, now: dict) -> list[str]:
    """Names of what differs: settings by their tables and keys, "the command", recordings, steps."""
    differ = ["the command"] if before.get("command") != now["command"] else []
    for table, values in now["settings"].items():
        old = before.get("settings", {}).get(table, {})
        read = [key for key in sorted({**old, **values}) if is_read(key, now["command"])]
        differ += [f"{table}.{key}" for key in read if old.get(key) != values.get(key)]
    for kind in ("recordings", "after"):
        old = before.get(kind, {})
        differ += [name for name in sorted({**old, **now[kind]}) if old.get(name) != now[kind].get(name)]
    return differ


def is_read(key: str, command: Iterable[str]) -> bool:
    """Whether a step reads a setting of its tables: some are of refining, and of what is learnt beside."""
    if key.startswith("refine_"):
        return not REFINING.isdisjoint(command)
    return key != "beside_weight" or "--beside" in command
