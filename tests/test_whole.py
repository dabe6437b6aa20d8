"""Damaged and hostile checkpoints of our own format: one sentence that names the file, and at once."""

import time
import zipfile

import pytest
import torch
from checkpoint_files import sentence, tiny

from checkpoints import cards, file_format, models, store


def loader(kind: str):
    by_kind = {"hifigan": models.load_vocoder, "acoustic": models.load_acoustic}
    return by_kind.get(kind, models.load_hubert)


def ours(**changes) -> dict:
    return {"format": "hubert-pitdyn", "version": 1, **tiny("acoustic")[0], **changes}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"card": {"encoders": {"content": {"name": 1, "hash": "x"}}}}, "encoders of its card is a dict"),
        ({"card": {"f0_hz": [80.0, "x"]}}, "f0_hz of its card is a list, expected two numbers"),
        (
            {"card": {"metrics": {"loss": "low"}}},
            "metrics of its card is a dict, expected a",
        ),
        ({"card": {"pitdyn": "magic"}}, "pitdyn of its card is 'magic', expected hubert, tracker or none"),
        ({"card": {"hours": "many"}}, "hours of its card is 'many', expected a number"),
        ({"card": ["x"]}, "card is a list, expected a table"),
        ({"labels": "x"}, "labels is 'x', expected a table"),
        ({"config": {"model": [1], "toml": {}}}, "expected config.model in it, which is a list"),
        ({"config": {"model": {}, "toml": torch.ones(2)}}, "expected texts and numbers in its config"),
        ({"version": "1"}, "has no version"),
        ({"kind": ["acoustic"]}, "is of kind ['acoustic'] or lacks"),
    ],
)
def test_a_field_of_another_kind_is_named(stored, changes, says):
    path = stored(ours(**changes))
    assert says in sentence(store.load, path)
    assert says in sentence(models.load_acoustic, path)


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("hubert-pits", {"layers": 10**9}),
        ("hubert-pits", {"dim": 10**12}),
        ("hubert-pits", {"heads": 0}),
        ("hubert-pits", {"dim": -1}),
        ("hubert-pits", {"dim": "32"}),
        ("hubert-pits", {1: 2}),
        ("acoustic", {"decoder": "parallel", "blocks": 10**8}),
        ("acoustic", {"n_mels": 80}),
        ("acoustic", {"norm": []}),
        ("hifigan", {"rates": [2] * 1000}),
        ("hifigan", {"rates": [10, 4, 0, 2]}),
        ("hifigan", {"channels": float("nan")}),
    ],
)
def test_impossible_sizes_are_refused_at_once(tmp_path, kind, sizes):
    data, _ = tiny(kind)
    path = tmp_path / "m.pt"
    store.save(path, {**data, "config": {"model": {**data["config"]["model"], **sizes}, "toml": {}}})
    began = time.monotonic()
    sentence(loader(kind), path)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", ["hubert-pits", "acoustic", "hifigan"])
def test_weights_that_are_not_finite_are_refused(tmp_path, kind, value):
    data, _ = tiny(kind)
    name = next(name for name, tensor in data["model"].items() if tensor.is_floating_point())
    data["model"][name] = data["model"][name].clone()
    data["model"][name].view(-1)[-1] = value
    store.save(tmp_path / "m.pt", data)
    assert "holds weights that are NaN or infinite" in sentence(loader(kind), tmp_path / "m.pt")


def test_tensors_that_claim_more_than_the_file_holds_are_refused(stored):
    spread, nowhere = torch.zeros(1).expand(10**6, 10**6), torch.empty(10**6, device="meta")
    for claim in (spread, nowhere, torch.eye(3).to_sparse()):
        path = stored(ours(model={"w": claim}))
        assert "FILE: w claims more numbers than the file holds" in sentence(models.load_acoustic, path)
        path = stored({"decoder.lstm1.weight_hh_l0": claim})
        assert "claims more numbers" in sentence(file_format.weights_hash, path)


def test_records_that_grow_in_memory_are_refused_before_they_are_read(tmp_path, monkeypatch):
    path, small = tmp_path / "m.pt", tmp_path / "small.pt"
    store.save(path, {**tiny("acoustic")[0], "training": {"optimizer": torch.zeros(2_000_000)}})
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(small, "w") as new:
        for record in old.infolist():
            new.writestr(record.filename, old.read(record), zipfile.ZIP_DEFLATED)
    assert small.stat().st_size < 200_000
    content = path.read_bytes()
    entry = content.index(b"PK\x01\x02")  # 20 bytes on stand its two sizes
    path.write_bytes(content[: entry + 20] + b"\xff\xff\xff\x7f" * 2 + content[entry + 28 :])
    monkeypatch.setattr(torch, "load", None)
    assert "FILE holds compressed records" in sentence(store.load, small)
    assert "FILE is damaged: its records claim" in sentence(store.load, path)


def test_tables_without_end_are_refused(stored):
    bomb, loop = ["x"] * 10, []
    for _ in range(9):
        bomb = [bomb] * 10
    loop.append(loop)
    for note in (bomb, loop):
        path = stored(ours(card={"note": note}))
        assert "expected texts and numbers in its config, labels and card" in sentence(store.load, path)


def test_texts_of_a_card_reach_the_terminal_without_control_characters():
    text = cards.describe({"kind": "acoustic", "card": {"voice": "a\x1b]0;b\x07\nc", "created": "\x1b[2J"}})
    assert text.split("\n") == [r"acoustic, \x1b[2J", r"voice: a\x1b]0;b\x07\nc"]
