"""Names of weights: hashes of what a model computes with, and of files."""

import torch
from checkpoint_files import old_names, prefixed, tiny

import checkpoints
import weight_files


def test_hashes(tmp_path):
    data, model = tiny("hubert-pits")
    state = model.state_dict()
    name = weight_files.state_hash(state)
    assert len(name) == 16 and int(name, 16) >= 0
    assert name == weight_files.state_hash(prefixed(old_names(dict(reversed(state.items())))))
    changed = {**state, "proj.bias": state["proj.bias"] + 1e-6}
    assert name != weight_files.state_hash(changed)
    assert name != weight_files.state_hash({**state, "proj.bias": state["proj.bias"].double()})
    assert name != weight_files.state_hash({**state, "proj.bias": state["proj.bias"][None]})
    bare, trained = tmp_path / "bare.pt", tmp_path / "trained.pt"
    checkpoints.save(bare, data)
    checkpoints.save(trained, {**data, "training": {"step": 3, "optimizer": {"x": torch.ones(9)}}})
    assert weight_files.weights_hash(bare) == weight_files.weights_hash(trained) == name
    assert weight_files.identity(bare) != weight_files.identity(trained)
    mixed = {"a": torch.ones((), dtype=torch.bfloat16), "b": torch.ones(2, 3).T, "c": torch.tensor([True])}
    assert weight_files.state_hash(mixed) == weight_files.state_hash(
        {**mixed, "b": torch.ones(3, 2), "c": mixed["c"].clone()}
    )


def test_identity_is_the_files_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert weight_files.identity(tmp_path / "x") == "ba7816bf8f01cfea"
