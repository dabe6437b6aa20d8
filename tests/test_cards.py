"""Voice cards in words, and parts that do not match."""

import time
from datetime import datetime

import pytest

import cards
import checkpoints
from cli import UserError


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
    checkpoints.save(tmp_path / "m.pt", {"kind": "acoustic", "model": {}, "config": {}, "card": card})
    assert cards.describe(checkpoints.load(tmp_path / "m.pt")).splitlines() == [
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


def test_require_match():
    cards.require_match("content encoder", "aa", "aa", "")
    with pytest.raises(UserError) as error:
        cards.require_match("content encoder", "hubert-soft aa", "hubert-soft bb", "run preprocess.py again")
    assert str(error.value) == (
        "content encoder does not match: expected hubert-soft aa, found hubert-soft bb; "
        "run preprocess.py again"
    )
