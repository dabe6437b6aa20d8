"""Hum far below a voice is unvoiced; a faint voice that the model is sure of, and all else, stays."""

import numpy as np

from conversion import octave_errors, pitch_errors
from hubert_pitdyn.labels import PitLabels

LABELS = PitLabels()
LOUD, FAINT = np.zeros(10), np.where(np.arange(10) < 4, pitch_errors.HUM_DB - 5, -10.0)
SILENT = np.zeros(3200, np.float32)


def voiced(by: float) -> np.ndarray:
    """A distribution [10, K] on 120 Hz, voiced by so much."""
    p = (by * LABELS.soft(np.full(10, 120.0))).astype(np.float32)
    p[:, 0] += 1 - by
    return p


def test_what_is_faint_needs_more_than_half_to_be_a_voice():
    hum, voice = voiced(0.7), voiced(0.95)
    assert (LABELS.voiced(hum) > 0.5).all()
    found = pitch_errors.correct(hum, LABELS, SILENT, FAINT)
    assert not (LABELS.voiced(found)[:4] > 0.5).any()
    np.testing.assert_array_equal(found[4:], hum[4:])
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert (LABELS.voiced(hum) > 0.5).all()  # what was given is as it was
    assert (LABELS.voiced(pitch_errors.correct(voice, LABELS, SILENT, FAINT)) > 0.5).all()


def test_where_all_is_loud_nothing_changes():
    p = voiced(0.7)
    assert pitch_errors.correct(p, LABELS, SILENT, LOUD) is p


def test_labels_without_an_unvoiced_class_have_no_hum():
    labels = PitLabels(unvoiced=False)
    p = labels.soft(np.full(10, 120.0))
    assert pitch_errors.correct(p, labels, SILENT, FAINT) is p


def test_octaves_are_corrected_first():
    f0 = np.full(10, 220.0)
    leap = 0.8 * LABELS.soft(np.where(np.arange(10) == 5, 440.0, f0)) + 0.2 * LABELS.soft(f0)
    found = pitch_errors.correct(leap, LABELS, SILENT, LOUD)
    np.testing.assert_array_equal(found, octave_errors.correct(leap, LABELS, SILENT))
    assert LABELS.pitch(found).max() < 230


def test_loudness_is_told_beside_the_voice_however_quiet_it_is():
    rng = np.random.default_rng(0)
    wav = np.concatenate([rng.standard_normal(16000), 0.01 * rng.standard_normal(16000)]).astype(np.float32)
    for gain in (0.1, 0.0002):
        relative = pitch_errors.relative_loudness(gain * wav)
        assert np.abs(relative[5:45]).max() < 3 and np.abs(relative[55:95] + 40).max() < 3
