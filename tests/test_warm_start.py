"""What a HuBERT takes over from another: never the embedding of other classes."""

import argparse

import numpy as np
import pytest
import torch
from small_runs import small_run

from audio import encoder_input
from checkpoints import models, store
from common.presets import load_config
from hubert_pitdyn.model import Hubert
from preprocessing.data_folder import DataFolder
from training.warm_start import not_taken, warm_start

SIZES = {"dim": 16, "conv_dim": 8, "heads": 2, "ff": 16, "layers": 1, "pos_kernel": 8, "pos_groups": 2}
TABLES = load_config()["labels"]
OTHER = {**TABLES["pit"], "f_min": 60.0}


def saved(path, kind, labels, classes=100):
    torch.manual_seed(1)
    unit_kind = "content" if kind == "hubert-units" else "label"
    sizes = {**SIZES, "classes": classes, "unit_kind": unit_kind}
    model = Hubert(**sizes)
    about = {"kind": kind, "config": {"model": sizes, "toml": {}}, "labels": labels, "card": {}}
    store.save(path, {**about, "model": model.state_dict()})
    return model.state_dict()


@pytest.mark.parametrize(
    ("kind", "theirs", "embds_dn", "fresh"),
    [
        ("hubert-units", {"units": {"clusters": 100}}, "pits", {"label_embedding", "proj"}),
        ("hubert-dyns", {"dyn": TABLES["dyn"]}, "pits", {"label_embedding", "proj"}),
        ("hubert-pits", {"pit": TABLES["pit"]}, "dyns", {"label_embedding", "proj"}),
        ("hubert-pits", {"pit": TABLES["pit"]}, "pits", set()),
        ("hubert-pits", {"pit": OTHER}, "pits", {"label_embedding"}),
        ("hubert-units", {"units": {"clusters": 100, "seed": 2}}, "units", {"label_embedding"}),
    ],
)
def test_classes_are_not_taken_over_between_kinds(tmp_path, caplog, kind, theirs, embds_dn, fresh):
    caplog.set_level("INFO")
    path = tmp_path / "other.pt"
    their_weights = saved(path, kind, theirs)
    torch.manual_seed(2)
    model = Hubert(**SIZES, classes=100)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    args = argparse.Namespace(warmstart=path, embds_dn=embds_dn, content=None)
    labels = {**TABLES, "units": {"clusters": 100, "seed": 1}}
    warm_start(model, args, small_run(tmp_path, embds_dn), DataFolder(tmp_path / "data" / "v"), labels)
    for name, weight in model.state_dict().items():
        own = name.split(".")[0] in fresh
        assert torch.equal(weight, before[name] if own else their_weights[name]), name
    assert all(name in caplog.text.split("new:")[1] for name in fresh)


def test_a_fixed_norm_begins_as_what_the_norm_over_recordings_does_to_them(tmp_path):
    path = tmp_path / "other.pt"
    saved(path, "hubert-pits", {"pit": TABLES["pit"]})
    folder = DataFolder(tmp_path / "data" / "v")
    rng = np.random.default_rng(3)
    for key in ("a", "b"):
        folder.save_prepared(key, rng.standard_normal(320 * 60).astype(np.float32))
        folder.save("pits", key, np.zeros(60, np.uint8))
    folder.write_json("split.json", {"train": ["a", "b"], "val": ["b"]})
    fixed = Hubert(**SIZES, classes=100, norm="fixed", unit_kind="label").eval()
    args = argparse.Namespace(warmstart=path, embds_dn="pits", content=None)
    warm_start(fixed, args, small_run(tmp_path, "pits"), folder, TABLES)
    wav = torch.from_numpy(encoder_input(folder.prepared("a")))[None, None]
    features = models.load_hubert(path).features(wav)
    assert torch.allclose(fixed.features(wav), features, atol=0.15 * float(features.std()))
    # And no moment of a recording changes another one any more.
    louder = torch.cat([wav, 10 * wav], dim=-1)
    assert torch.allclose(fixed.features(louder)[:, :50], fixed.features(wav)[:, :50], atol=1e-6)


def test_an_official_files_classes_are_its_own():
    official = {"hubert": {}}
    assert set(not_taken(official, "hubert-pits", TABLES)) >= {"label_embedding.", "proj."}
    assert not_taken(official, "hubert-units", {"units": {}}) == ("label_embedding.",)
