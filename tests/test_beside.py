"""A voice refined beside the one that it began from: what both share, what is kept, how a run goes on."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import small_acoustic
import torch
from conftest import micro_config, run_script

from acoustic.model import AcousticModel
from checkpoints import models, store
from training.beside import LAST, BesideDataset, TwoVoices
from training.teacher_forcing import predict


def voices() -> TwoVoices:
    own = small_acoustic.build(**small_acoustic.PARALLEL)
    return TwoVoices(own, copy.deepcopy(own))


def batch_of(count: int, seed: int) -> dict:
    """Units and mels of `count` crops, which no model gives."""
    units = small_acoustic.random(count, 10, 24, seed=seed)
    mels = -5 + small_acoustic.random(count, 20, 128, seed=seed + 1)
    valid = torch.ones(count, 20, dtype=torch.bool)
    return {"units": units, "mels": mels, "lengths": torch.full((count,), 10), "valid": valid}


def test_voices_share_matrices_alone_and_each_counts_once():
    both = voices()
    own, other = (dict(model.named_parameters()) for model in (both.own, both.other))
    shared = {name for name in own if own[name] is other[name]}
    assert shared == {name for name, p in own.items() if p.ndim > 1 and not name.startswith(LAST)}
    assert any(name.startswith("encoder.") for name in shared)
    assert any(name.startswith("decoder.blocks.") for name in shared)
    assert len(list(both.parameters())) == 2 * len(own) - len(shared)


def drift(beside: bool) -> tuple[float, float]:
    """(loss on what is learnt, how far what the voice gave of other units has moved) after a training."""
    both, teacher = voices(), small_acoustic.build(**small_acoustic.PARALLEL)
    learnt, held = batch_of(4, 10), batch_of(4, 20)
    held["mels"] = teacher.generate(held["units"]).clone()
    model = both if beside else both.own
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = (predict(both.own, learnt) - learnt["mels"]).abs().mean()
        if beside:
            found = both({**learnt, **{f"beside_{name}": some for name, some in held.items()}})[1]
            loss = loss + (found - held["mels"]).abs().mean()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        # A voice of its own has another mean, which is no phone forgotten.
        one, two = (x - x.mean((0, 1)) for x in (predict(both.own, held), held["mels"]))
        off = predict(both.own, learnt) - learnt["mels"]
        return float(off.abs().mean()), float((one - two).abs().mean())


def test_what_is_said_of_other_units_moves_less_beside_them():
    alone, beside = drift(False), drift(True)
    assert beside[0] < 1.1 * alone[0] and beside[1] < 0.8 * alone[1]


class Bank:
    """What BesideDataset takes of a MelDataset: one crop of units, all of them 1."""

    folder, keys, crop_units = None, ["a"], 8

    def __getitem__(self, at):
        return torch.ones(8, 768), torch.zeros(16, 128)


class Folder:
    def read(self, kind, key, mapped):
        return np.full((20, 768), 2.0, np.float16)


def test_half_of_what_the_other_voice_is_asked_is_the_own_speech():
    beside = SimpleNamespace(folder=Folder(), keys=["b"])
    items = BesideDataset(Bank(), beside)
    found = [items[0, (7, number)][1] for number in range(400)]
    assert {float(units.mean()) for units in found} == {1.0, 2.0} and {len(units) for units in found} == {8}
    assert 150 < sum(bool((units == 1).all()) for units in found) < 250
    again = items[0, (7, 3)][1]
    assert torch.equal(again, found[3])


def refine(root, out, *more, steps=6, expect=0):
    options = ("--config", micro_config(root), "--device", "cpu", "--amp", "off", "--steps", steps)
    return run_script("train_acoustic.py", "data/bank", out, *options, *more, cwd=root, expect=expect)


def test_a_resumed_run_is_uninterrupted_and_its_voice_is_as_any(voice):
    start = ("--resume", "out/songs/acoustic/model-best.pt", "--refine", "--beside", "data/songs")
    refine(voice, "out/beside-a/acoustic", *start)
    refine(voice, "out/beside-b/acoustic", *start, steps=3)
    middle = ("--resume", "out/beside-b/acoustic/model-3.pt")
    for line in (
        refine(voice, "out/beside-b/acoustic", *middle, expect=2).stderr,
        refine(voice, "out/beside-b/acoustic", *middle, "--beside", "data/bank", expect=2).stderr,
    ):
        assert "beside" in line and "songs" in line
    alone = ("--resume", "out/bank/acoustic/model-3.pt", "--beside", "data/songs")
    assert "learns beside" in refine(voice, "out/beside-c/acoustic", *alone, expect=2).stderr
    refine(voice, "out/beside-b/acoustic", *middle, "--beside", "data/songs")
    one, two = (store.load(voice / f"out/beside-{x}/acoustic/model-6.pt") for x in "ab")
    assert all(torch.equal(one["model"][name], two["model"][name]) for name in one["model"])
    assert one["card"]["beside"] == two["card"]["beside"] and one["card"]["beside"]["name"] == "songs"
    best = voice / "out/beside-a/acoustic/model-best.pt"
    assert isinstance(models.load_acoustic(best), AcousticModel) and "training" not in store.load(best)
    log = (voice / "out/beside-a/acoustic/logs/acoustic.log").read_text(encoding="utf-8")
    assert "beside 8 recordings of data" in log and ", beside 0." in log


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--beside", "data/songs"), "--beside goes with --refine"),
        (("--resume", "out/songs/acoustic/model-best.pt", "--refine", "--beside", "data/no"), "data/no"),
    ],
)
def test_what_cannot_be_is_one_sentence(given, words, voice):
    said = refine(voice, "out/beside-d/acoustic", *given, expect=2).stderr
    assert words in said
