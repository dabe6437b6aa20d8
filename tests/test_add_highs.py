"""tools/add_highs.py: rows above 8 kHz that come nearest to the recordings, and 128 rows that stay."""

import math
import sys

import numpy as np
import pytest
import torch
from small_acoustic import PARALLEL, SMALL, build, random
from wide_bank import BAND, bank, make_mels, preset, with_units

from audio import LOG_FLOOR, MEL_MEAN, MEL_STD, N_MELS
from checkpoints import models, store
from common.cli import UserError
from tools import add_highs


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A voice of 16 kHz, and the data of five recordings, one of which ends at 8 kHz."""
    place = tmp_path_factory.mktemp("highs")
    config = preset(place, wide=False)
    folder = bank(place, narrow=(1,), count=5)
    assert make_mels(folder, preset(place)) == 0
    about = with_units(folder).read_json("encoder.json")
    model = build(3, **PARALLEL)
    card = {"encoders": about["encoders"], "voice": "x", "dataset": "songs"}
    about = {"kind": "acoustic", "labels": None, "card": card, "training": {"step": 1}}
    config = {"model": PARALLEL, "toml": config}
    store.save(place / "voice.pt", {**about, "config": config, "model": model.state_dict()})
    # What its recordings have above 8 kHz is a linear map of what its last layer is given.
    weights = random(8, PARALLEL["conv_dim"] + 1, seed=4).double().numpy() / 4
    for key in folder.files:
        made = add_highs.features(model, folder.read("units-pitdyn", key)) @ weights.T
        high = (MEL_MEAN + MEL_STD * made).T.astype(np.float32)
        folder.save("highs", key, np.full_like(high, 99.0) if key == "歌1" else high)
    return place, folder, model


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["add_highs", *map(str, arguments)])
    return add_highs.main()


def test_rows_above_are_fitted_where_recordings_reach_and_the_others_stay(place, monkeypatch, capsys):
    at, folder, model = place
    assert run(monkeypatch, at / "voice.pt", folder.root, at / "wide.pt") == 0
    assert "8 rows above 8 kHz" in capsys.readouterr().out
    made, about = models.load_acoustic(at / "wide.pt"), store.load(at / "wide.pt")
    for key in ("歌0", "歌3"):
        units = torch.from_numpy(folder.read("units-pitdyn", key)).float().unsqueeze(0)
        found, before = made.generate(units)[0], model.generate(units)[0]
        torch.testing.assert_close(found[:, :N_MELS], before, atol=1e-5, rtol=0)
        high = torch.from_numpy(folder.read("highs", key)).T
        assert (found[:, N_MELS:] - high).abs().mean() < 0.2 * (high - high.mean(0)).abs().mean()
    assert made.band == BAND and about["card"]["rate"] == 44100 and about["card"]["high"] == 8
    assert about["config"]["toml"]["audio"]["rate"] == 44100 and "training" not in about


def test_rows_that_no_recording_reaches_are_silent():
    fit, rng = add_highs.Fit(4, 8), np.random.default_rng(0)
    given = np.pad(rng.normal(size=(50, 3)), ((0, 0), (0, 1)), constant_values=1.0)
    weights = rng.normal(size=(8, 4))
    fit.add(given, given @ weights.T, 5)
    fit.add(given, np.full((50, 8), 99.0), 0)
    found = fit.solved()
    assert found.shape == (5, 4)
    np.testing.assert_allclose(found, weights[:5], atol=0.05)
    model = build(0, **PARALLEL)
    about = {"config": {"model": PARALLEL, "toml": {"audio": {"level_db": -26.0}}}, "card": {}}
    weights = np.zeros((5, PARALLEL["conv_dim"] + 1))
    state = add_highs.widened(about, model, BAND, weights)["model"]
    level = MEL_MEAN + MEL_STD * state["decoder.proj.bias"][N_MELS:]
    assert level.tolist() == pytest.approx([MEL_MEAN] * 5 + [math.log(LOG_FLOOR)] * 3)


def test_what_cannot_get_rows_above_is_a_sentence(place, monkeypatch):
    at, folder, _ = place
    voice = store.load(at / "voice.pt")
    other = {"model": SMALL, "toml": voice["config"]["toml"]}
    store.save(at / "slow.pt", {**voice, "config": other, "model": build(0, **SMALL).state_dict()})
    with pytest.raises(UserError, match="slow.pt: expected .*parallel decoder, found autoregressive"):
        run(monkeypatch, at / "slow.pt", folder.root, at / "none.pt")
    loud = {**voice["config"]["toml"], "audio": {"level_db": -19.0}}
    store.save(at / "loud.pt", {**voice, "config": {"model": PARALLEL, "toml": loud}})
    with pytest.raises(UserError, match="highs.json: expected .* at -19 dB.*found some at -26 dB.*--mel"):
        run(monkeypatch, at / "loud.pt", folder.root, at / "none.pt")
    card = {**voice["card"], "encoders": {"content": {"name": "c", "hash": "2"}}}
    store.save(at / "foreign.pt", {**voice, "card": card})
    with pytest.raises(UserError, match="foreign.pt: encoders does not match"):
        run(monkeypatch, at / "foreign.pt", folder.root, at / "none.pt")
    assert not (at / "none.pt").exists()
