"""preprocess.py where runs are interrupted, settings change, and files or memory fail."""

import os
import subprocess
import sys
from argparse import Namespace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from conftest import ROOT, micro_config, sing

import audio
from checkpoints import pipeline
from common.cli import UserError
from common.presets import load_config
from hubert_pitdyn import units
from preprocessing import acoustic, discrete, labels, moved_copies
from preprocessing.data_folder import DataFolder
from preprocessing.split import write_split

ARGUMENTS = {
    "force": False,
    "n_workers": 1,
    "device": "cpu",
    "features": "mfcc",
    "clusters": 6,
    "fit_frames": 1000,
    "seed": None,
    "encode": "songs",
    "encode_with": "hubert",
    "content": None,
    "augment_pitch": None,
    "augment_gain": None,
    "augment_copies": None,
}


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        (tmp_path / "wavs").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "wavs" / f"歌{number}.wav", sing(150, 250, 0.4, number), 16000)
    folder = DataFolder(tmp_path / "data" / "x")
    folder.connect(tmp_path / "wavs")
    write_split(folder)
    return folder


def run(verb, folder, config=None, **given) -> int:
    """One verb on a folder as a new process sees it."""
    return verb(DataFolder(folder.root), Namespace(**{**ARGUMENTS, **given}), config)


def preset(folder, **pit):
    config = load_config(micro_config(folder.root))
    config["labels"]["pit"].update(pit)
    return config


@pytest.mark.parametrize(("preset", "level"), [("base", -19.0), ("tiny", -26.0)])
def test_mels_have_the_level_of_their_preset_and_never_clip(folder, preset, level):
    key = next(iter(folder.files))
    pulses = np.zeros(16000, np.float32)
    pulses[::160] = 0.3  # peaks far above their level: 0.99 is reached below -19 dB
    folder.save_prepared(key, pulses)
    config = load_config(ROOT / "configs" / f"{preset}.toml")
    assert run(acoustic.make_mels, folder, config) == 0
    levelled = audio.set_level(folder.prepared(key), level)
    peak = float(np.abs(levelled).max())
    assert (peak > audio.PEAK_LIMIT) == (preset == "base")
    expected = audio.log_mel(levelled * np.float32(min(1.0, audio.PEAK_LIMIT / peak)))
    assert np.allclose(folder.read("mels", key), expected, atol=1e-4)
    assert folder.read_json("mels.json") == {"level_db": level}


def stop_after(monkeypatch, count: int, kind: str):
    """Ctrl-C at the array of `kind` that comes after `count` of them."""
    save, seen = DataFolder.save, []

    def stopping(self, of, key, array):
        seen.extend([key] * (of == kind))
        if len(seen) > count:
            raise KeyboardInterrupt
        save(self, of, key, array)

    monkeypatch.setattr(DataFolder, "save", stopping)


def classes(folder, kind: str) -> dict[str, list]:
    return {key: folder.read(kind, key).tolist() for key in folder.have(kind)}


def test_labels_of_two_presets_are_never_mixed(folder, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 2, "dyns")
        run(labels.make_labels, folder, preset(folder))
    assert len(folder.have("dyns")) == 2
    assert run(labels.make_labels, folder, preset(folder, bins=30)) == 0
    coarse = classes(folder, "pits")
    assert max(map(max, coarse.values())) <= 30
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 2, "dyns")
        run(labels.make_labels, folder, preset(folder))
    with pytest.raises(UserError, match="stats.json"):
        folder.stats()
    assert run(labels.make_labels, folder, preset(folder, bins=30)) == 0
    assert classes(folder, "pits") == coarse and folder.stats()["labels"]["pit"]["bins"] == 30


def test_a_file_that_fails_at_new_settings_keeps_no_old_labels(folder, monkeypatch):
    run(labels.make_labels, folder, preset(folder))
    label_file = labels.label_file

    def failing(table, folder, key):
        if key == "歌1":
            raise ValueError("no")
        label_file(table, folder, key)

    monkeypatch.setattr(labels, "label_file", failing)
    assert run(labels.make_labels, folder, preset(folder, bins=30)) == 1
    assert folder.have("pits") == ["歌0", "歌2", "歌3"]


def test_forced_labels_ask_the_other_trackers_again(folder):
    run(labels.make_labels, folder, preset(folder))
    folder.save("reference-fcpe-pyin", "歌0", np.zeros(3))
    run(labels.make_labels, folder, preset(folder))
    assert folder.have("reference-fcpe-pyin") == ["歌0"]
    run(labels.make_labels, folder, preset(folder), force=True)
    assert not folder.have("reference-fcpe-pyin") and len(folder.have("pits")) == 4


def test_interrupted_classes_go_on_with_the_same_centres(folder, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 2, "units-discrete")
        run(discrete.make_discrete, folder)
    assert len(folder.have("units-discrete")) == 2
    assert run(discrete.make_discrete, folder) == 0
    gone_on_with = classes(folder, "units-discrete"), (folder.root / "kmeans.npy").read_bytes()
    assert run(discrete.make_discrete, folder, force=True) == 0
    assert gone_on_with == (classes(folder, "units-discrete"), (folder.root / "kmeans.npy").read_bytes())


