"""Every figure of evaluation/metrics.py on values worked out by hand, and NaN where there is no figure."""

import math

import numpy as np
import pytest

import audio
from evaluation import metrics
from evaluation.cepstrum import ORDER, mel_cepstrum, world_mel_cepstrum

# Right, an octave up, 34 cents up, 454 cents up, missed | invented, rightly silent | an octave down.
REFERENCE = np.array([100.0, 100, 100, 100, 100, 0, 0, 200])
ESTIMATE = np.array([100.0, 200, 102, 130, 0, 90, 0, 100])
OFF = np.array([0, 1200, 1200 * math.log2(1.02), 1200 * math.log2(1.3), -1200])
NOWHERE = np.zeros(4)


def test_f0_metrics_by_hand():
    assert metrics.f0_metrics(REFERENCE, ESTIMATE) == pytest.approx(
        {
            "gpe": 3 / 5,
            "vde": 2 / 8,
            "ffe": (3 + 2) / 8,
            "rpa50": 2 / 6,
            "rpa20": 1 / 6,
            "rca50": 4 / 6,
            "octave_error": 2 / 6,
            "f0_rmse_cents": math.sqrt((OFF**2).sum() / 5),
            "f0_rmse_hz": math.sqrt((0 + 100**2 + 2**2 + 30**2 + 100**2) / 5),
            "f0_corr": np.corrcoef([0, 0, 0, 0, 1200], np.array([0, 0, 0, 0, 1200]) + OFF)[0, 1],
            "f0_offset_cents": OFF[2],
        }
    )


def test_octave_errors_are_found_where_they_are():
    assert np.flatnonzero(metrics.octave_error_frames(REFERENCE, ESTIMATE)).tolist() == [1, 7]


def test_gross_is_more_than_twenty_per_cent():
    assert metrics.gpe(np.full(4, 100.0), np.array([119.0, 121, 81, 79])) == 0.5


def test_a_missed_frame_is_no_pitch_within_50_cents():
    assert metrics.rpa(np.full(4, 100.0), np.array([100.0, 100, 100, 0])) == 0.75


def test_correlation_is_blind_to_transposition_and_the_offset_is_not():
    reference = 100 * 2 ** np.array([0, 1 / 12, 2 / 12])
    assert metrics.f0_corr(reference, 1.5 * reference) == pytest.approx(1)
    assert metrics.f0_offset_cents(reference, 1.5 * reference) == pytest.approx(1200 * math.log2(1.5))
    assert metrics.f0_corr(reference, 1 / reference) == pytest.approx(-1)
    assert metrics.f0_corr(reference, reference[[0, 2, 1]]) == pytest.approx(0.5)


@pytest.mark.parametrize("estimate", [np.full(4, 100.0), np.full(4, 100.0) + 1e-13 * np.arange(4)])
def test_a_track_that_stands_still_has_no_correlation(estimate):
    assert math.isnan(metrics.f0_corr(np.array([100.0, 110, 120, 130]), estimate))


def test_two_frames_have_no_correlation():
    assert math.isnan(metrics.f0_corr(np.array([100.0, 110, 0]), np.array([100.0, 120, 90])))


def test_nothing_voiced_is_undefined_but_for_the_voicing():
    got = metrics.f0_metrics(NOWHERE, NOWHERE)
    assert got.pop("vde") == 0 and got.pop("ffe") == 0
    assert all(math.isnan(value) for value in got.values())


def test_an_unvoiced_conversion_has_accuracies_of_zero_and_no_gross_errors():
    got = metrics.f0_metrics(np.full(4, 100.0), NOWHERE)
    assert got["rpa50"] == got["rca50"] == got["octave_error"] == 0 and got["vde"] == got["ffe"] == 1
    undefined = {"gpe", "f0_rmse_cents", "f0_rmse_hz", "f0_corr", "f0_offset_cents"}
    assert {name for name, value in got.items() if math.isnan(value)} == undefined


def test_no_frames_at_all_is_undefined():
    assert all(math.isnan(value) for value in metrics.f0_metrics(np.array([]), np.array([])).values())


@pytest.mark.parametrize("bad", [np.full(3, 100.0), np.array([100.0, np.nan, 0, 0]), -np.ones(4)])
def test_tracks_that_cannot_be_compared_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        metrics.f0_metrics(np.full(4, 100.0), bad)


def test_dynamics_by_hand():
    source = np.array([-20.0, -30, -40, -50, -71])  # the last lies 51 dB below the peak
    got = metrics.dynamics_metrics(source, source + 6 + np.array([1, -1, 3, -3, 40]))
    assert got["dyn_rmse_db"] == pytest.approx(math.sqrt((1 + 1 + 9 + 9) / 4))
    assert got["dyn_within_1p5db"] == 0.5
    assert got["dyn_r"] == pytest.approx(np.corrcoef([-20, -30, -40, -50], [-19, -31, -37, -53])[0, 1])


