"""Names of weights: hashes of what a model computes with, and of files."""

import torch
from checkpoint_files import old_names, prefixed, tiny

from checkpoints import file_format, hashes, store


def test_hashes(tmp_path):
    data, model = tiny("hubert-pits")
    state = model.state_dict()
    name = hashes.state_hash(state)
    assert len(name) == 16 and int(name, 16) >= 0
    assert name == hashes.state_hash(prefixed(old_names(dict(reversed(state.items())))))
    changed = {**state, "proj.bias": state["proj.bias"] + 1e-6}
    assert name != hashes.state_hash(changed)
    assert name != hashes.state_hash({**state, "proj.bias": state["proj.bias"].double()})
    assert name != hashes.state_hash({**state, "proj.bias": state["proj.bias"][None]})
    bare, trained = tmp_path / "bare.pt", tmp_path / "trained.pt"
    store.save(bare, data)
    store.save(trained, {**data, "training": {"step": 3, "optimizer": {"x": torch.ones(9)}}})
    assert file_format.weights_hash(bare) == file_format.weights_hash(trained) == name
    assert file_format.identity(bare) != file_format.identity(trained)
    mixed = {"a": torch.ones((), dtype=torch.bfloat16), "b": torch.ones(2, 3).T, "c": torch.tensor([True])}
    assert hashes.state_hash(mixed) == hashes.state_hash(
        {**mixed, "b": torch.ones(3, 2), "c": mixed["c"].clone()}
    )


def test_identity_is_the_files_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert file_format.identity(tmp_path / "x") == "ba7816bf8f01cfea"
