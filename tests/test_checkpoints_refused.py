"""What the loaders of checkpoints do not take, and the sentence they say then."""

import random

import torch
from checkpoint_files import sentence, tiny

from checkpoints import models, store


def test_load_explains_what_it_cannot_take(tmp_path, stored):
    missing = tmp_path / "nothing.pt"
    assert sentence(store.load, missing).startswith("FILE does not exist, expected a checkpoint of this")
    assert sentence(store.load, tmp_path).startswith("FILE is a folder, expected a checkpoint of this")
    wav = tmp_path / "a.pt"
    wav.write_bytes(b"RIFF\x00\x00\x00\x00WAVE" * 9)
    assert "FILE is no PyTorch file (108 bytes, begins with b'RIFF" in sentence(store.load, wav)
    wav.write_bytes(b"")
    assert "FILE is no PyTorch file (0 bytes" in sentence(store.load, wav)
    path = tmp_path / "cut.pt"
    store.save(path, tiny("hubert-units")[0])
    path.write_bytes(path.read_bytes()[:-2000])
    assert "FILE is cut short or damaged" in sentence(store.load, path)
    assert "Python objects (random.Random)" in sentence(store.load, stored({"a": random.Random()}))
    assert "FILE holds no weights" in sentence(store.load, stored({"weight": torch.ones(1)}))
    assert "FILE holds no weights" in sentence(store.load, stored([torch.ones(1)]))
    official = stored({"hubert": {"feature_extractor.conv0.weight": torch.ones(1)}})
    assert "FILE is a hubert checkpoint, expected a checkpoint of this" in sentence(store.load, official)
    newer = stored({"format": "hubert-pitdyn", "version": 2})
    assert "FILE has version 2, expected at most 1" in sentence(store.load, newer)
    other = stored({"format": "hubert-pitdyn", "version": 1, "kind": "x", "model": {}, "config": {}})
    assert "FILE is of kind 'x'" in sentence(store.load, other)


def test_loaders_name_what_they_got(tmp_path):
    files = {kind: tmp_path / f"{kind}.pt" for kind in ("hubert-units", "acoustic", "hifigan", "head-pits")}
    for kind, path in files.items():
        store.save(path, tiny(kind)[0])
    hubert, acoustic, vocoder, head = files.values()
    text = sentence(models.load_hubert, vocoder)
    assert text.startswith("FILE is a hifigan checkpoint, expected a HuBERT (official hubert-soft")
    assert "FILE is a head-pits checkpoint, expected a HuBERT" in sentence(models.load_hubert, head)
    assert "FILE is an acoustic checkpoint, expected a vocoder" in sentence(models.load_vocoder, acoustic)
    assert "FILE is a hubert-units checkpoint, expected an ac" in sentence(models.load_acoustic, hubert)
    for loader in (models.load_hubert, models.load_acoustic, models.load_vocoder):
        assert "FILE does not exist, expected a" in sentence(loader, tmp_path / "none.pt")


def test_official_files_given_to_the_wrong_loader(stored, vocoder_state, acoustic_states):
    assert "FILE is a hifigan checkpoint" in sentence(models.load_hubert, stored(vocoder_state))
    acoustic = stored({"acoustic-model": acoustic_states["acoustic-pitdyn"]})
    assert "FILE is an acoustic checkpoint" in sentence(models.load_vocoder, acoustic)
    kmeans = stored({"n_features_in_": 2, "cluster_centers_": torch.ones(3, 2)})
    assert "FILE is a kmeans checkpoint" in sentence(models.load_acoustic, kmeans)


def test_other_sizes_and_missing_or_unknown_tensors(tmp_path, stored):
    data, model = tiny("hubert-units")
    text = sentence(models.load_hubert, stored({"hubert": model.state_dict()}))
    assert "does not fit Hubert of its sizes: it has masked_spec_embed of shape [32], not [768] and" in text
    state = dict(model.state_dict())
    del state["proj.bias"]
    store.save(tmp_path / "m.pt", {**data, "model": state})
    assert sentence(models.load_hubert, tmp_path / "m.pt").endswith("it has no proj.bias")
    store.save(tmp_path / "m.pt", {**data, "model": {**model.state_dict(), "extra": torch.ones(1)}})
    assert sentence(models.load_hubert, tmp_path / "m.pt").endswith("it has an unknown extra")
    changed = {**model.state_dict(), "proj.bias": torch.ones(3)}
    store.save(tmp_path / "m.pt", {**data, "model": changed})
    assert "proj.bias of shape [3], not [12]" in sentence(models.load_hubert, tmp_path / "m.pt")
    store.save(tmp_path / "m.pt", {**data, "config": {"model": {"depth": 3}}})
    assert "sizes that Hubert does not take" in sentence(models.load_hubert, tmp_path / "m.pt")
