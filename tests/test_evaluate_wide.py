"""evaluate.py vocoder --wide: what a copy has above 8 kHz, within the bandwidth of its recording."""

import argparse
import math

import numpy as np
import pytest
import soundfile
from small_voice import harmonic

from bands import Band
from common.cli import UserError
from common.presets import load_config
from evaluation import commands, wide

BAND = Band(44100, 8)


def hiss(seed: int, top: float = 20000.0) -> np.ndarray:
    """Two seconds of noise up to `top` Hz, then a pause."""
    noise = np.random.default_rng(seed).standard_normal(2 * 44100)
    spectrum = np.fft.rfft(noise)
    spectrum[np.fft.rfftfreq(len(noise), 1 / 44100) > top] = 0
    return np.concatenate([0.1 * np.fft.irfft(spectrum), np.zeros(22050)]).astype(np.float32)


def test_a_perfect_copy_has_no_distance_and_one_at_half_the_size_is_6_db_below():
    found = wide.figures(hiss(0), hiss(0), BAND)
    assert found["lsd_high"] == 0 == found["db_8_10"] == found["db_14_20"]
    assert found["bandwidth_khz"] == pytest.approx(20, abs=0.3)
    found = wide.figures(hiss(0), 0.5 * hiss(0), BAND)
    assert [found[f"db_{part}"] for part in ("8_10", "10_14", "14_20")] == pytest.approx(
        [-6.02] * 3, abs=0.01
    )
    assert found["lsd_high"] == pytest.approx(6.02, abs=0.01)


def test_two_noises_of_one_envelope_are_8_db_apart():
    assert wide.figures(hiss(0), hiss(1), BAND)["lsd_high"] == pytest.approx(7.9, abs=0.3)


def test_nothing_counts_beyond_the_bandwidth_of_the_recording():
    found = wide.figures(hiss(0, 11000.0), hiss(0, 11000.0) + hiss(1) - hiss(1, 11500.0), BAND)
    assert found["bandwidth_khz"] == pytest.approx(11, abs=0.3)
    assert abs(found["db_8_10"]) < 0.1 and found["lsd_high"] < 2
    assert math.isnan(found["db_10_14"]) and math.isnan(found["db_14_20"])
    narrow = wide.figures(hiss(0, 7000.0), hiss(0), BAND)
    assert math.isnan(narrow["lsd_high"]) and math.isnan(narrow["db_8_10"])


def test_a_recording_is_measured_through_a_wide_vocoder(tmp_path):
    path = tmp_path / "歌.wav"
    soundfile.write(path, hiss(0), 44100)
    found = wide.measure(harmonic(rate=44100, high_bands=8), path, -26.0, "yin")
    assert found["lsd_high"] > 3 and found["rtf"] > 0 and found["bandwidth_khz"] > 19


@pytest.mark.parametrize("level", [-33.0, None])
def test_a_vocoder_is_measured_at_the_level_of_its_own_mels(monkeypatch, level):
    """Where it has one: other mels than those that it was trained on say little of it."""
    vocoder, config = harmonic(rate=44100, high_bands=8), load_config()
    vocoder.level_db = level
    monkeypatch.setattr(commands.pipeline, "load_vocoder", lambda *a, **k: vocoder)
    ways = commands.wide_ways(argparse.Namespace(vocoders=["v.pt"]), config, "cpu")
    assert ways["v.pt"].keywords["level_db"] == (level or config["audio"]["level_db"])


def test_a_vocoder_of_16_khz_has_nothing_to_measure(monkeypatch):
    monkeypatch.setattr(commands.pipeline, "load_vocoder", lambda *a, **k: harmonic())
    args = argparse.Namespace(vocoders=["old.pt"])
    with pytest.raises(UserError, match="old.pt: expected a vocoder of more than 16 kHz"):
        commands.wide_ways(args, load_config(), "cpu")
