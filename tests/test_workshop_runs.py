"""Recordings checked, and a voice trained by the scripts: what is called, understood, stopped and resumed."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import micro_config, sing

from checkpoints import places
from common.cli import UserError
from workshop import banks, run_view
from workshop.jobs import Job
from workshop.models import Models
from workshop.runs import Log, Plan, Training, steps_of
from workshop.samples import Samples

PLAN = Plan("neu", Path("my wavs"), "kathleen", "demo", Path("configs/tiny.toml"), 6, 600)
LINES = """\
2026-11-28 11:59:00 acoustic: data/neu -> out/neu/acoustic, 600 steps of 16
2026-11-28 11:59:14 train 25: loss 1.219, grad_norm 1.613, lr 3.75e-06, 0.5 steps/s
2026-11-28 11:59:31 train 50: loss 1.019, grad_norm 1.274, lr 9.75e-06, 0.25 steps/s
2026-11-28 11:59:40 valid 50: loss 0.9, generated_l1 1.3
2026-11-28 11:59:40 best so far, saved as out/neu/acoustic/model-best.pt"""


def test_what_is_called_is_what_the_readme_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mels, units, training = (step.command for step in steps_of(PLAN))
    copies = ["--augment_pitch", "20", "--augment_gain", "6", "--augment_copies", "6"]
    config = ["--config", str(Path("configs/tiny.toml"))]
    assert mels == ["preprocess.py", "neu", "--wavs", "my wavs", "--mel", *config, *copies]
    assert units == ["preprocess.py", "neu", "--encode", "demo", *config, *copies]
    start = str(Path("out/kathleen/acoustic/model-best.pt"))
    folders = [str(Path("data/neu")), str(Path("out/neu/acoustic"))]
    assert training == [
        "train_acoustic.py",
        *folders,
        *config,
        "--resume",
        start,
        "--refine",
        "--steps",
        "600",
    ]


def test_an_interrupted_training_is_resumed_from_its_newest_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PLAN.out.mkdir(parents=True)
    for name in ("model-best.pt", "model-9.pt", "model-100.pt"):
        (PLAN.out / name).touch()
    assert places.newest(PLAN.out) == PLAN.out / "model-100.pt"
    (only,) = steps_of(PLAN)
    assert (
        only.command[-2:] == ["--resume", str(PLAN.out / "model-100.pt")] and "--refine" not in only.command
    )


@pytest.mark.parametrize("name", ["con", "", "a:b", "kathleen", "../x"])
def test_a_name_that_no_voice_can_have_is_refused(name):
    with pytest.raises(UserError):
        Plan(name, None, "kathleen", "demo", Path("configs/tiny.toml"))


def test_the_log_gives_losses_pace_and_time_left():
    log = Log()
    assert [part for line in LINES.splitlines() if (part := log.take(line))] == ["train", "train", "valid"]
    assert (log.total, log.step, log.speed) == (600, 50, 0.25)
    assert log.left == pytest.approx(550 / 0.25)
    assert log.train == [(25, 1.219), (50, 1.019)] and log.valid == [(50, 0.9)]
    log.take("2026-11-28 12:00:00 train 25: loss 1.1, 0.5 steps/s")  # a run resumed repeats steps
    assert log.train == [(25, 1.1)]
    picture = run_view.picture(log)
    assert picture.count("<circle") == 1 and 'class="valid"' in picture and "600 steps" in picture
    assert run_view.picture(Log()) == ""


def bank(folder: Path) -> Path:
    """Four recordings: two on one note, one that clips, one too short; and one that is none."""
    folder.mkdir(exist_ok=True)
    for name, hz in (("か.wav", 196), ("き.wav", 196)):
        soundfile.write(folder / name, sing(hz, hz, 1.0, 1), 16000)
    loud = np.clip(8 * sing(196, 196, 1.0, 2), -1, 1)
    soundfile.write(folder / "loud.wav", np.stack([loud, loud], axis=1), 16000)
    soundfile.write(folder / "short.wav", sing(196, 196, 0.06, 3)[2400:-1600], 16000)
    (folder / "broken.wav").write_bytes(b"RIFF but not a wav")
    (folder / "readme.txt").write_text("Terms: use it.", encoding="utf-8")
    return folder


def test_a_bank_is_checked(tmp_path):
    report = Job(lambda job: banks.check(bank(tmp_path / "bank"), job)).result()
    assert report.files == 5 and report.clipped == ["loud.wav"] and report.short == ["short.wav"]
    assert [name for name, _ in report.failed] == ["broken.wav"]
    assert report.rates == {16000: 4} and report.channels == {1: 3, 2: 1}
    rows = {what: (figure, state) for what, figure, state in banks.lines(report)}
    assert rows["Length, trimmed"][1] == "doubtful" and rows["Clipping"] == ("1: loud.wav", "doubtful")
    assert rows["Cannot be read"][1] == "bad" and rows["Left out"][0] == "1 .txt"
    assert "on one note" in rows["F0"][0]
    assert "<script" not in banks.table(report)


def test_clipping_is_a_run_at_full_scale():
    peak = np.zeros((50, 1), np.float32)
    peak[10:12] = 1.0
    assert not banks.is_clipped(peak)
    peak[12] = 1.0
    assert banks.is_clipped(peak) and banks.is_clipped(-peak)
    assert not banks.is_clipped(np.ones((2, 1), np.float32))


def test_where_recordings_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = bank(tmp_path / "bank")
    assert banks.recordings("neu", f' "{folder}" ', None) == folder
    dropped = banks.recordings("neu", "", [str(folder / "か.wav")])
    assert dropped == Path("data/neu/bank") and (dropped / "か.wav").is_file()
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        banks.recordings("neu", "nowhere", None)
    with pytest.raises(UserError, match="no recordings: give a folder"):
        banks.recordings("neu", "", None)
    with pytest.raises(UserError, match="expected audio files, found none"):
        (tmp_path / "empty").mkdir()
        Job(lambda job: banks.check(tmp_path / "empty", job)).result()


def test_a_bank_s_zip_is_unpacked_and_its_terms_are_shown(tmp_path, monkeypatch):
    import odd_bank

    monkeypatch.chdir(tmp_path)
    dropped = banks.recordings("hana", "", [str(odd_bank.make(tmp_path / "ハナ.zip", 0.3))])
    report = Job(lambda job: banks.check(banks.unpacked("hana", dropped), job)).result()
    assert report.folder == Path("data/hana/bank") and report.files == 19
    assert "author: 誰か" in report.terms and "・商用利用は許可が必要です。" in report.terms
    assert "<details open>" in banks.table(report)


def test_another_file_than_a_zip_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bank.txt").write_text("no bank", encoding="utf-8")
    with pytest.raises(UserError, match="bank.txt: expected a folder of wavs"):
        banks.unpacked("hana", Path("bank.txt"))


def finished(training: Training, seconds: float = 240) -> str:
    training.wait(seconds)
    return training.state


@pytest.mark.slow
def test_a_voice_is_trained_stopped_and_resumed(voice, monkeypatch, tmp_path):
    monkeypatch.chdir(voice)
    plan = Plan("neu", voice / "bank", "songs", "songs", micro_config(voice), 0, 120)
    models = Models(tmp_path, device="cpu")
    source = tmp_path / "source.wav"
    soundfile.write(source, sing(150, 200, 0.8, 1), 16000)
    samples = Samples(models, plan, source)
    training = Training(plan, samples.ask)
    until = time.monotonic() + 200
    while training.alive and not training.log.valid and time.monotonic() < until:
        time.sleep(0.1)
    assert "loss" in run_view.status(training), list(training.lines)
    training.stop()
    assert finished(training) == "stopped" and places.newest(plan.out), list(training.lines)
    step = int(places.newest(plan.out).stem.removeprefix("model-"))
    assert 0 < step < 120
    resumed = Training(plan)
    assert len(resumed.steps) == 1 and resumed.log.valid
    assert finished(resumed) == "done", list(resumed.lines)
    assert resumed.log.step == 120 and "is trained" in run_view.status(resumed)
    while not samples.made and time.monotonic() < until:
        time.sleep(0.1)
    assert samples.made[0].path and soundfile.info(samples.made[0].path).duration == pytest.approx(
        1.05, abs=0.1
    )
    assert "neu" in [one.name for one in models.voices()]
    again = Training(plan)
    assert finished(again) == "failed" and "already at step 120" in again.reason
    assert 'role="alert"' in run_view.status(again)


def test_a_script_s_sentence_is_the_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    wavs = bank(tmp_path / "bank")
    training = Training(Plan("neu", wavs, "a", "demo", Path("configs/no.toml"), 0))
    assert finished(training, 60) == "failed"
    assert "configs/no.toml: no such config" in training.reason.replace("\\", "/")
    assert places.newest(tmp_path) is None