def test_a_gain_is_no_error_of_dynamics():
    source = np.array([-20.0, -31, -44, -27])
    got = metrics.dynamics_metrics(source, source - 12)
    assert got == pytest.approx({"dyn_r": 1, "dyn_rmse_db": 0, "dyn_within_1p5db": 1}, abs=1e-9)


def test_dynamics_of_silence_and_of_a_steady_tone_are_undefined():
    silence = np.full(9, audio.LOUDNESS_FLOOR_DB)
    assert all(map(math.isnan, metrics.dynamics_metrics(silence, silence).values()))
    steady = metrics.dynamics_metrics(np.full(9, -20.0), np.full(9, -26.0))
    assert math.isnan(steady["dyn_r"]) and steady["dyn_rmse_db"] == 0
    assert all(map(math.isnan, metrics.dynamics_metrics(np.array([]), np.array([])).values()))


def test_mcd_by_hand():
    one = np.zeros((4, ORDER + 1))
    two = one.copy()
    two[:, 0] = 9  # c0 is left out
    two[:, [3, 7]] = 0.3, 0.4
    assert metrics.mcd(one, two) == pytest.approx(10 / math.log(10) * math.sqrt(2) * 0.5)
    two[2:] = one[2:]
    half = metrics.mcd(one, two)
    assert half == pytest.approx(10 / math.log(10) * math.sqrt(2) * 0.25)
    assert metrics.mcd(one, two, np.array([True, True, False, False])) == pytest.approx(2 * half)
    assert math.isnan(metrics.mcd(one, two, np.zeros(4, dtype=bool)))


def test_mcd_of_a_slower_copy_is_zero_only_when_warped():
    one = np.random.default_rng(0).normal(size=(20, ORDER + 1))
    slow = np.repeat(one, 2, axis=0)
    assert metrics.mcd(one, slow, dtw=True) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="one shape"):
        metrics.mcd(one, slow)


@pytest.mark.parametrize("alpha", [0.0, 0.42])
def test_mel_cepstrum_of_warped_cosines_is_their_amplitudes(alpha):
    w = np.linspace(0, np.pi, 513)
    warped = np.angle((np.exp(1j * w) - alpha) / (1 - alpha * np.exp(1j * w)))  # phase of the all-pass
    warped[-1] = np.pi
    c = mel_cepstrum((0.2 + 0.5 * np.cos(3 * warped))[None], 24, alpha)[0]
    wanted = np.zeros(25)
    wanted[[0, 3]] = 0.2, 0.5
    assert np.abs(c - wanted).max() < 1e-9


def test_a_gain_is_no_mel_cepstral_distortion():
    pytest.importorskip("pyworld")
    from conftest import sing

    wav = sing(150, 220, 0.8, 1)
    (one, counted), (two, _), (other, _) = map(world_mel_cepstrum, (wav, 0.5 * wav, sing(250, 300, 0.8, 2)))
    assert one.shape[1] == ORDER + 1 and 0.5 < counted.mean() < 1
    assert metrics.mcd(one, two, counted) < 0.2 < 2 < metrics.mcd(one, other, counted)


def test_word_errors_by_hand():
    assert metrics.word_error_rate("The cat sat.", "the CAT, sat") == 0
    assert metrics.word_error_rate("the cat sat", "the bat") == pytest.approx(2 / 3)
    assert metrics.word_error_rate("the cat sat", "the cat sat down on the mat") == pytest.approx(4 / 3)
    assert metrics.word_error_rate("the cat", "") == 1
    assert math.isnan(metrics.word_error_rate(" …", "something"))


def test_character_errors_by_hand():
    assert metrics.character_error_rate("cat sat", "bat sat") == pytest.approx(1 / 7)
    assert metrics.character_error_rate("ほげ", "ほけ") == pytest.approx(1 / 2)
    assert math.isnan(metrics.character_error_rate("", ""))


def test_apostrophes_are_the_same_on_both_sides():
    assert metrics.word_error_rate("Don’t—they're one-legged", "dont they‘re one legged!") == 0


def test_bootstrap_is_repeatable_and_leaves_out_nan():
    values = list(np.random.default_rng(0).normal(5, 2, 12))
    interval = metrics.bootstrap_interval(values, seed=3)
    assert interval == metrics.bootstrap_interval([*values, math.nan], seed=3)
    assert interval != metrics.bootstrap_interval(values, seed=4)
    assert interval[0] < np.mean(values) < interval[1]
    assert all(map(math.isnan, metrics.bootstrap_interval([1.0, math.nan])))
    assert metrics.bootstrap_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)


def test_bootstrap_covers_the_true_mean_about_95_times_of_100():
    rng = np.random.default_rng(0)
    intervals = [metrics.bootstrap_interval(rng.normal(5, 2, 40), seed=i, resamples=300) for i in range(100)]
    assert 88 <= sum(low <= 5 <= high for low, high in intervals) <= 99
