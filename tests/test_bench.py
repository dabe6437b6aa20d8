"""evaluate.py bench: its reference computes the same as the chain, and its figures are of what they say."""

import json
import time

import numpy as np
import pytest
import torch
from conftest import micro_config, run_script
from plain_chain import decoded

from acoustic.model import AcousticModel
from common.cli import UserError
from evaluation import bench, bench_costs, bench_models, bench_preprocess, bench_tables, bench_training

CONDITIONS = dict.fromkeys(("torch", "processor", "voice", "products"), "")


def test_the_plain_chain_steps_to_the_same_mel():
    torch.manual_seed(0)
    sizes = {"in_dim": 24, "prenet_dim": 16, "conv_dim": 16, "mel_prenet_dim": 8, "lstm_dim": 16}
    acoustic = AcousticModel(**sizes).eval().requires_grad_(False)
    units = torch.randn(1, 12, 24)
    assert torch.allclose(decoded(acoustic, units), acoustic.generate(units), atol=1e-5)


def test_medians_are_of_rounds_by_turns_without_the_first():
    calls = []

    def work(name, seconds):
        def compute():
            calls.append(name)
            until = time.process_time() + seconds * (5 if len(calls) <= 2 else 1)
            while time.process_time() < until:
                pass

        return compute

    found = bench.timed({"short": work("short", 0.01), "long": work("long", 0.04)}, 3)
    assert calls == ["short", "long"] * 4
    assert 0.009 < found["short"][0] < 0.03 and 2 < found["long"][0] / found["short"][0] < 6


def test_a_process_is_measured_and_its_failure_said():
    cpu, peak = bench.measured(bench.SCRIPTED + bench.TAKEN, bench.SCRIPT, "--help")
    assert 0 < cpu < 5 and peak < 1e9
    with pytest.raises(UserError, match="no-such-voice"):
        bench.start_up(["no-such-voice"], 1)


def test_a_reference_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"plain\.py: expected a Python file"):
        bench.load_reference(tmp_path / "plain.py")


def test_speech_is_as_long_as_asked_for():
    assert len(bench.speech(5.5)) == 88000 and np.abs(bench.speech(5.5)[-16000:]).max() > 0.05


def test_costs_of_a_length_are_measured_or_reckoned_from_the_longest():
    spent = {"mel": {600.0: 6.0, 3600.0: 72.0}, "conversion": {10.0: 5.0, 595.0: 119.0, 3600.0: 360.0}}
    rows = bench_costs.costs(spent)
    assert [row["seconds"] / 3600 for row in rows] == pytest.approx([1 / 6, 1, 10, 100, 10_000])
    assert [row["reckoned"] for row in rows] == [False, False, True, True, True]
    assert [row["mel"] for row in rows] == pytest.approx([6, 72, 720, 7200, 720_000])
    assert [row["conversion"] for row in rows] == pytest.approx([120, 360, 3600, 36_000, 3_600_000])
    table = bench_costs.lines(rows)
    assert table[1] == "| audio | mel | conversion | CPU time, one core |"
    assert table[3] == "| 10 min | 6.0 s | 2.0 min | measured |"
    assert table[-1] == "| 10 000 h | 8.3 days | 42 days | reckoned |"
    assert {line.count("|") for line in table[1:]} == {5}


def test_a_length_that_one_work_lacks_is_reckoned():
    rows = bench_costs.costs({"mel": {600.0: 6.0}, "conversion": {10.0: 1.0}}, (600,))
    assert rows == [{"seconds": 600, "reckoned": True, "mel": 6.0, "conversion": 60.0}]


@pytest.mark.slow
def test_stages_of_preprocessing_are_measured_on_the_audio_that_they_make():
    rows = bench_preprocess.measure("kathleen", [18.0], 2)
    assert list(rows) == ["decode", "pitdyn", "mel", "encode", "copies"]
    for (row,) in rows.values():
        assert 0 < row["slowest"] <= row["rate"] <= row["fastest"] and row["material"] == 18.0
        assert row["cpu"] > 0 and row["rate"] == pytest.approx(row["seconds"] / row["cpu"], rel=0.5)
    assert 16 < rows["mel"][0]["seconds"] <= 18.1 and 5 < rows["copies"][0]["seconds"] < 13
    grown = [
        {"sizes": name, "seconds": 10.0, "cpu": cpu} for name, cpu in (("shipped", 2.0), ("official", 9.0))
    ]
    costs = bench_costs.measured({"preprocess": rows, "growth": grown})
    assert costs["mel"] == {18.0: rows["mel"][0]["cpu"]} and costs["conversion"] == {10.0: 2.0}
    assert costs["conversion, official"] == {10.0: 9.0}
    table = bench_preprocess.lines(rows)
    assert len(table) == 8 and {line.count("|") for line in table[1:]} == {6}


