"""The document of a run: recordings, settings, steps with their hours, learning curves, what came out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from common.files import write_text
from experiments.demo_system import packing
from experiments.demo_system.records import DONE, GONE, Records
from experiments.demo_system.running import last_lines, shown
from experiments.demo_system.speakers import CORPUS, PITCH, SOUND, SPEAKERS
from experiments.demo_system.steps import Step
from experiments.tables import markdown
from workshop.runs import TRAINED

MOST_ROWS = 12  # of a learning curve
HOST = re.compile(r"torch \S+, .*seed -?\d+")
EXTENDS = re.compile(r'^\s*extends\s*=\s*"([^"]+)"', re.MULTILINE)


def write(doc: Path, known: Records, command: str) -> None:
    """The document, from the records and logs of the steps; also of a run that is not done."""
    statuses = known.look()
    done = [name for name, status in statuses.items() if status.state in (DONE, GONE)]
    commits = {commit for name in done for commit in known.known[name].get("commits", [])}
    state = (
        "All of it is done"
        if len(done) == len(statuses)
        else f"{len(done)} of {len(statuses)} steps are done"
    )
    hours = sum(record["seconds"] for record in known.known.values() if record) / 3600
    parts = (
        recordings(known),
        settings(known.plan.config),
        "\n\n".join(filter(None, (curve(step) for step in known.steps.values())))
        or "No training has been validated yet.",
        begun_from(known, done) + files(known, done, lambda step: step.ships),
    )
    text = TEXT.format(
        out=known.plan.out.as_posix(),
        command=command,
        state=state,
        hours=hours,
        commits="\n".join(f"    {commit}" for commit in sorted(commits)) or "    none yet",
        recordings=parts[0],
        settings=parts[1],
        steps=steps_table(known, statuses),
        curves=parts[2],
        results=parts[3],
    )
    write_text(doc, text)


def recordings(known: Records) -> str:
    rows = [
        [
            name,
            ", ".join(SPEAKERS[name].folders),
            str(of.files),
            f"{of.minutes:.1f}",
            uses(name),
            f"`{of.digest}`",
        ]
        for name, of in known.facts.items()
    ]
    total = sum(of.minutes for of in known.facts.values())
    rows.append(["all", "", str(sum(of.files for of in known.facts.values())), f"{total:.1f}", "", ""])
    packed = packing.about_packed(known.plan)
    note = PACKED.format(**packed) if packed else ""
    head = ["", "folders", "files", "minutes", "trains", "sha256 of the list"]
    return note + markdown(head, rows, ("folders", "trains", "sha256 of the list"))


def uses(name: str) -> str:
    """What the recordings of a row train."""
    speaker = SPEAKERS[name]
    words = {CORPUS: "content", PITCH: "pitch, loudness", SOUND: "vocoder"}
    return ", ".join([*(words[folder] for folder in speaker.trains), *(["voice"] if speaker.voice else [])])


def settings(config: Path) -> str:
    """The text of a preset, and of those of this project that it extends their names."""
    text = config.read_text(encoding="utf-8-sig").strip()
    lines = "\n".join(f"    {line}".rstrip() for line in text.splitlines())
    extends = EXTENDS.search(text)
    more = f" It extends `{extends[1]}`, which is beside it." if extends else ""
    return f"`{config.as_posix()}`:\n\n{lines}\n\n{more.strip()}".rstrip()


def steps_table(known: Records, statuses: dict) -> str:
    rows = []
    for name, step in known.steps.items():
        record = known.known[name] or {"seconds": 0}
        words = f"`python {' '.join(shown(step.command))}`"
        rows.append([name, words, statuses[name].state, f"{record['seconds'] / 3600:.2f}", said(known, step)])
    head = ["step", "command", "state", "hours", "printed at the end"]
    return markdown(head, rows, ("command", "state", "printed at the end"))


def said(known: Records, step: Step) -> str:
    """What a step printed at its end: of a training where it ran and its seed, too."""
    lines = [line for line in last_lines(known.log(step.name)) if line.strip()]
    record = known.known[step.name]
    if not record or "made" not in record:
        return ""
    if step.run is None:
        end = lines[-1] if lines else ""
    else:
        valid = points(step.run).get("valid", [])
        last = f"step {valid[-1][0]}" if valid else ""
        host = HOST.findall(log_of(step.run))
        end = "; ".join(filter(None, (last, host[-1] if host else "")))
    note = record.get("note", "")
    return "; ".join(filter(None, (end, note if note not in end else ""))).replace("|", "/")


def log_of(run: Path) -> str:
    """The log that a training writes in its folder."""
    path = run / "logs" / f"{run.name}.log"
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def points(run: Path) -> dict[str, list[tuple[int, dict[str, str]]]]:
    """{"train", "valid": [(step, {metric: value as logged})]}; a step that was done again counts once."""
    found: dict[str, dict[int, dict[str, str]]] = {}
    for part, step, text in TRAINED.findall(log_of(run)):
        pairs = (word.rpartition(" ") for word in text.split(", "))
        values = {name: value for name, _, value in pairs if name and not name[0].isdigit()}
        known = found.setdefault(part, {})
        for later in [other for other in known if other >= int(step)]:
            del known[later]  # resumed from an earlier checkpoint
        known[int(step)] = values
    return {part: sorted(of.items()) for part, of in found.items()}


def curve(step: Step) -> str:
    """A training's validations as a table, evenly chosen where there are many."""
    valid = points(step.run).get("valid", []) if step.run else []
    if not valid:
        return ""
    last = len(valid) - 1
    places = sorted({round(i * last / (MOST_ROWS - 1)) for i in range(MOST_ROWS)})
    shown_ones = [valid[place] for place in places]
    names = list(dict.fromkeys(name for _, values in shown_ones for name in values))
    rows = [[str(at), *(values.get(name, "") for name in names)] for at, values in shown_ones]
    return f"**{step.name}**, on validation recordings:\n\n{markdown(['step', *names], rows)}"


def files(known: Records, done: list[str], chosen: Callable[[Step], bool]) -> str:
    """Files that the chosen steps have made."""
    rows = []
    for name in (name for name in done if chosen(known.steps[name])):
        for file, digest in known.known[name]["made"].items():
            size = f"{Path(file).stat().st_size / 1e6:.1f}" if Path(file).is_file() else ""
            rows.append([f"`{file}`", size, f"`{digest}`"])
    return markdown(["file", "MB", "sha256"], rows, ("sha256",)) if rows else "Nothing yet."


def begun_from(known: Records, done: list[str]) -> str:
    """Other models that trainings begin from; nothing where there are none."""
    if not any(step.begins for step in known.steps.values()):
        return ""
    return f"{BEGUN}\n\n{files(known, done, lambda step: step.begins)}\n\n"


BEGUN = """Besides the recordings it began from copies of these, whose vectors of classes it keeps. They are
not made by it:"""
PACKED = """They are Opus at {rate} Hz and {kbit_s:.1f} kbit/s, made with --pack: another data set than
their originals.

"""
TEXT = """# How the models in `{out}` were made

This page was written by

    {command}

which has made every file named below from the recordings, with nothing done by hand between. {state}, in
{hours:.1f} hours in all. The project was at the commit

{commits}

## Recordings

The list is one line for each file, its sha256 and its path, in the order of the paths.

{recordings}

## Settings

{settings}

## Steps

Options that are not in a command are the scripts' own defaults. Sounds of known pitch are made with the
fixed seed of `tools/pitch_material.py`. A step with "some failed" left these recordings out.

{steps}

## Learning curves

{curves}

## What came out

{results}
"""
