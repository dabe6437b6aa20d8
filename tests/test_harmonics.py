"""The spectrum decides between two octaves, and says nothing where there is nothing to be heard."""

import numpy as np
import pytest

import audio
from common.spool import Spool
from conversion import harmonics
from hubert_pitdyn.labels import PitLabels

LABELS = PitLabels()
UNITS = 40


def note(hertz: float, weights: dict[int, float] | None = None, rough: float = 0.0) -> np.ndarray:
    """A held tone [320N] whose harmonics fall by 1 / k but for these."""
    phase = hertz * np.arange(320 * UNITS) / audio.SAMPLE_RATE
    parts = [
        (weights or {}).get(k, 1 / k) * np.sin(2 * np.pi * k * phase + k) for k in range(1, int(7600 / hertz))
    ]
    return (0.1 * np.sum(parts, axis=0) * (1 + rough * np.cos(np.pi * phase))).astype(np.float32)


def between(low: float, share: float) -> np.ndarray:
    """A distribution [N, K] with so much on a pitch in Hz, and the rest on the octave above."""
    both = (LABELS.soft(np.full(UNITS, hertz)) for hertz in (low, 2 * low))
    return (share * next(both) + (1 - share) * next(both)).astype(np.float32)


def heard(p: np.ndarray, wav: np.ndarray) -> float:
    """Median pitch in Hz, the borders left out."""
    return float(np.median(LABELS.pitch(harmonics.weigh(p, LABELS, wav))[5:-5]))


@pytest.mark.parametrize("hertz", [90.0, 200.0, 290.0, 500.0])
@pytest.mark.parametrize("strong", [{}, {2: 5.0}])
def test_a_pressed_note_is_no_octave_higher(hertz, strong):
    p = between(hertz, 0.1)
    assert np.median(LABELS.pitch(p)) == pytest.approx(2 * hertz, rel=0.02)
    assert heard(p, note(hertz, strong)) == pytest.approx(hertz, rel=0.02)


@pytest.mark.parametrize("hertz", [180.0, 400.0, 900.0])
@pytest.mark.parametrize("rough", [0.0, 0.1])
def test_a_harsh_note_is_no_octave_lower(hertz, rough):
    p = between(hertz / 2, 0.9)
    assert heard(p, note(hertz, rough=rough)) == pytest.approx(hertz, rel=0.02)


def test_a_note_whose_octave_is_above_all_labels_is_found_from_their_edge():
    hertz = 700.0
    top, own = LABELS.soft(np.full(UNITS, LABELS.f_max)), LABELS.soft(np.full(UNITS, hertz))
    assert heard(0.8 * top + 0.2 * own, note(hertz, {2: 8.0})) == pytest.approx(hertz, rel=0.02)


def test_noise_and_silence_leave_the_model_its_choice():
    noise = np.random.default_rng(0).standard_normal(320 * UNITS).astype(np.float32)
    p = between(200.0, 0.3)
    assert harmonics.weigh(p, LABELS, np.zeros_like(noise)) is p
    assert heard(p, noise) == pytest.approx(400, rel=0.02)


def test_sure_frames_stay_to_the_last_bit_and_voicing_does():
    p, wav = between(200.0, 0.1), note(200.0, {2: 5.0})
    p[:20] = LABELS.soft(np.full(20, 400.0))
    p[30:] *= 0.7
    p[30:, 0] += 0.3
    found = harmonics.weigh(p, LABELS, wav)
    np.testing.assert_array_equal(found[:20], p[:20])
    assert (LABELS.pitch(found)[20:] < 210).all() and found.dtype == p.dtype
    np.testing.assert_allclose(found[:, 0], p[:, 0])
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("rows", [7, 20, 39])
def test_a_long_recording_in_parts_and_in_a_file(rows, monkeypatch, tmp_path):
    p, wav = between(200.0, 0.1), note(200.0, {2: 5.0})
    whole = harmonics.weigh(p, LABELS, wav)
    monkeypatch.setattr(harmonics, "ROWS", rows)
    kept = Spool(tmp_path)
    kept.append(wav)
    np.testing.assert_array_equal(harmonics.weigh(p, LABELS, kept), whole)
    kept.close()


def test_what_lies_over_a_pitch_beside_the_edge_is_left_alone_where_that_is_sung():
    hertz = 1075.0
    top, below = LABELS.soft(np.full(UNITS, hertz)), LABELS.soft(np.full(UNITS, 760.0))
    assert heard(0.9 * top + 0.1 * below, note(hertz)) == pytest.approx(hertz, rel=0.02)
