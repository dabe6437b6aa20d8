"""Statistics of a data set's pitch and loudness: known by hand, merged, and of nothing."""

import json

import numpy as np
import pytest

from audio import SAMPLE_RATE, UNIT_RATE
from hubert_pitdyn.labels import PitLabels
from preprocessing.stats import Stats


def utterance(hertz: float, units: int = 100) -> tuple[np.ndarray, np.ndarray, float]:
    f0 = np.full(units, hertz)
    f0[: units // 4] = 0
    return f0, np.linspace(-60, -20, units), -25.0


def test_stats_of_two_notes_known_by_hand():
    stats = Stats()
    stats.add(*utterance(110.0))
    stats.add(*utterance(440.0, units=300))
    figures = stats.to_dict()
    assert figures["n_frames"] == 400 and figures["n_hours"] == pytest.approx(400 / UNIT_RATE / 3600)
    assert (figures["pit_min"], figures["pit_max"]) == pytest.approx((110, 440))
    assert (figures["dyn_min"], figures["dyn_max"]) == (-60, -20)
    assert figures["voiced_share"] == pytest.approx(0.75)
    assert figures["f0_hz"]["p5"] == pytest.approx(110, rel=1e-3)
    assert figures["f0_hz"]["p50"] == pytest.approx(440, rel=1e-3)
    assert figures["f0_hz"]["log_mean"] == pytest.approx(110 * 4**0.75, rel=1e-6)
    assert figures["f0_std_semitones"] == pytest.approx(24 * np.sqrt(0.25 * 0.75), rel=1e-4)
    assert figures["f0_std_in_file_semitones"] == pytest.approx(0, abs=1e-6)
    assert figures["active_level_db"] == {"mean": -25.0, "std": 0.0}
    assert sum(figures["pit_counts"]) == sum(figures["dyn_counts"]) == 400
    low = PitLabels().encode(np.array([110.0]))[0]
    assert figures["pit_counts"][0] == 100 and figures["pit_counts"][low] == 75
    assert json.loads(json.dumps(figures)) == figures


def test_stats_lines_are_the_seeds():
    stats = Stats()
    stats.add(*utterance(220.0, units=SAMPLE_RATE))
    lines = dict(line.split(": ") for line in stats.to_text().splitlines())
    assert list(lines) == ["n_frames", "n_hours", "pit_max", "pit_min", "dyn_max", "dyn_min"]
    assert float(lines["n_hours"]) == pytest.approx(SAMPLE_RATE * 0.02 / 3600)
    assert float(lines["pit_max"]) == pytest.approx(220)


def test_stats_of_nothing_voiced_are_none_not_zero():
    stats = Stats()
    stats.add(np.zeros(20), np.full(20, -80.0), -80.0)
    figures = stats.to_dict()
    assert figures["pit_max"] is None and figures["f0_hz"]["p50"] is None
    assert figures["f0_std_semitones"] is None and figures["voiced_share"] == 0
    assert "pit_max: nan" in stats.to_text()