def test_classes_are_made_again_without_centres_or_of_another_checkpoint(folder, monkeypatch, capsys):
    run(discrete.make_discrete, folder)
    (folder.root / "kmeans.npy").unlink()
    run(discrete.make_discrete, folder)
    assert "discrete units of 4 files made" in capsys.readouterr().out
    run(discrete.make_discrete, folder, fit_frames=50)
    assert "other settings" in capsys.readouterr().out
    monkeypatch.setattr(discrete, "teacher_hash", lambda source: {"checkpoint": source[:4]})
    monkeypatch.setattr(discrete, "file_features", lambda *of: np.eye(40, 9, dtype="float16"))
    run(discrete.make_discrete, folder, features="best.pt:3")
    monkeypatch.setattr(discrete, "teacher_hash", lambda source: {"checkpoint": "other weights"})
    run(discrete.make_discrete, folder, features="best.pt:3")
    assert capsys.readouterr().out.count("discrete units of 4 files made") == 2


def test_classes_of_earlier_versions_stay(folder, capsys):
    run(discrete.make_discrete, folder)
    folder.write_json("units-discrete.json", {"features": "mfcc", "clusters": 6, "seed": 1234})
    run(discrete.make_discrete, folder)
    assert "discrete units of 0 files made, 4 there already" in capsys.readouterr().out


def test_features_that_fail_for_all_are_told(folder, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run(discrete.make_discrete, folder, features=str(tmp_path / "empty")) == 1
    assert "4 of 4 failed" in capsys.readouterr().err
    with pytest.raises(UserError, match="--features mfc: expected mfcc"):
        run(discrete.make_discrete, folder, features="mfc")
    with pytest.raises(UserError, match="gone.pt"):
        run(discrete.make_discrete, folder, features="gone.pt:3")


def test_copies_that_fail_count_as_failures(folder, monkeypatch, capsys):
    monkeypatch.setattr(moved_copies, "smooth", lambda *_: 1 / 0)
    assert run(acoustic.make_mels, folder, preset(folder), augment_gain=6.0) == 1
    out, err = capsys.readouterr()
    assert "mels of 4 files made, 0 there already, 3 failed" in out
    assert err.count("copies of 歌") == 3 and "division by zero" in err


def test_forced_mels_make_copies_again_and_keep_units_where_they_are_the_same(folder, monkeypatch, capsys):
    run(acoustic.make_mels, folder, preset(folder), augment_gain=6.0, augment_copies=2)
    copies = list(DataFolder(folder.root).copies)
    for key in copies:
        folder.save("units-pitdyn", key, np.zeros(3))
    run(acoustic.make_mels, folder, preset(folder), force=True)
    assert "6 pitch-shifted copies made" in capsys.readouterr().out
    assert all(folder.path("units-pitdyn", key).is_file() for key in copies)
    monkeypatch.setattr(moved_copies, "smooth", lambda count, *_: np.full(count, -3.0))
    run(acoustic.make_mels, folder, preset(folder), force=True)
    assert not any(folder.path("units-pitdyn", key).is_file() for key in copies)
    assert all(folder.path("mels", key).is_file() for key in copies)


class SmallMemory:
    """An encoder that cannot take more than 12000 samples."""

    unit_dim = 2
    content = SimpleNamespace(proj=SimpleNamespace(weight=torch.zeros(1)))

    def analyse(self, wav, lengths):
        if wav.shape[-1] > 12000:
            raise RuntimeError("cannot allocate memory")
        return units.Analysis(*[wav[:, 0].unflatten(-1, (-1, 320))[..., :2]] * 3)

    def embed(self, analysis):
        return analysis.content


def test_memory_that_is_too_small_for_one_recording_fails_that_one(folder, monkeypatch, capsys):
    soundfile.write(folder.wavs / "長い.wav", sing(150, 250, 1.0, 9), 16000)
    cards = {"content": {"name": "c", "hash": "1"}}
    parts = SimpleNamespace(encoder=SmallMemory(), cards=cards, tables={}, prosody=lambda a: np.ones((9, 2)))
    monkeypatch.setattr(pipeline, "load_encoder", lambda *_, **__: parts)
    assert run(acoustic.make_units, folder, preset(folder)) == 1
    out, err = capsys.readouterr()
    assert "units of 4 files made, 0 there already, 1 failed" in out
    assert "長い: cannot allocate memory" in err
    assert folder.read_json("encoder.json")["encoders"] == cards and len(folder.have("units-pitdyn")) == 4
    monkeypatch.setattr(SmallMemory, "analyse", lambda *_: 1 / 0)
    assert run(acoustic.make_units, folder, preset(folder)) == 1
    assert "units of 0 files made, 4 there already, 1 failed" in capsys.readouterr().out


def test_labels_load_no_torch_and_read_their_preset_once(folder):
    code = """
import sys
from common import presets
import preprocess
read, calls = presets.load_config, []
presets.load_config = lambda *a: calls.append(a) or read(*a)
from preprocessing import presets as noted
noted.load_config = presets.load_config
sys.argv = ["preprocess.py", "x", "--pitdyn", "--n_workers", "1", "--config", sys.argv[1]]
code = preprocess.main()
print(code, "torch" in sys.modules, len(calls))
"""
    where = folder.root.parent.parent
    command = [sys.executable, "-c", code, str(micro_config(where))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, encoding="utf-8")
    assert done.stdout.splitlines()[-1] == "0 False 1", done.stderr
    assert len(folder.have("pits")) == 4
