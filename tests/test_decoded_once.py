"""A run of preprocess.py decodes each recording once, later ones use its arrays; its processes start once."""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import soundfile
from conftest import ROOT, micro_config, sing

import preprocess
from common import decoding, workers
from preprocessing import given_f0, steps

COPIES = ("--augment_pitch", "3", "--augment_copies", "2")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs preprocess.py on three recordings, one with its F0, in this process."""
    (tmp_path / "data").mkdir()
    (tmp_path / "wavs").mkdir()
    for number in range(3):
        soundfile.write(tmp_path / "wavs" / f"歌{number}.wav", sing(150, 250, 0.4, number), 16000)
    given_f0.write(tmp_path / "wavs" / "歌0.wav", np.array([0.0, 0.6]), np.array([150.0, 250.0]))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, config=None, workers=1) -> int:
        given = ["--wavs", "wavs", "--config", str(config or micro_config(tmp_path)), *arguments]
        monkeypatch.setattr(sys, "argv", ["preprocess.py", "x", *given, "--n_workers", str(workers)])
        return steps.preprocess(preprocess.parse_args())

    return run


@pytest.fixture
def decoded(monkeypatch):
    """{recording: how often it was decoded}."""
    counts = Counter()
    read = decoding.read
    monkeypatch.setattr(decoding, "read", lambda path: (counts.update([path.name]), read(path))[1])
    return counts


def once(counts: Counter) -> bool:
    return counts == {f"歌{number}.wav": 1 for number in range(3)}


@pytest.mark.parametrize("verbs", [("--pitdyn",), ("--mel", *COPIES), ("--discrete", "--clusters", "4")])
def test_a_run_decodes_each_recording_once(run, decoded, verbs):
    assert run(*verbs) == 0 and once(decoded)
    decoded.clear()
    assert run(*verbs, "--force") == 0 and once(decoded)


def test_later_runs_use_what_is_prepared(run, decoded):
    assert run("--mel", *COPIES) == 0
    decoded.clear()
    assert run("--discrete", "--clusters", "4") == 0 and run("--mel") == 0 and not decoded
    assert run("--pitdyn") == 0 and decoded == {"歌0.wav": 1}  # its table counts from where it was trimmed


@pytest.mark.slow
def test_labels_of_the_original_recipe_decode_once_too(run, decoded):
    assert run("--pitdyn", config=ROOT / "configs" / "original.toml") == 0 and once(decoded)
    decoded.clear()
    assert run("--pitdyn", "--force", config=ROOT / "configs" / "original.toml") == 0 and once(decoded)


@pytest.mark.slow
def test_units_decode_once(run, decoded, monkeypatch, tmp_path):
    (tmp_path / "out").symlink_to(ROOT / "out", target_is_directory=True)
    assert run("--encode", "demo", *COPIES, config=ROOT / "configs" / "tiny.toml") == 0 and once(decoded)


@pytest.mark.slow
def test_processes_start_once_for_all_stages_of_a_run(run, monkeypatch):
    made, stages = [], []

    class Pool(ProcessPoolExecutor):
        def __init__(self, *arguments, **more):
            made.append(self)
            super().__init__(*arguments, **more)

    each = workers.Pool.outcomes
    monkeypatch.setattr(workers, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(workers.Pool, "outcomes", lambda *a: (stages.append(len(a[2])), each(*a))[1])
    assert run("--mel", *COPIES, "--force", workers=2) == 0
    assert len(made) == 1 and len([count for count in stages if count > 1]) == 2  # copies and mels
    assert run("--mel", *COPIES, "--force", workers=2) == 0
    assert len(made) == 2 and len(stages) == 5  # decoded again before
