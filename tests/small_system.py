"""A table of three steps in the place of the shipped weights', and recordings of two speakers."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import soundfile
from conftest import sing

from checkpoints import store
from experiments.demo_system import recordings, running
from experiments.demo_system.records import Records
from experiments.demo_system.running import Clock
from experiments.demo_system.steps import Plan, Step

PRESET = {"train": {"a": {"steps": 4, "lr": 1.0}, "b": {"steps": 9}}}
FACTS = {"kathleen": recordings.Facts(3, 1.5, "f" * 64)}


class Fake:
    """A process that has ended with a code, having made what its command says: `make FILE`."""

    pid = 0

    def __init__(self, code: int = 0) -> None:
        self.returncode = code

    def poll(self) -> int:
        return self.returncode


def plan_in(folder, monkeypatch) -> Plan:
    """A plan in a working folder of its own."""
    monkeypatch.chdir(folder)
    names, out = ("kathleen",), Path("out/t")
    return Plan(Path("wavs"), Path("data/t"), out, Path("t.toml"), PRESET, names)


def note_calls(monkeypatch) -> list[str]:
    """Commands that are started from now on, each of which makes the file that is its last word."""
    made = []

    def start(command, log):
        made.append(" ".join(command))
        if Path(command[-1]).suffix == ".pt":
            Path(command[-1]).parent.mkdir(parents=True, exist_ok=True)
            Path(command[-1]).write_text(f"{len(made)}", encoding="utf-8")
        return Fake()

    monkeypatch.setattr(running, "start", start)
    return made


def table() -> list[Step]:
    """Recordings are labelled, a model is trained on them, and its weights ship."""
    labels, model, weights = (Path(f"out/t/{name}.pt") for name in ("labels", "model", "weights"))
    return [
        Step("labels", ("x.py", labels.as_posix()), (labels,), 1.0, (), ("train.a",), ("kathleen",)),
        Step("model", ("y.py", model.as_posix()), (model,), 1.0, ("labels",), ("train.b",)),
        Step("weights", ("z", weights.as_posix()), (weights,), 0.1, ("model",), stops=False, ships=True),
    ]


def known(plan, facts=FACTS, of=None) -> Records:
    return Records(plan, of or table(), facts)


def run(plan, minutes=None, **given) -> bool:
    now = known(plan, **given)
    return running.run(now, Clock(minutes), list(now.steps))


def changed(plan, table: str, **values) -> Plan:
    """The plan with other settings in a table of [train]."""
    return replace(plan, preset={"train": {**PRESET["train"], table: {**PRESET["train"][table], **values}}})


def checkpoint_of(run_folder: Path, step: int, validated: bool) -> Path:
    path = run_folder / f"model-{step}.pt"
    card = {"step": step, "metrics": {"loss": 1.0} if validated else {}}
    about = {"kind": "acoustic", "config": {"model": {}}, "labels": None, "card": card, "model": {}}
    store.save(path, {**about, "training": {"step": step, "settings": {"steps": 8}}})
    return path


def make_wavs(root: Path) -> None:
    """Two speakers of the table, a manifest, terms of use."""
    for speaker, rate in (("kathleen", 48000), ("scottpoid/G3", 16000)):
        (root / speaker).mkdir(parents=True)
        for i in range(3):
            soundfile.write(root / speaker / f"か{i}.wav", sing(150, 200, 1.0, i), rate)
    (root / "kathleen" / "か0.flac").write_bytes(b"")
    soundfile.write(root / "kathleen" / "か0.flac", sing(150, 200, 1.0, 9), 16000)
    (root / "scottpoid" / "LICENSE.md").write_text("name her", encoding="utf-8")
    rows = [["path", "prompt"], ["kathleen/か1.wav", "a"], ["scottpoid/G3/か1.wav", "b"], ["x/y.wav", "c"]]
    with (root / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


def small_plan(root: Path) -> Plan:
    names = recordings.chosen(["scottpoid", "kathleen"])
    manifest = recordings.manifest_of(None, root, Path("data/t"))
    return Plan(root, Path("data/t"), Path("out/t"), Path("t.toml"), PRESET, names, manifest)
