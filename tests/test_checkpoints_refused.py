"""What the loaders of checkpoints do not take, and the sentence they say then."""

import random
import zipfile
from collections import OrderedDict

import pytest
import torch
from checkpoint_files import sentence, tiny

from checkpoints import file_format, models, store


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


class Buffer:
    """Unpickled, so many bytes."""

    def __reduce__(self):
        return bytearray, (1 << 30,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_asks_for_more_memory_than_it_has_bytes_is_refused_first(tmp_path, monkeypatch, zipped):
    path, weights = tmp_path / "m.pt", {"conv_pre.bias": torch.zeros(200)}
    torch.save({**weights, "a": Buffer()}, path, _use_new_zipfile_serialization=zipped)
    monkeypatch.setattr(torch, "load", lambda *_, **__: 1 / 0)
    assert "Python objects (builtins.bytearray)" in sentence(models.load_vocoder, path)
    torch.save(weights, path, _use_new_zipfile_serialization=zipped)
    # The count of numbers in the storage, in the pickle: K is one byte, J are four.
    content = path.read_bytes().replace(b"K\xc8", b"J\x00\x00\x00\x10", 1)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            records = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, record in records.items():
                archive.writestr(name, record.replace(b"K\xc8", b"J\x00\x00\x00\x10", 1))
    else:
        path.write_bytes(content)
    text = sentence(models.load_vocoder, path)
    assert text.startswith("FILE is damaged: it declares 1073741824 bytes")


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_either_format_are_read(tmp_path, zipped):
    state = {"a": torch.randn(3, 5), "b": torch.arange(4), "c": torch.zeros(2, dtype=torch.bfloat16)}
    shared = {**state, "view": state["a"][1:], "words": ["x", (1, 2)], "size": torch.Size([3])}
    torch.save(OrderedDict(shared), tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    read = file_format.read(tmp_path / "m.pt", "a file")
    assert all(read[name].equal(tensor) for name, tensor in state.items())
    assert read["words"] == shared["words"]


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
