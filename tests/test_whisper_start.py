"""tools/whisper_start.py: one command from a data folder to a content encoder, in eight bits too."""

import json
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from test_whisper_encoder import FF, model_bin, whisper_weights

from checkpoints import models, store
from preprocessing.data_folder import DataFolder, save_array
from tools import export_weights, whisper_start

UNITS, KEYS = 40, [f"s/{number}" for number in range(6)]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder of vowels on several pitches with features and classes, and a preset of small sizes."""
    rng, folder = np.random.default_rng(0), DataFolder(tmp_path / "data" / "corpus")
    folder.root.mkdir(parents=True)
    folder.files = {key: tmp_path / f"{key}.wav" for key in KEYS}
    times = np.arange(UNITS * 320) / 16000
    for number, key in enumerate(KEYS):
        tone = sum(np.cos(2 * np.pi * h * (110 + 20 * number) * times) / h for h in range(1, 20))
        folder.save_prepared(key, 0.1 * tone + 0.01 * rng.standard_normal(len(times)))
        folder.save("units-discrete", key, np.zeros(UNITS, np.int16))
        save_array(tmp_path / "features" / f"{key}.npy", rng.standard_normal((UNITS, 12)).astype(np.float16))
    folder.write_json("split.json", {"train": KEYS, "val": [], "test": []})
    folder.write_json("units-discrete.json", {"features": str(tmp_path / "features")})
    save_array(folder.root / "kmeans.npy", rng.standard_normal((5, 12)).astype(np.float32))
    preset = tmp_path / "small.toml"
    preset.write_text(
        f'extends = "{(ROOT / "configs" / "tiny.toml").as_posix()}"\n'
        f"[hubert]\nlayers = 2\n[hubert.units]\ndim = 16\nheads = 2\nff = {FF}\nunit_dim = 8\n",
        encoding="utf-8",
    )
    monkeypatch.setattr("evaluation.whisper.base_files", lambda: {"model.bin": model_bin(whisper_weights())})
    return folder.root, preset


def made(monkeypatch, data, out, *options):
    root, preset = data
    monkeypatch.setattr(sys, "argv", ["x", str(root), str(out), "--config", str(preset), *options])
    assert whisper_start.main() == 0
    return store.load(out)


def test_copies_change_the_units_alone(tmp_path, monkeypatch, data, capsys):
    plain = made(monkeypatch, data, tmp_path / "plain.pt")
    still = made(monkeypatch, data, tmp_path / "still.pt", "--copies", "1", "--stillness", "50")
    assert "6 recordings, teacher R2" in capsys.readouterr().out
    differ = {n for n, t in still["model"].items() if not torch.equal(t, plain["model"][n])}
    fitted = {"proj", "teacher_head", "label_embedding"}
    assert {name.partition(".")[0] for name in differ} == fitted | {"masked_spec_embed"}  # that is random
    assert plain["config"]["model"]["ff"] == FF  # the whole of it


def test_eight_bits_give_the_same_units(tmp_path, monkeypatch, data):
    made(monkeypatch, data, tmp_path / "whole.pt")
    arguments = ["x", str(tmp_path / "whole.pt"), str(tmp_path / "small.safetensors"), "--int8"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert export_weights.main() == 0
    whole, small = (models.load_hubert(tmp_path / name) for name in ("whole.pt", "small.safetensors"))
    wav = DataFolder(data[0]).crop(KEYS[2], 0, None)
    with torch.no_grad():
        units, rounded = (model.units(torch.from_numpy(wav)[None, None])[0] for model in (whole, small))
    assert units.shape == (UNITS, 8)
    assert torch.cosine_similarity(units, rounded).min() > 0.99


def test_a_folder_without_classes_of_features_is_refused(tmp_path, monkeypatch, data):
    about = data[0] / "units-discrete.json"
    about.write_text(json.dumps({"features": ""}), encoding="utf-8")
    with pytest.raises(whisper_start.cli.UserError, match="no discrete units of Whisper's"):
        made(monkeypatch, data, tmp_path / "x.pt")
