"""Checkpoints: round trips, what the loaders accept, and the sentence for what they do not."""

import importlib.util
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import cards
import checkpoints
import weight_files
from audio import N_MELS
from cli import UserError

GOLDEN = Path(__file__).parent / "golden"
TINY_HUBERT = {
    "classes": 7,
    "dim": 32,
    "conv_dim": 16,
    "heads": 2,
    "ff": 48,
    "layers": 2,
    "pos_kernel": 8,
    "pos_groups": 2,
    "unit_dim": 12,
}
TINY_ACOUSTIC = {"in_dim": 36, "prenet_dim": 16, "conv_dim": 16, "mel_prenet_dim": 8, "lstm_dim": 24}
TINY_VOCODER = {"channels": 32}


def load_make_state():
    spec = importlib.util.spec_from_file_location("make_state", GOLDEN / "make_state.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_state


make_state = load_make_state()


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "golden.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="module")
def hubert_state():
    return make_state("hubert-soft")


@pytest.fixture(scope="module")
def vocoder_state():
    return make_state("hifigan-hubert-soft")


@pytest.fixture(scope="module")
def acoustic_states():
    return {name: make_state(name) for name in ("acoustic-hubert-soft", "acoustic-pitdyn")}


@pytest.fixture
def stored(tmp_path):
    """Save anything the way torch does; the file goes at the end of the test (hundreds of megabytes)."""
    path = tmp_path / "声 weights.pt"

    def store(data):
        torch.save(data, path)
        return path

    yield store
    path.unlink(missing_ok=True)


def old_names(state):
    return {weight_files.canonical(name): tensor for name, tensor in state.items()}


def prefixed(state):
    return {f"module.{name}": tensor for name, tensor in state.items()}


def tiny(kind, **extra):
    """A small checkpoint of ours and the model it was made of."""
    from acoustic.model import AcousticModel
    from hubert_pitdyn.model import Hubert
    from vocoder.generator import Generator

    build, sizes = {"acoustic": (AcousticModel, TINY_ACOUSTIC), "hifigan": (Generator, TINY_VOCODER)}.get(
        kind, (Hubert, TINY_HUBERT)
    )
    torch.manual_seed(0)
    if kind in ("hubert-pits", "hubert-dyns"):
        sizes = {**sizes, "unit_kind": "label"}
    model = build(**sizes).eval().requires_grad_(False)  # with gradients on, torch rounds differently
    config = {"model": sizes, "toml": {}}
    data = {"kind": kind, "model": model.state_dict(), "config": config, "labels": None, "card": {}, **extra}
    return data, model


def sentence(call, *args):
    with pytest.raises(UserError) as error:
        call(*args)
    text = str(error.value)
    assert "\n" not in text and len(text) < 400 and str(args[0]) in text
    return text.replace(str(args[0]), "FILE")


def assert_ready(model):
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


# Saving and reading


def test_round_trip_of_everything_a_checkpoint_holds(tmp_path):
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    training = {
        "optimizer": optimizer.state_dict(),
        "step": np.int64(7),
        "best": np.float32(0.5),
        "random": random.getstate(),
        "torch": torch.get_rng_state(),
    }
    path = tmp_path / "声" / "new" / "model-7.pt"
    checkpoints.save(
        path,
        {
            "kind": "head-pits",
            "model": model.state_dict(),
            "config": {"model": {"rates": (10, 4)}, "toml": {"data": Path("a") / "b"}},
            "labels": {"pit": {"low": np.float64(50.0)}},
            "card": cards.card(hours=np.float64(1.5)),
            "training": training,
        },
    )
    back = checkpoints.load(path)
    assert (back["format"], back["version"], back["kind"]) == ("hubert-pitdyn", 1, "head-pits")
    assert torch.equal(back["model"]["weight"], model.weight)
    assert back["config"] == {"model": {"rates": (10, 4)}, "toml": {"data": "a/b"}}
    assert back["labels"] == {"pit": {"low": 50.0}} and back["card"]["hours"] == 1.5
    assert (back["training"]["step"], back["training"]["best"]) == (7, 0.5)
    random.setstate(back["training"]["random"])
    torch.set_rng_state(back["training"]["torch"])
    other = torch.optim.AdamW(torch.nn.Linear(3, 2).parameters())
    other.load_state_dict(back["training"]["optimizer"])
    moments = optimizer.state_dict()["state"][0]["exp_avg"]
    assert torch.equal(other.state_dict()["state"][0]["exp_avg"], moments) and moments.abs().sum() > 0
    assert [p.name for p in path.parent.iterdir()] == ["model-7.pt"]


def test_save_refuses_what_load_would_refuse(tmp_path):
    data = {"kind": "acoustic", "model": {}, "config": {"model": {"x": np.zeros(2)}}, "card": {}}
    with pytest.raises(TypeError, match=r"\['config'\]\['model'\]\['x'\] is a ndarray"):
        checkpoints.save(tmp_path / "m.pt", data)
    with pytest.raises(ValueError, match="'vocoder' is none of hubert-units"):
        checkpoints.save(tmp_path / "m.pt", {**data, "kind": "vocoder"})
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model-best.pt"
    data = {"kind": "acoustic", "model": {"w": torch.ones(3)}, "config": {}, "card": {}}
    checkpoints.save(path, data)

    def break_off(obj, stream):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", break_off)
    assert "FILE could not be written" in sentence(checkpoints.save, path, {**data, "model": {}})
    assert torch.equal(checkpoints.load(path)["model"]["w"], torch.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["model-best.pt"]


def test_save_waits_for_a_reader_on_windows(tmp_path, monkeypatch):
    replace, calls = os.replace, []

    def refuse_twice(part, path):
        calls.append(path)
        if len(calls) < 3:
            raise PermissionError(13, "in use")
        replace(part, path)

    monkeypatch.setattr(checkpoints.os, "replace", refuse_twice)
    monkeypatch.setattr(checkpoints.time, "sleep", lambda seconds: None)
    checkpoints.save(tmp_path / "m.pt", {"kind": "acoustic", "model": {}, "config": {}, "card": {}})
    assert len(calls) == 3 and checkpoints.load(tmp_path / "m.pt")["model"] == {}


def test_load_explains_what_it_cannot_take(tmp_path, stored):
    missing = tmp_path / "nothing.pt"
    assert sentence(checkpoints.load, missing).startswith(
        "FILE does not exist, expected a checkpoint of this"
    )
    assert sentence(checkpoints.load, tmp_path).startswith("FILE is a folder, expected a checkpoint of this")
    wav = tmp_path / "a.pt"
    wav.write_bytes(b"RIFF\x00\x00\x00\x00WAVE" * 9)
    assert "FILE is no PyTorch file (108 bytes, begins with b'RIFF" in sentence(checkpoints.load, wav)
    wav.write_bytes(b"")
    assert "FILE is no PyTorch file (0 bytes" in sentence(checkpoints.load, wav)
    path = tmp_path / "cut.pt"
    checkpoints.save(path, tiny("hubert-units")[0])
    path.write_bytes(path.read_bytes()[:-2000])
    assert "FILE is cut short or damaged" in sentence(checkpoints.load, path)
    assert "Python objects (random.Random)" in sentence(checkpoints.load, stored({"a": random.Random()}))
    assert "FILE holds no weights" in sentence(checkpoints.load, stored({"weight": torch.ones(1)}))
    assert "FILE holds no weights" in sentence(checkpoints.load, stored([torch.ones(1)]))
    official = stored({"hubert": {"feature_extractor.conv0.weight": torch.ones(1)}})
    assert "FILE is a hubert checkpoint, expected a checkpoint of this" in sentence(
        checkpoints.load, official
    )
    newer = stored({"format": "hubert-pitdyn", "version": 2})
    assert "FILE has version 2, expected at most 1" in sentence(checkpoints.load, newer)
    other = stored({"format": "hubert-pitdyn", "version": 1, "kind": "x", "model": {}, "config": {}})
    assert "FILE is of kind 'x'" in sentence(checkpoints.load, other)


# Official files


@pytest.mark.parametrize("wrapping", ["v0.1", "v0.2", "v0.1 module.", "v0.2 module."])
def test_official_hubert_in_every_wrapping(wrapping, hubert_state, stored, golden):
    state = old_names(hubert_state) if wrapping.startswith("v0.1") else hubert_state
    state = prefixed(state) if wrapping.endswith("module.") else state
    path = stored(state if wrapping.startswith("v0.1") else {"hubert": state, "step": 1})
    model = checkpoints.load_hubert(path)
    assert_ready(model)
    for name, tensor in old_names(model.state_dict()).items():
        assert torch.equal(tensor, old_names(hubert_state)[name]), name
    if wrapping == "v0.1 module.":
        units = model.units(golden["wav"])
        assert not units.requires_grad
        assert (units - golden["hubert_soft.units"]).abs().max() < 1e-4


def test_official_hubert_discrete_has_504_classes(hubert_state, stored):
    state = {**hubert_state, "label_embedding.weight": torch.randn(504, 256)}
    model = checkpoints.load_hubert(stored({"hubert": state}))
    assert model(torch.randn(1, 1, 3200)).shape == (1, 10, 504)
    assert model.units(torch.randn(1, 1, 3200)).shape == (1, 10, 256)


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(("name", "inputs"), [("acoustic-hubert-soft", 256), ("acoustic-pitdyn", 768)])
def test_official_acoustic_of_both_sizes(name, inputs, wrapped, prefix, acoustic_states, stored, golden):
    state = prefixed(acoustic_states[name]) if prefix else acoustic_states[name]
    model = checkpoints.load_acoustic(stored({"acoustic-model": state} if wrapped else state))
    assert_ready(model)
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, acoustic_states[name][key]), key
    if not wrapped:
        assert model.generate(torch.randn(1, 3, inputs)).shape == (1, 6, N_MELS)
    elif name == "acoustic-hubert-soft" and not prefix:
        mel = model.generate(golden["hubert_soft.units"])
        assert (mel - golden["acoustic_soft.generate"]).abs().max() < 1e-3


@pytest.mark.parametrize("wrapping", ["flat", "module.", "generator", "generator model"])
def test_official_vocoder_in_every_wrapping(wrapping, vocoder_state, stored, golden):
    state = prefixed(vocoder_state) if "module." in wrapping else vocoder_state
    if wrapping.startswith("generator"):
        state = {"generator": {"model": prefixed(state)} if "model" in wrapping else state, "loss": 1.0}
    model = checkpoints.load_vocoder(stored(state))
    assert_ready(model)
    assert "conv_pre.weight" in model.state_dict()
    assert not [name for name in model.state_dict() if "weight_" in name or "parametrizations" in name]
    if wrapping == "flat":
        wav = model(golden["acoustic_soft.generate"].transpose(1, 2))
        assert not wav.requires_grad and (wav - golden["hifigan.wav"]).abs().max() < 1e-4
    else:
        assert model(torch.randn(1, N_MELS, 4)).shape == (1, 1, 640)


def test_official_kmeans(stored):
    centres = torch.randn(100, 768)
    path = stored({"n_features_in_": 768, "_n_threads": 4, "cluster_centers_": centres})
    loaded = checkpoints.load_kmeans(path)
    assert loaded.dtype == np.float32 and loaded.shape == (100, 768)
    assert np.array_equal(loaded, centres.numpy())


# Our files


@pytest.mark.parametrize(
    ("kind", "unit_kind"), [("hubert-units", "content"), ("hubert-pits", "label"), ("hubert-dyns", "label")]
)
def test_own_hubert(tmp_path, kind, unit_kind):
    data, model = tiny(kind)
    path = tmp_path / "model-best.pt"
    checkpoints.save(path, {**data, "model": prefixed(data["model"])})
    loaded = checkpoints.load_hubert(path)
    assert_ready(loaded)
    assert loaded.unit_kind == unit_kind
    wav = torch.randn(2, 1, 3200)
    assert torch.equal(loaded.units(wav), model.units(wav)) and loaded.units(wav).shape == (2, 10, 12)
    again = checkpoints.load_hubert(path, checkpoints.load(path))
    assert torch.equal(again.units(wav), loaded.units(wav))


def test_own_acoustic(tmp_path):
    data, model = tiny("acoustic")
    checkpoints.save(tmp_path / "m.pt", data)
    loaded = checkpoints.load_acoustic(tmp_path / "m.pt")
    assert_ready(loaded)
    units = torch.randn(2, 5, 36)
    assert torch.equal(loaded.generate(units), model.generate(units))
    assert loaded.generate(units).shape == (2, 10, N_MELS)
    mels = torch.randn(2, 10, N_MELS)
    assert torch.equal(loaded(units, mels), model(units, mels))


def test_other_number_types_in_a_file_become_float32(tmp_path):
    data, model = tiny("acoustic")
    checkpoints.save(tmp_path / "m.pt", {**data, "model": {k: v.double() for k, v in data["model"].items()}})
    loaded = checkpoints.load_acoustic(tmp_path / "m.pt")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert torch.equal(loaded.generate(torch.ones(1, 3, 36)), model.generate(torch.ones(1, 3, 36)))


def test_loading_draws_no_random_numbers(tmp_path):
    """A run that loads an encoder first would otherwise differ from one that finds its units cached."""
    for kind in ("hubert-pits", "acoustic", "hifigan"):
        checkpoints.save(tmp_path / f"{kind}.pt", tiny(kind)[0])
    before = torch.get_rng_state()
    checkpoints.load_hubert(tmp_path / "hubert-pits.pt")
    checkpoints.load_acoustic(tmp_path / "acoustic.pt")
    checkpoints.load_vocoder(tmp_path / "hifigan.pt")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("folded", [False, True])
def test_own_vocoder(tmp_path, folded):
    data, model = tiny("hifigan")
    mel = torch.randn(2, N_MELS, 4)
    with torch.no_grad():
        expected = model(mel)
    if folded:
        model.remove_weight_norm()
    checkpoints.save(tmp_path / "m.pt", {**data, "model": model.state_dict()})
    loaded = checkpoints.load_vocoder(tmp_path / "m.pt")
    assert_ready(loaded)
    assert loaded(mel).shape == (2, 1, 640)
    assert (loaded(mel) - expected).abs().max() < 1e-5


# Files that do not fit


def test_loaders_name_what_they_got(tmp_path):
    files = {kind: tmp_path / f"{kind}.pt" for kind in ("hubert-units", "acoustic", "hifigan", "head-pits")}
    for kind, path in files.items():
        checkpoints.save(path, tiny(kind)[0])
    hubert, acoustic, vocoder, head = files.values()
    text = sentence(checkpoints.load_hubert, vocoder)
    assert text.startswith("FILE is a hifigan checkpoint, expected a HuBERT (official hubert-soft")
    assert "FILE is a head-pits checkpoint, expected a HuBERT" in sentence(checkpoints.load_hubert, head)
    assert "FILE is an acoustic checkpoint, expected a vocoder" in sentence(
        checkpoints.load_vocoder, acoustic
    )
    assert "FILE is a hubert-units checkpoint, expected an ac" in sentence(checkpoints.load_acoustic, hubert)
    assert "FILE is a hubert-units checkpoint, expected k-means" in sentence(checkpoints.load_kmeans, hubert)
    for loader in (checkpoints.load_hubert, checkpoints.load_acoustic, checkpoints.load_vocoder):
        assert "FILE does not exist, expected a" in sentence(loader, tmp_path / "none.pt")


def test_official_files_given_to_the_wrong_loader(stored, vocoder_state, acoustic_states):
    assert "FILE is a hifigan checkpoint" in sentence(checkpoints.load_hubert, stored(vocoder_state))
    acoustic = stored({"acoustic-model": acoustic_states["acoustic-pitdyn"]})
    assert "FILE is an acoustic checkpoint" in sentence(checkpoints.load_vocoder, acoustic)
    kmeans = stored({"n_features_in_": 2, "cluster_centers_": torch.ones(3, 2)})
    assert "FILE is a kmeans checkpoint" in sentence(checkpoints.load_acoustic, kmeans)
    assert "shape [3], expected k-means" in sentence(
        checkpoints.load_kmeans, stored({"cluster_centers_": torch.ones(3)})
    )


def test_other_sizes_and_missing_or_unknown_tensors(tmp_path, stored):
    data, model = tiny("hubert-units")
    text = sentence(checkpoints.load_hubert, stored({"hubert": model.state_dict()}))
    assert "does not fit Hubert of its sizes: it has masked_spec_embed of shape [32], not [768] and" in text
    state = dict(model.state_dict())
    del state["proj.bias"]
    checkpoints.save(tmp_path / "m.pt", {**data, "model": state})
    assert sentence(checkpoints.load_hubert, tmp_path / "m.pt").endswith("it has no proj.bias")
    checkpoints.save(tmp_path / "m.pt", {**data, "model": {**model.state_dict(), "extra": torch.ones(1)}})
    assert sentence(checkpoints.load_hubert, tmp_path / "m.pt").endswith("it has an unknown extra")
    changed = {**model.state_dict(), "proj.bias": torch.ones(3)}
    checkpoints.save(tmp_path / "m.pt", {**data, "model": changed})
    assert "proj.bias of shape [3], not [12]" in sentence(checkpoints.load_hubert, tmp_path / "m.pt")
    checkpoints.save(tmp_path / "m.pt", {**data, "config": {"model": {"depth": 3}}})
    assert "sizes that Hubert does not take" in sentence(checkpoints.load_hubert, tmp_path / "m.pt")


# Pruning


def test_prune_counts_steps_as_numbers(tmp_path):
    names = [f"model-{step}.pt" for step in (9, 10, 100, 20)] + ["model-best.pt", "model-x.pt", "notes.txt"]
    left, running = "model-5.pt.0.tmp", "model-6.pt.1.tmp"
    for name in [*names, left, running]:
        (tmp_path / name).write_bytes(b"")
    os.utime(tmp_path / left, (time.time() - 2 * checkpoints.STALE,) * 2)
    gone = checkpoints.prune(tmp_path, 2)
    assert sorted(p.name for p in gone) == ["model-10.pt", "model-9.pt"]
    assert {p.name for p in tmp_path.iterdir()} == {
        *("model-100.pt", "model-20.pt", "model-best.pt", "model-x.pt", "notes.txt"),
        running,
    }
    assert checkpoints.prune(tmp_path, 2) == [] and len(checkpoints.prune(tmp_path, 0)) == 2
    assert (tmp_path / "model-best.pt").exists()
    with pytest.raises(ValueError, match="keep is -1"):
        checkpoints.prune(tmp_path, -1)
