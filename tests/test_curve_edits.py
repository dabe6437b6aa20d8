"""Smooth, snap to notes and vibrato: what changes, by how much, and what stays to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from common.cli import UserError
from conversion import curve_edits
from conversion.prosody import Curve

UNITS = 100


def curve(semitones: np.ndarray) -> Curve:
    """Semitones [N] re A4, voiced but for ten units in the middle; loudness falls."""
    voiced = np.ones(len(semitones), dtype=bool)
    voiced[45:55] = False
    return Curve(440.0 * 2 ** (semitones / 12), voiced, np.linspace(0, -20, len(semitones)))


def semitones(made: Curve) -> np.ndarray:
    return 12 * np.log2(made.f0 / 440.0)


@pytest.mark.parametrize(
    "change",
    [
        curve_edits.smoothed,
        curve_edits.snapped,
        lambda own, first, stop: curve_edits.with_vibrato(own, first, stop, 50),
    ],
)
def test_what_is_outside_and_unvoiced_stays_to_the_last_bit(change):
    own = curve(np.random.default_rng(1).normal(-9.3, 0.4, UNITS))
    made = change(own, 20, 70)
    outside = np.ones(UNITS, dtype=bool)
    outside[20:70] = False
    assert (made.f0[outside] == own.f0[outside]).all() and (made.db[outside] == own.db[outside]).all()
    assert (made.f0[45:55] == own.f0[45:55]).all() and (made.voiced == own.voiced).all()
    assert (made.f0[20:45] != own.f0[20:45]).any() and (made.f0[55:70] != own.f0[55:70]).any()


def test_smoothing_takes_jitter_and_leaves_a_straight_glide():
    glide = np.linspace(-12, -4, UNITS)
    rng = np.random.default_rng(2)
    rough = curve_edits.smoothed(curve(glide + rng.normal(0, 0.3, UNITS)), 0, UNITS)
    assert np.abs(semitones(rough) - glide)[:45].std() < 0.16
    plain = curve_edits.smoothed(curve(glide), 0, UNITS)
    assert np.abs(semitones(plain) - glide).max() < 1e-9
    assert np.abs(plain.db - curve(glide).db).max() < 1e-9


def test_notes_are_put_on_semitones_and_keep_their_vibrato():
    time = np.arange(UNITS) / 50
    wave = 0.35 * np.sin(2 * np.pi * 5.5 * time)
    own = np.where(np.arange(UNITS) < 45, -9.6, -5.2) + wave  # 40 cents above B3 is nearer to it than to C4
    made = semitones(curve_edits.snapped(curve(own), 0, UNITS))
    assert np.median(made[:45]) == pytest.approx(-10, abs=0.02)
    assert np.median(made[55:]) == pytest.approx(-5, abs=0.02)
    assert made[:45] - np.median(made[:45]) == pytest.approx(own[:45] - np.median(own[:45]), abs=1e-6)


def test_two_notes_sung_in_one_breath_are_two_and_a_scoop_is_none():
    own = np.concatenate([np.full(3, -11.4), np.full(20, -9.2), np.full(22, -6.7), np.full(55, -6.7)])
    made = semitones(curve_edits.snapped(curve(own), 0, UNITS))
    assert np.median(made[6:20]) == pytest.approx(-9, abs=0.05)
    assert np.median(made[27:44]) == pytest.approx(-7, abs=0.05)
    assert np.abs(np.diff(made)).max() < 3.0  # glides, no new leaps


@pytest.mark.parametrize("cents", [0.0, 50.0])
def test_a_vibrato_has_its_depth_and_rate(cents):
    own = curve(np.full(UNITS, -9.0) + 0.5 * np.sin(2 * np.pi * 5.5 * np.arange(UNITS) / 50))
    made = semitones(curve_edits.with_vibrato(own, 0, 45, cents))[12:45]
    assert (made.max() - made.min()) / 2 == pytest.approx(cents / 100, abs=0.1)
    if cents:
        spectrum = np.abs(np.fft.rfft(made - made.mean(), 1000))
        assert np.argmax(spectrum) * 50 / 1000 == pytest.approx(5.5, abs=0.6)


def test_a_single_unit_and_extremes_are_taken():
    own = curve(np.full(UNITS, 26.0))
    for change in (curve_edits.smoothed, curve_edits.snapped):
        assert np.isfinite(change(own, 3, 4).f0).all()
    assert curve_edits.with_vibrato(own, 0, UNITS, 300).f0.max() <= 2000


@pytest.mark.parametrize(("first", "stop"), [(-1, 5), (5, 5), (0, UNITS + 1)])
def test_a_stretch_beyond_the_curve_is_refused(first, stop):
    with pytest.raises(UserError, match=f"units 0 to {UNITS}, found {first} to {stop}"):
        curve_edits.smoothed(curve(np.zeros(UNITS)), first, stop)


def test_a_vibrato_beyond_its_limits_is_refused():
    with pytest.raises(UserError, match="vibrato: expected a depth from 0 to 300 cents, found 400"):
        curve_edits.with_vibrato(curve(np.zeros(UNITS)), 0, 5, 400)
