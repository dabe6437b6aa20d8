"""An acoustic model with rows above 8 kHz: the 128 rows as before, the others within the bandwidth alone."""

import argparse
import math
from functools import partial

import numpy as np
import pytest
import torch
from small_acoustic import PARALLEL, build, random
from small_training import arguments
from wide_bank import BAND, HIGHS, bank, make_mels, preset, with_units

from acoustic.blend import Blend
from acoustic.model import AcousticModel
from acoustic.widen import silence_from, widen
from audio import LOG_FLOOR, N_MELS
from bands import HIGH_MEAN
from checkpoints import cards, models, store
from common.cli import UserError
from preprocessing.data_folder import DataFolder
from training import acoustic, continuation
from training.batches import in_parts
from training.datasets import MelDataset
from training.run import start
from training.trainer import Trainer

UNITS = random(2, 12, PARALLEL["in_dim"])


@pytest.fixture(autouse=True)
def shown(monkeypatch) -> list[tuple]:
    """Shapes of what TensorBoard would be given, whose pictures and sounds take seconds."""
    given = []
    monkeypatch.setattr(acoustic, "show", lambda task, key, *mels: given.extend(m.shape for m in mels[:2]))
    return given


def wide_model(seed: int = 0):
    return build(seed, **PARALLEL, **HIGHS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A bank of three recordings of 44.1 kHz and one of 16, with mels and units."""
    place = tmp_path_factory.mktemp("voice")
    made = bank(place, narrow=(1,))
    assert make_mels(made, preset(place)) == 0
    return with_units(made)


def run_of(folder: DataFolder, out, config: dict, refine: bool = False, **given):
    """(trainer, task) of a run, as train_acoustic.py has them."""
    given = {"refine": refine, "any_encoder": False, "beside": None, **given}
    args = arguments(out, **given)
    args.data = folder.root
    run = start(args, "acoustic", config)
    model, describe, task = acoustic.build(args, run)
    trainer = Trainer(run, model, describe)
    if args.resume and not refine:
        trainer.resume(args.resume)
    return trainer, task


def trained(folder: DataFolder, out, config: dict, **given):
    trainer, task = run_of(folder, out, config, **given)
    trainer.fit(task.train_set, partial(acoustic.train_step, task), partial(acoustic.validate, task))
    return trainer


def test_a_widened_voice_says_the_same_below_8_khz_and_its_mean_above():
    low, high = build(0, **PARALLEL), wide_model(1)
    high.load_state_dict(widen(low.state_dict(), HIGHS["high_bands"]))
    made = high.generate(UNITS)
    assert made.shape == (2, 24, N_MELS + 8)
    torch.testing.assert_close(made[..., :N_MELS], low.generate(UNITS), atol=1e-6, rtol=0)
    torch.testing.assert_close(made[..., N_MELS:], torch.full((2, 24, 8), HIGH_MEAN), atol=1e-6, rtol=0)


def test_a_widened_voice_learns_above_at_once():
    model = wide_model()
    model.load_state_dict(widen(build(0, **PARALLEL).state_dict(), 8))
    model.requires_grad_(True)(UNITS, torch.zeros(2, 24, N_MELS + 8)).sum().backward()
    assert (model.decoder.proj.weight.grad[N_MELS:].abs().sum(1) > 0).all()


def test_rows_without_recordings_are_silent_and_the_others_stay():
    model = wide_model()
    before = model.generate(UNITS)
    silence_from(model, 5)
    made = model.generate(UNITS)
    assert torch.equal(made[..., : N_MELS + 5], before[..., : N_MELS + 5])
    floor = torch.full((2, 24, 3), math.log(LOG_FLOOR))
    torch.testing.assert_close(made[..., N_MELS + 5 :], floor, atol=1e-5, rtol=0)


def test_rows_above_are_the_parallel_decoders_alone():
    with pytest.raises(ValueError, match="parallel"):
        AcousticModel(in_dim=24, decoder="autoregressive", **HIGHS)
    with pytest.raises(TypeError, match="nonsense"):
        AcousticModel(in_dim=24, decoder="parallel", nonsense=3)


def test_a_data_set_gives_whole_mels_and_the_rows_within_the_bandwidth(folder):
    sets = [MelDataset(folder, list(folder.files), 0.2, *band) for band in ((), (BAND,))]
    low, high = ([one[(n, (1, n))] for n in range(4)] for one in sets)
    batch = sets[1].collate(high)
    assert batch["mels"].shape[2] == N_MELS + 8
    assert [int(rows.sum()) for rows in batch["within"]] == [136, 128, 136, 136]
    assert all(rows.tolist() == sorted(rows.tolist(), reverse=True) for rows in batch["within"])
    plain = sets[0].collate(low)
    assert torch.equal(plain["mels"], batch["mels"][..., :N_MELS]) and "within" not in plain
    whole = sets[1][(0, None)][1]
    assert np.array_equal(whole[:, N_MELS:].T, folder.read("highs", "歌0"))


def gradients(folder, keys: list[str], weight: float = 0.5):
    """Gradients of the last layer's bias, and the loss, of one step on whole recordings."""
    data = MelDataset(folder, keys, 9.0, BAND)
    settings = argparse.Namespace(high_weight=weight)
    task = argparse.Namespace(run=argparse.Namespace(settings=settings), train_set=data, beside=None)
    model = wide_model().train().requires_grad_(True)
    loss, _ = acoustic.train_step(task, model, data.collate([data[(n, None)] for n in range(len(keys))]))
    loss.backward()
    return model.decoder.proj.bias.grad, loss.detach()


def test_rows_beyond_a_recordings_bandwidth_change_no_gradient(folder):
    narrow, loss = gradients(folder, ["歌1"])
    assert not narrow[N_MELS:].any() and narrow[:N_MELS].any()
    kept = folder.read("highs", "歌1")
    try:
        folder.save("highs", "歌1", np.full_like(kept, 5.0))
        again, same = gradients(folder, ["歌1"])
    finally:
        folder.save("highs", "歌1", kept)
    assert torch.equal(again, narrow) and same == loss
    assert gradients(folder, ["歌0", "歌1"])[0][N_MELS:].all()


def test_a_wide_step_in_parts_is_the_step_of_the_whole_batch(folder):
    """Recordings of different lengths and bandwidths: all rows that count weigh the same."""
    data = MelDataset(folder, list(folder.files), 0.3, BAND)
    batch = data.collate([data[(n, None if n % 2 else (1, n))] for n in range(4)])
    run = argparse.Namespace(settings=argparse.Namespace(high_weight=0.5))
    task = argparse.Namespace(run=run, beside=None)
    found = []
    for size in (0, 1, 3):
        model = wide_model().requires_grad_(True)
        for part in in_parts(batch, size):
            acoustic.train_step(task, model, part)[0].backward()
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    for parts in found[1:]:
        torch.testing.assert_close(parts, found[0], atol=1e-6, rtol=1e-4)


def test_the_loss_of_the_rows_above_is_added_with_its_weight(folder):
    losses = [float(gradients(folder, ["歌0"], weight)[1]) for weight in (0.0, 0.5, 1.0)]
    assert losses[0] < losses[1] and losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-4)
    low = gradients(folder, ["歌0"], 0.0)[0]
    torch.testing.assert_close(gradients(folder, ["歌0"], 1.0)[0][:N_MELS], low[:N_MELS])


