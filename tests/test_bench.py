"""evaluate.py bench: its reference computes the same as the chain, and its figures are of what they say."""

import json
import time

import numpy as np
import pytest
import torch
from conftest import run_script
from plain_chain import decoded

from acoustic.model import AcousticModel
from common.cli import UserError
from evaluation import bench


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
    cpu, peak = bench.measured(["-c", bench.MEASURED, str(bench.SPEECH.parent.parent / "infer.py"), "--help"])
    assert 0 < cpu < 5 and peak < 1e9
    with pytest.raises(UserError, match="no-such-voice"):
        bench.start_up("no-such-voice", 1)


def test_a_reference_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"plain\.py: expected a Python file"):
        bench.load_reference(tmp_path / "plain.py")


def test_speech_is_as_long_as_asked_for():
    assert len(bench.speech(5.5)) == 88000 and np.abs(bench.speech(5.5)[-16000:]).max() > 0.05


@pytest.mark.slow
def test_the_command_prints_its_tables(tmp_path):
    parts = ("--parts", "start", "stages", "growth", "--sizes", "shipped", "--threads", 1, "--rounds", 1)
    arguments = ("evaluate.py", "bench", "kathleen", *parts, "--seconds", 2, "--growth", 2, 4)
    done = run_script(*arguments, "--json", tmp_path / "bench.json", cwd=bench.SCRIPT.parent)
    assert "| ratio |" in done.stdout and "| vocoder |" in done.stdout and "| 4 |" in done.stdout
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["growth"][1]["peak_gb"] > 0.1
