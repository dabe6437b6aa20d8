"""How long a training step takes, and how much of it waits for data: the scripts, run for a few steps."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common.cli import UserError
from evaluation.bench_preprocess import recordings
from preprocessing.data_folder import DataFolder

PROJECT = Path(__file__).resolve().parent.parent
SECONDS = 240.0  # of recordings to train on
LOADERS = 2  # processes
UNIT_DIM = 768
# Preset, steps that are measured, and items computed at once (0: all), so that 8 GB of memory do.
PRESETS = {"shipped": ("tiny.toml", 12, 0), "official": ("base.toml", 3, 4)}
# All that a preset says of a model stays; a run is one validation long, and starts from random weights.
PRESET = """
extends = "{preset}"
[train.hubert]
warmstart = ""
{length}
[train.acoustic]
{length}
[train.vocoder]
adversarial_after = 0
{length}
"""
LENGTH = (
    "micro_batch = {micro}\nsteps = {steps}\nwarmup_steps = 1\nvalidate_every = {steps}\nlog_every = {steps}"
)
TRAININGS = {
    "hubert": ("train_hubert.py", "--embds_dn", "pits"),
    "acoustic": ("train_acoustic.py",),
    "vocoder": ("train_vocoder.py",),
}
LINE = re.compile(r"train (\d+): .*\bwaited ([\d.e+-]+), ([\d.e+-]+) steps/s")


def run(place: Path, script: str, *arguments: str) -> str:
    """Standard error of a script of the project, run in a folder. UserError with its words where it fails."""
    command = [sys.executable, str(PROJECT / script), *arguments]
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise UserError(f"{script} failed: {done.stderr.strip()[-300:]}")
    return done.stderr


def prepare(place: Path, preset: Path) -> None:
    """data/bench in a folder: labels and mels of recordings, and random units, which take as long."""
    (place / "data").mkdir()
    recordings(place / "wavs", SECONDS)
    config = ("--config", str(preset), "--n_workers", str(LOADERS))
    run(place, "preprocess.py", "bench", "--wavs", "wavs", "--val_share", "0.1", "--pitdyn", *config)
    run(place, "preprocess.py", "bench", "--mel", *config)
    folder, rng = DataFolder(place / "data" / "bench"), np.random.default_rng(0)
    for key in folder.files:
        count = folder.read("mels", key).shape[1] // 2
        folder.save("units-pitdyn", key, rng.standard_normal((count, UNIT_DIM)).astype(np.float16))
    folder.write_json(
        "encoder.json", {"dataset": "bench", "unit_dim": UNIT_DIM, "encoders": {}, "labels": {}}
    )


def steps_of(log: str) -> tuple[float, float]:
    """(seconds a step, seconds of these that wait for data) of the last line of a training's log."""
    found = LINE.findall(log)
    if not found:
        raise UserError(f"expected a line with steps/s in the training's log, found {log.strip()[-300:]!r}")
    _, waited, rate = found[-1]
    return 1 / float(rate), float(waited)


def measure(sizes: list[str], rounds: int) -> dict[str, dict[str, dict[str, Any]]]:
    """{sizes: {model: median, least and most seconds of a step, and the fraction that waits for data}}."""
    figures: dict[str, dict[str, dict[str, Any]]] = {}
    for size in sizes:
        preset, steps, micro = PRESETS[size]
        with tempfile.TemporaryDirectory() as folder:
            place, own = Path(folder), Path(folder, "bench.toml")
            length = LENGTH.format(steps=steps, micro=micro)
            text = PRESET.format(preset=(PROJECT / "configs" / preset).as_posix(), length=length)
            own.write_text(text, encoding="utf-8")
            prepare(place, own)
            figures[size] = {model: _model(place, model, own, rounds) for model in TRAININGS}
    return figures


def _model(place: Path, model: str, preset: Path, rounds: int) -> dict[str, Any]:
    script, *options = TRAININGS[model]
    more = ("--config", str(preset), "--device", "cpu", "--num_workers", str(LOADERS), "--overwrite")
    found = [
        steps_of(run(place, script, *options, "data/bench", f"out/bench/{model}", *more))
        for _ in range(rounds)
    ]
    seconds, waited = np.array(found).T
    return {
        "step": float(np.median(seconds)),
        "least": float(seconds.min()),
        "most": float(seconds.max()),
        "waiting": float(np.median(waited / seconds)),
    }


def lines(figures: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """The figures as a table in Markdown."""
    out = ["", "| sizes | model | s for a step, median | least | most | of it waiting for data |"]
    out += ["| --- | --- | ---: | ---: | ---: | ---: |"]
    return out + [
        f"| {size} | {model} | {row['step']:.3g} | {row['least']:.3g} | {row['most']:.3g} "
        f"| {100 * row['waiting']:.1f} % |"
        for size, rows in figures.items()
        for model, row in rows.items()
    ]