def test_a_bank_of_44_khz_is_trained_resumed_and_rebuilt(folder, tmp_path, shown):
    config = preset(tmp_path)
    config["train"]["acoustic"] |= {"validate_every": 2, "batch_size": 2}
    whole = trained(folder, tmp_path / "whole" / "acoustic", config, steps=4)
    path = tmp_path / "whole" / "acoustic" / "model-2.pt"
    again = trained(folder, tmp_path / "again" / "acoustic", config, steps=4, resume=path)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name
    assert shown and {shape[-1] for shape in shown} == {N_MELS}
    about = store.load(path)
    assert (about["card"]["rate"], about["card"]["high"]) == (44100, 8)
    assert {name: about["config"]["model"][name] for name in HIGHS} == HIGHS
    assert "rate: 44100" in cards.describe(about)
    model = models.load_acoustic(path)
    assert model.band == BAND and model.generate(random(1, 5, 24)).shape == (1, 10, N_MELS + 8)


def test_a_16_khz_preset_trains_the_voice_that_it_did_and_says_what_it_leaves_out(folder, tmp_path):
    config = preset(tmp_path, wide=False)
    trained(folder, tmp_path / "low" / "acoustic", config, steps=2)
    about = store.load(tmp_path / "low" / "acoustic" / "model-2.pt")
    assert not {*HIGHS, "n_mels"} & {*about["config"]["model"]} and not {"rate", "high"} & {*about["card"]}
    assert about["model"]["decoder.proj.bias"].shape == (N_MELS,)
    log = (tmp_path / "low" / "acoustic" / "logs" / "acoustic.log").read_text(encoding="utf-8")
    assert "mels above 8 kHz, which the preset" in log


