"""Every step of the shipped weights with tiny models: killed, stopped by the clock, resumed, carried."""

import csv
import shutil
from pathlib import Path

import pytest
import soundfile
from conftest import micro_config, sing
from forked import Forked, needs_fork, prepare

from checkpoints.places import newest
from common.files import sha256_of
from common.presets import load_config
from conversion.converter import VoiceConverter
from experiments.demo_system import packing, recordings, report, running, steps
from experiments.demo_system.__main__ import ship
from experiments.demo_system.records import DONE, GONE, HALF, Records
from experiments.demo_system.running import Clock
from experiments.demo_system.steps import Plan, steps_of

PRESET = """
extends = "{micro}"
[hubert.pits]
norm = "fixed"
[vocoder]
source = "trained"
[vocoder.harmonic]
dim = 16
blocks = 1
pitch_dim = 8
pitch_blocks = 1
[vocoder.discriminators]
period_channels = 2
spectrogram_channels = 2
[train.hubert]
steps = 3
warmstart = ""
[train.pits]
steps = 40
batch_size = 2
validate_every = 10
[train.units]
steps = 3
[train.head]
steps = 3
[train.acoustic]
steps = 3
refine_steps = 2
[train.vocoder]
steps = 4
batch_size = 2
crop_seconds = 0.2
warmup_steps = 1
adversarial_after = 2
adversarial_after_warmstart = 1
validate_every = 2
refine_steps = 2
log_every = 1
"""
SOUNDS = ("--shifted", "2", "--whispers", "1", "--singer", "1", "--breaths", "1")


def make_wavs(root):
    """Recordings of two speakers, and the manifest."""
    rows = []
    for speaker, low, count in (("kathleen", 150, 5), ("dorodoro", 196, 4)):
        (root / speaker).mkdir(parents=True)
        for i in range(count):
            high = low * 1.3 if speaker == "kathleen" else low
            soundfile.write(root / speaker / f"か{i}.wav", sing(low, high, 0.6 + 0.1 * i, i), 16000)
            rows.append([f"{speaker}/か{i}.wav", f"{speaker}{i}"])
    with (root / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["path", "prompt"], *rows])


def plan_in(folder, wavs):
    """A plan of two speakers in the working folder."""
    path = folder / "tiny-demo.toml"
    path.write_text(PRESET.format(micro=micro_config(folder).as_posix()), encoding="utf-8")
    names = recordings.chosen(["kathleen", "dorodoro"])
    data, out = Path("data/t"), Path("out/t")
    manifest = recordings.manifest_of(None, wavs, data)
    return Plan(wavs, data, out, path, load_config(path), names, manifest)


class PowerCut(Exception):
    """What ends the command itself."""


class Cut(Forked):
    """A pitch training that loses its power, and the command with it, once it has saved a checkpoint."""

    def poll(self):
        if newest(Path("out/t/runs/pitch")):
            self.kill()
            raise PowerCut
        return super().poll()


class OverAt:
    """A clock whose time is over once the pitch training has saved a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def hours(self) -> float:
        last = newest(Path("out/t/runs/pitch"))
        return 0.0 if last and int(last.stem.partition("-")[2]) >= self.step else float("inf")


def begun(command, log):
    """As `running.start`; the first pitch training is Cut."""
    first = "pits" in command and not newest(Path("out/t/runs/pitch"))
    return (Cut if first else Forked)(command, log)


@pytest.mark.slow
@needs_fork
def test_all_is_made_whatever_stops_it_and_is_carried_to_another_machine(tmp_path, monkeypatch):
    prepare(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    make_wavs(tmp_path / "wavs")
    monkeypatch.setattr(steps, "SOUNDS", SOUNDS)
    monkeypatch.setattr(steps, "CLASSES", ("--clusters", "4"))
    monkeypatch.setattr(running, "start", begun)

    def known():
        plan = plan_in(tmp_path, Path("wavs"))
        recordings.link(plan)
        return Records(plan, steps_of(plan), recordings.look(plan))

    def run(clock):
        now = known()
        return running.run(now, clock, list(now.steps))

    with pytest.raises(PowerCut):
        run(Clock(None))
    assert known().look()["pitch"].state == HALF and not run(OverAt(15))
    assert known().look()["pitch"].state == HALF and "interrupted" in report.log_of(Path("out/t/runs/pitch"))
    assert run(Clock(None))
    log = report.log_of(Path("out/t/runs/pitch"))
    assert log.count("resumed out/t/runs/pitch/model-") == 2
    assert [step for step, _ in report.points(Path("out/t/runs/pitch"))["valid"]] == [10, 20, 30, 40]

    calls = []
    monkeypatch.setattr(running, "start", lambda *call: calls.append(call))
    made = known()
    assert run(Clock(None)) and not calls and {of.state for of in made.look().values()} == {DONE}
    report.write(Path("doc.md"), made, "the command")
    ships = [path for step in made.steps.values() if step.ships for path in step.makes]
    text = Path("doc.md").read_text(encoding="utf-8")
    assert len(ships) == 8 and all(
        sha256_of(path) in text for path in ships
    )  # voices before their breath, too

    ship(made)
    voice = VoiceConverter.load("dorodoro")
    assert voice.card["dataset"] == "demo" and len(voice.convert(sing(150, 220, 0.5, 3))) > 8000
    assert any(voice.breath(0.0)) and not Path("out/runs").exists()

    carry(made, monkeypatch)
    shutil.rmtree("data")
    assert {of.state for of in known().look().values()} == {DONE, GONE} and run(Clock(None)) and not calls


def carry(made, monkeypatch) -> None:
    """To another machine, in small parts: what ships arrives whole."""
    monkeypatch.setattr(packing, "PART", 200_000)
    parts = packing.send(made, Path("results.zip"), unfinished=False)
    assert len(parts) > 1 and all(part.stat().st_size <= 200_000 for part in parts)
    shutil.move("out/t", "out/before")
    assert "vocoder-weights" in packing.unpack(Path("results.zip"), Path("wavs"), Path("out/t"))
    for path in (path for step in made.steps.values() if step.ships for path in step.makes):
        assert sha256_of(path) == sha256_of(Path("out/before") / path.relative_to("out/t"))
