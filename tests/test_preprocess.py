"""preprocess.py where runs are interrupted, settings change, and files or memory fail."""

from argparse import Namespace

import numpy as np
import pytest
import soundfile
from conftest import micro_config, sing

import features
import preprocess
from cli import UserError
from config import load_config
from datafolder import DataFolder

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
    folder.write_split()
    return folder


def run(verb, folder, config=None, **given) -> int:
    """One verb on a folder as a new process sees it."""
    return verb(DataFolder(folder.root), Namespace(**{**ARGUMENTS, **given}), config)


def labels(folder, **pit):
    config = load_config(micro_config(folder.root))
    config["labels"]["pit"].update(pit)
    return config


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
        run(preprocess.make_labels, folder, labels(folder))
    assert len(folder.have("dyns")) == 2
    assert run(preprocess.make_labels, folder, labels(folder, bins=30)) == 0
    coarse = classes(folder, "pits")
    assert max(map(max, coarse.values())) <= 30
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 2, "dyns")
        run(preprocess.make_labels, folder, labels(folder))
    with pytest.raises(UserError, match="stats.json"):
        folder.stats()
    assert run(preprocess.make_labels, folder, labels(folder, bins=30)) == 0
    assert classes(folder, "pits") == coarse and folder.stats()["labels"]["pit"]["bins"] == 30


def test_a_file_that_fails_at_new_settings_keeps_no_old_labels(folder, monkeypatch):
    run(preprocess.make_labels, folder, labels(folder))
    label_file = preprocess.label_file

    def failing(root, table, key):
        if key == "歌1":
            raise ValueError("no")
        label_file(root, table, key)

    monkeypatch.setattr(preprocess, "label_file", failing)
    assert run(preprocess.make_labels, folder, labels(folder, bins=30)) == 1
    assert folder.have("pits") == ["歌0", "歌2", "歌3"]


def test_interrupted_classes_go_on_with_the_same_centres(folder, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 2, "units-discrete")
        run(preprocess.make_discrete, folder)
    assert len(folder.have("units-discrete")) == 2
    assert run(preprocess.make_discrete, folder) == 0
    gone_on_with = classes(folder, "units-discrete"), (folder.root / "kmeans.npy").read_bytes()
    assert run(preprocess.make_discrete, folder, force=True) == 0
    assert gone_on_with == (classes(folder, "units-discrete"), (folder.root / "kmeans.npy").read_bytes())


def test_classes_are_made_again_without_centres_or_of_another_checkpoint(folder, monkeypatch, capsys):
    run(preprocess.make_discrete, folder)
    (folder.root / "kmeans.npy").unlink()
    run(preprocess.make_discrete, folder)
    assert "discrete units of 4 files made" in capsys.readouterr().out
    run(preprocess.make_discrete, folder, fit_frames=50)
    assert "other settings" in capsys.readouterr().out
    monkeypatch.setattr(features, "weights", lambda source: {"checkpoint": source[:4]})
    monkeypatch.setattr(features, "of_file", lambda *of: np.eye(40, 9, dtype="float16"))
    run(preprocess.make_discrete, folder, features="best.pt:3")
    monkeypatch.setattr(features, "weights", lambda source: {"checkpoint": "other weights"})
    run(preprocess.make_discrete, folder, features="best.pt:3")
    assert capsys.readouterr().out.count("discrete units of 4 files made") == 2


def test_classes_of_earlier_versions_stay(folder, capsys):
    run(preprocess.make_discrete, folder)
    folder.write_json("units-discrete.json", {"features": "mfcc", "clusters": 6, "seed": 1234})
    run(preprocess.make_discrete, folder)
    assert "discrete units of 0 files made, 4 there already" in capsys.readouterr().out


def test_features_that_cannot_be_are_refused(folder):
    with pytest.raises(UserError, match="--features mfc: expected mfcc"):
        run(preprocess.make_discrete, folder, features="mfc")
    with pytest.raises(UserError, match="gone.pt"):
        run(preprocess.make_discrete, folder, features="gone.pt:3")