def test_a_voice_of_16_khz_is_refined_into_a_wide_one_and_not_back(folder, tmp_path):
    low, path = preset(tmp_path, wide=False), tmp_path / "low" / "acoustic" / "model-2.pt"
    trained(folder, path.parent, low, steps=2)
    trainer, _ = run_of(folder, tmp_path / "high" / "acoustic", preset(tmp_path), True, resume=path)
    before, units = models.load_acoustic(path), random(1, 5, 24)
    torch.testing.assert_close(
        trainer.model.generate(units)[..., :N_MELS], before.generate(units), atol=1e-5, rtol=0
    )
    trained(folder, tmp_path / "wide" / "acoustic", preset(tmp_path), steps=2)
    wide = tmp_path / "wide" / "acoustic" / "model-2.pt"
    with pytest.raises(UserError, match="above 8 kHz does not match.*--config"):
        run_of(folder, tmp_path / "back" / "acoustic", low, True, resume=wide)
    other = preset(tmp_path)
    other["audio"]["high_hz"] = [8000.0, 18000.0]
    with pytest.raises(UserError, match="20000 Hz.*18000 Hz"):
        run_of(folder, tmp_path / "other" / "acoustic", other, True, resume=wide)


def test_a_voice_of_recordings_that_end_at_8_khz_is_silent_above(tmp_path):
    folder = bank(tmp_path, narrow=(0, 1, 2))
    assert make_mels(folder, preset(tmp_path)) == 0
    (tmp_path / "wavs" / "歌3.wav").unlink()
    folder = with_units(DataFolder(folder.root))
    trainer = trained(folder, tmp_path / "v" / "acoustic", preset(tmp_path), steps=2)
    above = trainer.model.generate(random(1, 5, 24))[..., N_MELS:]
    torch.testing.assert_close(above, torch.full_like(above, math.log(LOG_FLOOR)), atol=1e-3, rtol=0)
    assert store.load(tmp_path / "v" / "acoustic" / "model-2.pt")["card"]["high"] == 0


def test_mels_of_another_preset_are_refused_before_a_training(folder, tmp_path):
    config = preset(tmp_path)
    continuation.require_units_of(folder, config, "wide.toml")
    config["audio"]["high_bands"] = 6
    with pytest.raises(UserError, match="highs.json: expected .*'high_bands': 6.*--mel --config"):
        continuation.require_units_of(folder, config, "wide.toml")
    continuation.require_units_of(folder, preset(tmp_path, wide=False), "tiny.toml")


@pytest.mark.parametrize(
    "sizes", [{**HIGHS, "rate": 1}, {**HIGHS, "high_hz": [1, 2, 3]}, {**HIGHS, "rate": "x"}]
)
def test_a_damaged_checkpoint_is_a_sentence(sizes, tmp_path):
    path = tmp_path / "model.pt"
    about = {"kind": "acoustic", "labels": None, "card": {}}
    config = {"model": {**PARALLEL, **sizes}, "toml": {}}
    store.save(path, {**about, "config": config, "model": wide_model().state_dict()})
    with pytest.raises(UserError, match=r"model\.pt has sizes"):
        models.load_acoustic(path)


def test_a_mixture_of_other_rows_is_of_the_128_that_all_have():
    def constant(times):
        return np.full((1, len(times)), 0.3)

    low, high, more = build(0, **PARALLEL), wide_model(1), wide_model(2)
    mixed = Blend([high, low], constant)
    made = mixed.generate(UNITS)
    wanted = 0.7 * high.generate(UNITS)[..., :N_MELS] + 0.3 * low.generate(UNITS)
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=0)
    assert not mixed.band.is_wide
    both = Blend([high, more], constant)
    assert both.band == BAND and both.generate(UNITS).shape[-1] == N_MELS + 8
