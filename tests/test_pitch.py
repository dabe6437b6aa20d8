"""F0 trackers: on the unit centres, unvoiced where nothing is sung, and the 2022 recipe for the ablation."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audio import SAMPLE_RATE, UNIT_HOP
from hubert_pitdyn import pitch

ROOT = Path(__file__).parents[1]
TRACKERS = [
    pytest.param(name, marks=pytest.mark.skipif(bool(pitch.missing(name)), reason=pitch.missing(name)))
    for name in pitch.TRACKERS
]


def chirp(low: float, high: float, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """A glide even in log-F0 with all its harmonics: wav [S], true F0 [N] at samples 320k + 160."""
    samples = int(seconds * SAMPLE_RATE) // UNIT_HOP * UNIT_HOP
    f0 = np.geomspace(low, high, samples)
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    wav = sum(np.sin(h * phase) * (h * f0 < 7600) / h for h in range(1, 40))
    return (0.4 * wav / np.abs(wav).max()).astype(np.float32), f0[UNIT_HOP // 2 :: UNIT_HOP]


def cents(f0: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return 1200 * np.log2(f0[f0 > 0] / truth[f0 > 0])


@pytest.mark.parametrize("tracker", TRACKERS)
@pytest.mark.parametrize("span", [(60, 1000, 8), (1000, 60, 8), (80, 300, 2), (900, 400, 2)])
def test_chirp_within_five_cents_at_the_unit_centre(tracker, span):
    wav, truth = chirp(*span)
    f0 = pitch.track(wav, tracker)
    assert f0.shape == truth.shape and f0.dtype == np.float32
    assert (f0 > 0).mean() > 0.97
    assert np.median(np.abs(cents(f0, truth))) < 5
    # 2 ms off the centre would be 1 cent on the slow and 4 on the fast glides, with the sign of the glide.
    assert abs(np.median(cents(f0, truth))) < 2


@pytest.mark.parametrize("tracker", TRACKERS)
def test_uncentred_values_belong_to_the_start_of_the_unit(tracker):
    wav, truth = chirp(100, 400, 1.5)
    late = pitch.track(wav, tracker, centred=False)
    half_unit = 1200 * np.log2(truth[1] / truth[0]) / 2
    assert np.median(cents(late, truth)) == pytest.approx(-half_unit, abs=3), f"{half_unit:.0f} cents early"


@pytest.mark.parametrize("tracker", TRACKERS)
def test_silence_and_noise_are_unvoiced(tracker):
    noise = np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE).astype(np.float32)
    assert not pitch.track(np.zeros(SAMPLE_RATE, np.float32), tracker).any()
    assert (pitch.track(0.1 * noise, tracker) > 0).mean() < 0.02
    assert not pitch.track(1e-6 * noise, tracker).any()


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_gap_stays_a_gap_and_a_quiet_recording_keeps_its_pitch(tracker):
    wav, truth = chirp(150, 250, 2)
    wav[: SAMPLE_RATE // 2] = 0
    wav[SAMPLE_RATE : SAMPLE_RATE + SAMPLE_RATE // 4] = 0
    f0 = pitch.track(wav, tracker)
    inside = np.r_[2:23, 52:60]
    assert not f0[inside].any(), "nothing is carried over a gap"
    assert (f0[[*range(27, 48), *range(66, 98)]] > 0).all()
    quiet = pitch.track(wav * 10 ** (-50 / 20), tracker)
    assert ((quiet > 0) == (f0 > 0)).mean() > 0.97
    assert np.median(np.abs(cents(quiet, truth))) < 5


@pytest.mark.parametrize("tracker", TRACKERS)
@pytest.mark.parametrize("units", [1, 2, 5])
def test_very_short_wavs_work(tracker, units):
    wav, _ = chirp(200, 202, 1)
    f0 = pitch.track(wav[: units * UNIT_HOP], tracker)
    assert f0.shape == (units,) and np.isfinite(f0).all()
    assert pitch.track(np.zeros(units * UNIT_HOP, np.float32), tracker).tolist() == [0] * units


@pytest.mark.parametrize("tracker", TRACKERS)
def test_range_bounds_every_value_and_voicing_can_be_left_out(tracker):
    wav, _ = chirp(60, 1000, 3)
    f0 = pitch.track(wav, tracker, f_min=100, f_max=400)
    assert ((f0 == 0) | ((f0 >= 100) & (f0 <= 400))).all()
    guess = pitch.track(wav, tracker, f_min=100, f_max=400, voicing=False)
    assert ((guess >= 100) & (guess <= 400)).all()


@pytest.mark.parametrize("tracker", TRACKERS)
def test_low_singers_below_fifty_hertz_are_possible(tracker):
    wav, truth = chirp(49, 60, 2)
    f0 = pitch.track(wav, tracker, f_min=48)
    assert np.median(np.abs(cents(f0, truth))) < 8 and (f0 > 0).mean() > 0.9


def test_a_long_file_in_pieces_is_the_same_as_in_one(monkeypatch):
    wav, _ = chirp(100, 200, 8)
    whole = {name: pitch.track(wav, name) for name in ("yin", "swift_f0") if not pitch.missing(name)}
    monkeypatch.setattr(pitch, "CHUNK", 80)
    for name, f0 in whole.items():
        assert np.abs(cents(pitch.track(wav, name), f0)).max() < 3, name


def test_the_2022_recipe_hears_a_wrong_rate_too_early():
    wav, truth = chirp(80, 160, 4)
    recipe = {"f_min": 43.15068435668945, "f_max": 551.25, "voicing": False, "assumed_rate": 22050}
    f0 = pitch.track(wav, "yin", centred=False, **recipe)
    assert f0.shape == truth.shape
    ratio = np.median(f0 / truth)
    assert ratio == pytest.approx(22050 / SAMPLE_RATE, rel=0.01), "frequencies are 1.378 times too high"
    high, _ = chirp(450, 500, 2)
    folded = pitch.track(high, "yin", centred=False, **recipe)
    assert np.median(folded) < 400, "and high voices fold down an octave"
    assert (pitch.track(np.zeros(3200, np.float32), "yin", centred=False, **recipe) > 0).all(), "no voicing"
    with pytest.raises(ValueError, match="assumed_rate"):
        pitch.track(wav, "yin", assumed_rate=22050)


def test_unusable_input_is_refused():
    with pytest.raises(ValueError, match="there are swift_f0, fcpe, pyin, yin"):
        pitch.track(np.zeros(640, np.float32), "crepe")
    with pytest.raises(ValueError, match="320"):
        pitch.track(np.zeros(500, np.float32))
    with pytest.raises(ValueError, match="f_min"):
        pitch.track(np.zeros(640, np.float32), f_min=300, f_max=200)


def test_an_absent_package_falls_back_to_pyin_and_says_so(monkeypatch):
    lines = []
    assert pitch.resolve("pyin", lines.append) == "pyin"
    assert lines == ["pitch tracker: pyin"]
    monkeypatch.setattr(pitch, "missing", lambda name: "No module named 'swift_f0'")
    assert pitch.resolve("swift_f0", lines.append) == "pyin"
    assert "pitch tracker: pyin" in lines[1] and "pip install swift-f0" in lines[1]
    wav, truth = chirp(200, 220, 1)
    with pytest.warns(UserWarning, match="pip install swift-f0"):
        f0 = pitch.track(wav, "swift_f0")
    assert np.median(np.abs(cents(f0, truth))) < 5


def test_a_package_that_cannot_be_imported_counts_as_missing(monkeypatch):
    def fail(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(pitch.importlib, "import_module", fail)
    reason = pitch.missing.__wrapped__("swift_f0")
    assert reason == "No module named 'swift_f0'"
    assert pitch.missing.__wrapped__("yin") == ""


def test_importing_pitch_loads_no_heavy_package():
    code = (
        "import sys, hubert_pitdyn.pitch; "
        "print([m for m in ('torch', 'librosa', 'onnxruntime') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_known_f0_of_resynthesised_speech_scores_as_its_definitions_say():
    """The figures of experiments/compare_trackers.py on a track with one error of every kind."""
    from experiments import compare_trackers

    truth = np.array([100.0, 100, 100, 100, 100, 0, 0, 0, 0, 0])
    f0 = np.array([100.0, 200, 101, 104, 100, 90, 90, 90, 90, 90])
    similarity = np.array([1.0, 1, 1, 1, -1, 1, -1, -1, -1, -1])
    curves = [(f0, np.zeros(10), similarity, np.ones(10, bool))]
    got = compare_trackers.figures("yin", [{"truth": truth}], curves)
    assert got["GPE %"] == pytest.approx(25), "one octave among four voiced in both"
    assert got["VDE %"] == pytest.approx(20), "one missed and one false among ten"
    assert got["RPA50 %"] == pytest.approx(40), "100 and 101 Hz among five voiced"
    assert got["VDE inner %"] == pytest.approx(0), "both errors touch the voicing change"
