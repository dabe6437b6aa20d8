"""Voice cards in words, and parts that do not match."""

import time
from datetime import datetime

import pytest

from checkpoints import cards, store
from common.cli import UserError


def test_description_of_a_card(tmp_path):
    card = cards.card(
        step=1200,
        hours=1.5,
        f0_hz=[80.0, 410.0],
        loudness_db=[-50.0, 3.0],
        metrics={"loss": 0.12346, "gpe": 0.01},
        encoders={"content": {"name": "hubert-soft", "hash": "0123456789abcdef"}},
        vocoder={"name": "hifigan-hubert-soft", "hash": "fedcba9876543210"},
        dataset="声",
        labels={"pit": {"bins": 99}},
        refined_from="",
    )
    assert abs(time.time() - datetime.fromisoformat(card["created"]).timestamp()) < 60
    store.save(tmp_path / "m.pt", {"kind": "acoustic", "model": {}, "config": {}, "card": card})
    assert cards.describe(store.load(tmp_path / "m.pt")).splitlines() == [
        f"acoustic, step 1200, {card['created']}",
        "data: 1.50 h",
        "F0: 80 to 410 Hz",
        "loudness: -50 to 3 dB",
        "content: hubert-soft (0123456789abcdef)",
        "vocoder: hifigan-hubert-soft (fedcba9876543210)",
        "metrics: loss 0.1235, gpe 0.01",
        "dataset: 声",
    ]
    assert cards.describe({"kind": "hifigan", "training": {"step": 5}}) == "hifigan, step 5"


def described(**other):
    """What a run says of itself, and with other sizes, labels, card … what another does."""
    ours = {
        "kind": "acoustic",
        "model": {"dim": 32, "rates": [2, 2]},
        "labels": {"pit": {"bins": 99, "f_min": 50.0}},
        "card": {"encoders": {"content": {"name": "a", "hash": "aa"}, "pit": {"name": "b", "hash": "bb"}}},
        **other,
    }
    return {**ours, "config": {"model": ours.pop("model"), "toml": {}}}


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"kind": "istft"}, "expected acoustic, found istft; give --resume a checkpoint of that"),
        ({"model": {"dim": 48, "rates": [2, 2]}}, "expected dim 48, found dim 32; give the --config"),
        ({"model": {"dim": 32}}, "expected rates missing, found rates [2, 2];"),
        ({"labels": {"pit": {"bins": 99, "f_min": 60.0}}}, "expected pit.f_min 60.0, found pit.f_min 50.0;"),
        ({"labels": None}, "found pit.bins 99, pit.f_min 50.0"),
        ({"card": {}}, "expected nothing, found content aa pit bb; give"),
        ({"card": {**described()["card"], "pitdyn": "tracker"}}, "content aa pit bb pitdyn tracker, found"),
    ],
)
def test_a_run_goes_on_from_its_own_checkpoints_alone(other, says):
    with pytest.raises(UserError) as error:
        cards.require_continuation("m.pt", described(), described(**other))
    assert says in str(error.value)


def test_a_run_goes_on_though_its_encoders_have_moved():
    moved = {"content": {"name": "c", "hash": "aa"}, "pit": {"name": "d", "hash": "bb"}}
    theirs = described(card={"encoders": moved, "pitdyn": "hubert"})
    cards.require_continuation("m.pt", described(), theirs)
    cards.require_continuation("m.pt", described(labels=None), described(labels=None))


def test_require_match():
    cards.require_match("content encoder", "aa", "aa", "")
    with pytest.raises(UserError) as error:
        cards.require_match("content encoder", "hubert-soft aa", "hubert-soft bb", "run preprocess.py again")
    assert str(error.value) == (
        "content encoder does not match: expected hubert-soft aa, found hubert-soft bb; "
        "run preprocess.py again"
    )
