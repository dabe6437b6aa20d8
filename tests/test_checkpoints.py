"""Checkpoints: round trips, and what the loaders accept."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoint_files import GOLDEN, make_state, old_names, prefixed, sentence, tiny

from audio import N_MELS
from checkpoints import cards, models, store
from common import files
from common.cli import UserError
from vocoder import GENERATORS


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "golden.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="module")
def hubert_state():
    return make_state("hubert-soft")


def assert_ready(model):
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


# Saving and reading


def test_what_a_training_resumes_from_is_not_read_for_a_conversion(tmp_path):
    path, sizes = tmp_path / "model-9.pt", {"dim": 8, "blocks": 1}
    weights = GENERATORS["istft"](**sizes).state_dict()
    about = {
        "kind": "istft",
        "config": {"model": sizes, "toml": {"x": 1}},
        "labels": None,
        "card": {"step": 9},
    }
    state = {"step": 9, "optimizer": {"state": {0: {"exp_avg": torch.ones(1000)}}, "param_groups": []}}
    store.save(path, {**about, "model": weights, "training": state})
    light = store.load(path, state=False)
    assert "training" not in light and light["card"] == {"step": 9}
    assert all(torch.equal(light["model"][name], weight) for name, weight in weights.items())
    assert torch.equal(store.load(path)["training"]["optimizer"]["state"][0]["exp_avg"], torch.ones(1000))
    known = store.about(path)
    assert known["training"]["step"] == 9 and known["config"] == about["config"] and known["model"] == {}
    models.load_vocoder(path)
    # Nothing of the file is in use any more: Windows would refuse to replace it.
    path.write_bytes(b"")
    assert all(torch.equal(light["model"][name], weight) for name, weight in weights.items())


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
    store.save(
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
    back = store.load(path)
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
        store.save(tmp_path / "m.pt", data)
    with pytest.raises(ValueError, match="'vocoder' is none of hubert-units"):
        store.save(tmp_path / "m.pt", {**data, "kind": "vocoder"})
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model-best.pt"
    data = {"kind": "acoustic", "model": {"w": torch.ones(3)}, "config": {}, "card": {}}
    store.save(path, data)

    def break_off(obj, part):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", break_off)
    assert "FILE could not be written" in sentence(store.save, path, {**data, "model": {}})
    assert torch.equal(store.load(path)["model"]["w"], torch.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["model-best.pt"]


def test_save_waits_for_a_reader_on_windows(tmp_path, monkeypatch):
    replace, calls = os.replace, []

    def refuse_twice(part, path):
        calls.append(path)
        if len(calls) < 3:
            raise PermissionError(13, "in use")
        replace(part, path)

    monkeypatch.setattr(files.os, "replace", refuse_twice)
    monkeypatch.setattr(files.time, "sleep", lambda seconds: None)
    store.save(tmp_path / "m.pt", {"kind": "acoustic", "model": {}, "config": {}, "card": {}})
    assert len(calls) == 3 and store.load(tmp_path / "m.pt")["model"] == {}


# Official files


@pytest.mark.parametrize("wrapping", ["v0.1", "v0.2", "v0.1 module.", "v0.2 module."])
def test_official_hubert_in_every_wrapping(wrapping, hubert_state, stored, golden):
    state = old_names(hubert_state) if wrapping.startswith("v0.1") else hubert_state
    state = prefixed(state) if wrapping.endswith("module.") else state
    path = stored(state if wrapping.startswith("v0.1") else {"hubert": state, "step": 1})
    model = models.load_hubert(path)
    assert_ready(model)
    for name, tensor in old_names(model.state_dict()).items():
        assert torch.equal(tensor, old_names(hubert_state)[name]), name
    if wrapping == "v0.1 module.":
        units = model.units(golden["wav"])
        assert not units.requires_grad
        assert (units - golden["hubert_soft.units"]).abs().max() < 1e-4


def test_official_hubert_discrete_has_504_classes(hubert_state, stored):
    state = {**hubert_state, "label_embedding.weight": torch.randn(504, 256)}
    model = models.load_hubert(stored({"hubert": state}))
    assert model(torch.randn(1, 1, 3200)).shape == (1, 10, 504)
    assert model.units(torch.randn(1, 1, 3200)).shape == (1, 10, 256)


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(("name", "inputs"), [("acoustic-hubert-soft", 256), ("acoustic-pitdyn", 768)])
def test_official_acoustic_of_both_sizes(name, inputs, wrapped, prefix, acoustic_states, stored, golden):
    state = prefixed(acoustic_states[name]) if prefix else acoustic_states[name]
    model = models.load_acoustic(stored({"acoustic-model": state} if wrapped else state))
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
    model = models.load_vocoder(stored(state))
    assert_ready(model)
    assert "conv_pre.weight" in model.state_dict()
    assert not [name for name in model.state_dict() if "weight_" in name or "parametrizations" in name]
    if wrapping == "flat":
        wav = model(golden["acoustic_soft.generate"].transpose(1, 2))
        assert not wav.requires_grad and (wav - golden["hifigan.wav"]).abs().max() < 1e-4
    else:
        assert model(torch.randn(1, N_MELS, 4)).shape == (1, 1, 640)


# Our files


@pytest.mark.parametrize(
    ("kind", "unit_kind"), [("hubert-units", "content"), ("hubert-pits", "label"), ("hubert-dyns", "label")]
)
def test_own_hubert(tmp_path, kind, unit_kind):
    data, model = tiny(kind)
    path = tmp_path / "model-best.pt"
    store.save(path, {**data, "model": prefixed(data["model"])})
    loaded = models.load_hubert(path)
    assert_ready(loaded)
    assert loaded.unit_kind == unit_kind
    wav = torch.randn(2, 1, 3200)
    assert torch.equal(loaded.units(wav), model.units(wav)) and loaded.units(wav).shape == (2, 10, 12)
    again = models.load_hubert(path, store.load(path))
    assert torch.equal(again.units(wav), loaded.units(wav))


def test_own_acoustic(tmp_path):
    data, model = tiny("acoustic")
    store.save(tmp_path / "m.pt", data)
    loaded = models.load_acoustic(tmp_path / "m.pt")
    assert_ready(loaded)
    units = torch.randn(2, 5, 36)
    assert torch.equal(loaded.generate(units), model.generate(units))
    assert loaded.generate(units).shape == (2, 10, N_MELS)
    mels = torch.randn(2, 10, N_MELS)
    assert torch.equal(loaded(units, mels), model(units, mels))


def test_other_number_types_in_a_file_become_float32(tmp_path):
    data, model = tiny("acoustic")
    store.save(tmp_path / "m.pt", {**data, "model": {k: v.double() for k, v in data["model"].items()}})
    loaded = models.load_acoustic(tmp_path / "m.pt")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert torch.equal(loaded.generate(torch.ones(1, 3, 36)), model.generate(torch.ones(1, 3, 36)))


def test_loading_draws_no_random_numbers(tmp_path):
    """A run that loads an encoder first would otherwise differ from one that finds its units cached."""
    for kind in ("hubert-pits", "acoustic", "hifigan"):
        store.save(tmp_path / f"{kind}.pt", tiny(kind)[0])
    before = torch.get_rng_state()
    models.load_hubert(tmp_path / "hubert-pits.pt")
    models.load_acoustic(tmp_path / "acoustic.pt")
    models.load_vocoder(tmp_path / "hifigan.pt")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("folded", [False, True])
def test_own_vocoder(tmp_path, folded):
    data, model = tiny("hifigan")
    mel = torch.randn(2, N_MELS, 4)
    with torch.no_grad():
        expected = model(mel)
    if folded:
        model.remove_weight_norm()
    store.save(tmp_path / "m.pt", {**data, "model": model.state_dict()})
    loaded = models.load_vocoder(tmp_path / "m.pt")
    assert_ready(loaded)
    assert loaded(mel).shape == (2, 1, 640)
    assert (loaded(mel) - expected).abs().max() < 1e-5


def test_a_model_knows_the_level_of_its_mels(tmp_path):
    for kind, load in (("acoustic", models.load_acoustic), ("hifigan", models.load_vocoder)):
        data, _ = tiny(kind)
        path = tmp_path / f"{kind}.pt"
        for toml, level in (({"audio": {"level_db": -26.0}}, -26.0), ({}, None)):
            store.save(path, {**data, "config": {**data["config"], "toml": toml}})
            assert load(path).level_db == level
        store.save(path, {**data, "config": {**data["config"], "toml": {"audio": {"level_db": "loud"}}}})
        with pytest.raises(UserError, match="level_db"):
            load(path)


# Pruning


def test_prune_keeps_what_was_written_last_though_a_run_before_went_farther(tmp_path):
    for when, step in enumerate((100, 200, 300, 150)):
        path = tmp_path / f"model-{step}.pt"
        path.write_bytes(b"")
        os.utime(path, (1e9 + when, 1e9 + when))
    assert sorted(p.name for p in store.prune(tmp_path, 2)) == ["model-100.pt", "model-200.pt"]


def test_prune_counts_steps_of_one_time_as_numbers(tmp_path):
    names = [f"model-{step}.pt" for step in (9, 10, 100, 20)] + ["model-best.pt", "model-x.pt", "notes.txt"]
    left, running = (f".{files.HERE}-{process}-{'0' * 16}.part.pt" for process in (2**31 - 9, os.getpid()))
    for name in [*names, left, running]:
        (tmp_path / name).write_bytes(b"")
    for name in names:
        os.utime(tmp_path / name, (1e9, 1e9))
    gone = store.prune(tmp_path, 2)
    assert sorted(p.name for p in gone) == ["model-10.pt", "model-9.pt"]
    assert {p.name for p in tmp_path.iterdir()} == {
        *("model-100.pt", "model-20.pt", "model-best.pt", "model-x.pt", "notes.txt"),
        running,
    }
    assert store.prune(tmp_path, 2) == [] and len(store.prune(tmp_path, 0)) == 2
    assert (tmp_path / "model-best.pt").exists()
    with pytest.raises(ValueError, match="keep is -1"):
        store.prune(tmp_path, -1)