def test_step_time_and_waiting_are_those_of_the_last_line_of_a_log():
    log = "x train 10: loss 1.2, waited 0.5, 2 steps/s\ny train 20: loss 1, waited 1e-03, 0.25 steps/s\n"
    assert bench_training.steps_of(log) == (4.0, 0.001)
    with pytest.raises(UserError, match="expected a line with steps/s"):
        bench_training.steps_of("killed")


@pytest.mark.slow
def test_trainings_of_all_three_models_are_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_training, "PRESETS", {"shipped": (micro_config(tmp_path), 3, 2)})
    monkeypatch.setattr(bench_training, "SECONDS", 18.0)
    small = (
        "[vocoder.harmonic]\ndim = 16\nblocks = 1\n[vocoder.discriminators]\nperiods = [2]\nwindows = [512]\n"
    )
    monkeypatch.setattr(bench_training, "PRESET", bench_training.PRESET + small)
    figures = bench_training.measure(["shipped"], 1)
    assert list(figures["shipped"]) == ["hubert", "acoustic", "vocoder"]
    assert all(row["step"] > 0 and 0 <= row["waiting"] < 1 for row in figures["shipped"].values())
    assert len(bench_training.lines(figures)) == 6


@pytest.mark.slow
def test_growth_of_models_with_random_weights_is_measured_in_a_process_of_their_own():
    (row,) = bench.growth([], ["one_trunk"], [2.0])
    assert row["sizes"] == "one_trunk" and row["cpu"] > 1 and 0.4 < row["peak_gb"] < 3


@pytest.mark.slow
def test_the_command_prints_its_tables(tmp_path):
    parts = ("--parts", "start", "stages", "growth", "--sizes", "shipped", "--threads", 1, "--rounds", 1)
    arguments = ("evaluate.py", "bench", "kathleen", *parts, "--seconds", 2, "--growth", 2, 4)
    done = run_script(*arguments, "--json", tmp_path / "bench.json", cwd=bench.SCRIPT.parent)
    assert "| ratio |" in done.stdout and "| vocoder |" in done.stdout and "| 4 |" in done.stdout
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["growth"][1]["peak_gb"] > 0.1


def test_a_folder_is_measured_one_by_one_and_as_a_batch(monkeypatch):
    from small_voice import voice

    asked = []
    monkeypatch.setattr(
        bench.batch, "outcomes", lambda work, files, together: asked.append((len(files), together)) or []
    )
    found = bench.folder_against_files(voice(), 3, 0.5, 1, 2)
    assert asked == [(3, False), (3, True), (3, False)] * 3 and found["threads"] == 1
    assert found["ratio"] == pytest.approx(found["one_by_one"] / found["batch"])
    assert found["bound"] == pytest.approx(found["one_by_one"] / found["one_thread"])
    table = bench_tables.lines({**CONDITIONS, "folder": found})
    assert f"| … it could be at most | {found['bound']:.2f} |" in table
    monkeypatch.setattr(bench.batch, "outcomes", lambda work, files, together: [(files[0], None, "no room")])
    with pytest.raises(UserError, match="no room"):
        bench.folder_against_files(voice(), 1, 0.5, 1, 1)


def test_a_stream_is_measured_beside_the_whole():
    from small_voice import voice

    converter = voice()
    found = bench.streamed(converter, 16.0, 1, 1)
    assert found["latency"] == converter.stream([]).latency > 10
    assert 0 < found["whole"] < 1 and 0 < found["stream"] < 2
    table = bench_tables.lines({**CONDITIONS, "stream": found})
    assert f"| latency, s | {found['latency']:.1f} |" in table
    assert {row.count("|") for row in table[2:]} == {3}


@pytest.mark.slow
@pytest.mark.parametrize("sizes", list(bench_models.SIZES))
def test_models_of_the_official_sizes_have_the_trunks_that_their_name_says(sizes):
    found = bench_models.SIZES[sizes]()
    assert len(found.encoder.networks) == (3 if sizes == "official" else 1)
    assert found.vocoder.conditioned_on_f0 == (sizes == "one_trunk")
