"""Checkpoints as .safetensors: the same model, found beside those of trainings, and no damaged one loads."""

import json
import shutil

import pytest
import torch
from small_acoustic import PARALLEL, build, distance, random

from checkpoints import file_format, models, places, safe_file, store
from common.cli import UserError

CARD = {"voice": "hana", "f0_hz": [100.0, 200.0], "dataset": "demo", "encoders": {}}


@pytest.fixture
def checkpoint():
    model = build(**PARALLEL)
    config = {"model": PARALLEL, "toml": {"labels": {"名": "ほげ"}}}
    return {"kind": "acoustic", "model": model.state_dict(), "config": config, "labels": None, "card": CARD}


@pytest.fixture
def path(tmp_path, checkpoint):
    store.save(tmp_path / places.SAFE, checkpoint)
    return tmp_path / places.SAFE


def test_it_says_and_computes_the_same(path, checkpoint):
    found = store.load(path)
    assert {name: found[name] for name in ("kind", "config", "labels", "card")} == {
        name: checkpoint[name] for name in ("kind", "config", "labels", "card")
    }
    model, own = models.load_acoustic(path), build(**PARALLEL)
    units = random(1, 9, PARALLEL["in_dim"])
    assert distance(model.generate(units), own.generate(units)) == 0
    assert "weight" not in json.dumps(store.about(path), default=str)


def test_the_same_checkpoint_gives_the_same_bytes_and_the_same_hash(tmp_path, path, checkpoint):
    other, torchs = tmp_path / "b.safetensors", tmp_path / "b.pt"
    turned = {**checkpoint, "model": dict(reversed(checkpoint["model"].items()))}
    store.save(other, turned)
    store.save(torchs, checkpoint)
    assert other.read_bytes() == path.read_bytes()
    assert file_format.weights_hash(path) == file_format.weights_hash(torchs)


def test_half_precision_and_shared_tensors_are_kept(tmp_path, checkpoint):
    tensor = checkpoint["model"]["encoder.prenet.net.0.weight"].half()
    checkpoint["model"] |= {"encoder.prenet.net.0.weight": tensor, "twin": tensor.T}
    store.save(tmp_path / "a.safetensors", checkpoint)
    found = store.load(tmp_path / "a.safetensors")["model"]
    assert found["twin"].dtype == torch.float16 and torch.equal(found["twin"], tensor.T)


def test_a_state_of_training_is_refused(tmp_path, checkpoint):
    with pytest.raises(ValueError, match="state of training"):
        store.save(tmp_path / "a.safetensors", {**checkpoint, "training": {"step": 1}})
    assert not list(tmp_path.glob("*"))


def test_what_was_trained_here_goes_before_what_was_handed_out(tmp_path, path, checkpoint):
    voice = tmp_path / "out" / "hana" / "acoustic"
    assert places.best(voice).name == places.BEST
    voice.mkdir(parents=True)
    shutil.copy(path, voice)
    assert places.acoustic_path("hana", tmp_path / "out") == voice / places.SAFE
    assert places.folders(tmp_path / "out", "acoustic") == {voice}
    with pytest.raises(UserError, match="did you mean 'hana'"):
        places.acoustic_path("hanna", tmp_path / "out")
    store.save(voice / places.BEST, checkpoint)
    assert places.best(voice).name == places.BEST


def damaged(path, how):
    content = bytearray(path.read_bytes())
    if how == "a byte of the weights":
        content[-5] ^= 1
    elif how == "cut short":
        del content[-100:]
    elif how == "a long header":
        content[:8] = (1 << 40).to_bytes(8, "little")
    elif how == "empty":
        content.clear()
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("how", ["a byte of the weights", "cut short", "a long header", "empty"])
def test_what_is_damaged_is_said(path, how):
    damaged(path, how)
    with pytest.raises(UserError, match=path.name):
        models.load_acoustic(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {safe_file.KEY: "[]"}, {safe_file.KEY: "{"}])
def test_a_file_of_another_program_is_said(tmp_path, metadata):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3)}, tmp_path / "a.safetensors", metadata)
    with pytest.raises(UserError, match="another program|damaged"):
        store.load(tmp_path / "a.safetensors")
