"""Octave errors are taken back, and nothing else is."""

import numpy as np
import pytest
from conftest import labels_of_2022

from conversion import octave_errors
from hubert_pitdyn.labels import PitLabels

LABELS = PitLabels()


def distribution(f0: np.ndarray, labels: PitLabels = LABELS) -> np.ndarray:
    """[N, K] as a model gives it: sure of f0 [N], with some doubt about the octave below and above."""
    sure, low, high = (labels.soft(np.where(f0 > 0, f0 * by, 0)) for by in (1, 0.5, 2))
    return 0.8 * sure + 0.1 * low + 0.1 * high


def corrected(p: np.ndarray, labels: PitLabels = LABELS) -> np.ndarray:
    """What the neighbours alone say: the wav is silent."""
    return octave_errors.correct(p, labels, np.zeros(320 * len(p), np.float32))


def melody(count: int = 80, hertz: float = 220.0) -> np.ndarray:
    """Glides by a fifth and back, unvoiced at both ends and once between."""
    f0 = hertz * 2 ** (0.29 * np.sin(np.arange(count) / 9))
    f0[:5] = f0[-5:] = f0[40:46] = 0
    return f0


def leaping(f0: np.ndarray, frames: slice, by: float) -> np.ndarray:
    return np.where(np.isin(np.arange(len(f0)), np.r_[frames]), f0 * by, f0)


def cents(p: np.ndarray, f0: np.ndarray, labels: PitLabels = LABELS) -> np.ndarray:
    voiced = f0 > 0
    return 1200 * np.log2(labels.pitch(p)[voiced] / f0[voiced])


@pytest.mark.parametrize("frames", [slice(20, 21), slice(20, 23), slice(46, 48), slice(73, 75)])
def test_a_short_leap_up_goes_back_inside_and_at_the_edges_of_a_phrase(frames):
    f0 = melody()
    p = distribution(leaping(f0, frames, 2.0))
    found = corrected(p)
    assert np.abs(cents(p, f0)).max() > 1100
    assert np.abs(cents(found, f0)).max() < LABELS.bin_cents
    same = np.setdiff1d(np.arange(len(f0)), np.r_[frames])
    np.testing.assert_array_equal(found[same], p[same])
    np.testing.assert_allclose(found[:, 0], p[:, 0], atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert found.dtype == p.dtype


def test_what_has_no_error_is_given_back():
    p = distribution(melody())
    assert corrected(p) is p


def test_an_octave_that_is_sung_stays():
    p = distribution(leaping(melody(), slice(12, 24), 2.0))
    assert corrected(p) is p


def test_a_creak_stays_and_a_high_leap_down_goes_back():
    creak = distribution(leaping(melody(), slice(20, 22), 0.5))
    assert corrected(creak) is creak
    high = melody(hertz=780.0)
    p = distribution(leaping(high, slice(20, 22), 0.5))
    assert np.abs(cents(corrected(p), high)).max() < LABELS.bin_cents


def test_labels_of_2022_without_an_unvoiced_class():
    labels, _ = labels_of_2022()
    f0 = np.full(30, 200.0)
    found = corrected(labels.soft(leaping(f0, slice(9, 10), 2.0)), labels)
    assert np.abs(cents(found, f0, labels)).max() <= labels.bin_cents / 2


def test_one_frame_and_silence():
    for f0 in (np.array([150.0]), np.zeros(1), np.zeros(20)):
        p = LABELS.soft(f0)
        assert corrected(p) is p


@pytest.mark.parametrize("rows", [7, 20, 79])
def test_a_long_recording_is_corrected_in_parts_as_at_once(rows, monkeypatch):
    p = distribution(leaping(melody(), slice(19, 23), 2.0)).astype(np.float32)
    whole = corrected(p)
    assert whole is not p
    monkeypatch.setattr(octave_errors, "ROWS", rows)
    np.testing.assert_array_equal(corrected(p), whole)


def test_one_frame_that_the_spectrum_alone_puts_into_creak_goes_back(monkeypatch):
    f0 = melody(hertz=130.0)
    p, low = distribution(f0), distribution(leaping(f0, slice(20, 21), 0.5))
    monkeypatch.setattr(octave_errors.harmonics, "weigh", lambda *_: low.copy())
    assert np.abs(cents(corrected(p), f0)).max() < LABELS.bin_cents
    assert np.abs(cents(corrected(low), f0)).max() > 1100
