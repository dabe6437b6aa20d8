"""Moved copies: pitch and loudness where they were sent, formants kept, and never in validation."""

import json
import shutil
from argparse import ArgumentTypeError, Namespace
from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import soxr
from conftest import micro_config, run_script

import audio
import preprocess
from hubert_pitdyn import pitch
from preprocessing import acoustic, moved_copies
from preprocessing.data_folder import DataFolder

world = pytest.mark.skipif(find_spec("pyworld") is None, reason="pyworld is not installed")


def vowel(f0: float, seconds: float = 1.0) -> np.ndarray:
    """A steady vowel with formants at 700 and 1200 Hz, float32 [S]."""
    times = np.arange(int(seconds * 16000)) / 16000
    partials = np.arange(1, int(7000 / f0)) * f0
    gains = sum(1 / (1 + ((partials - formant) / 120) ** 2) for formant in (700, 1200)) + 0.01
    wave = sum(g * np.sin(2 * np.pi * f * times) for f, g in zip(partials, gains, strict=True))
    return (0.1 * wave / np.abs(wave).max()).astype(np.float32)


def formant(wav: np.ndarray) -> float:
    """Hz of the centre of gravity of power below 2 kHz."""
    power = np.abs(np.fft.rfft(wav)) ** 2
    hertz = np.fft.rfftfreq(len(wav), 1 / 16000)
    power = power * (hertz < 2000)
    return float((power * hertz).sum() / power.sum())


@world
@pytest.mark.parametrize("semitones", [-5.0, 7.0])
def test_pitch_moves_and_formants_stay(semitones):
    wav = vowel(200)
    made = moved_copies.move_pitch(wav.astype(np.float64), np.full(201, semitones))
    f0 = pitch.track(made.astype(np.float32), "yin")
    assert len(made) == len(wav)
    assert np.median(f0[f0 > 0]) == pytest.approx(200 * 2 ** (semitones / 12), rel=0.01)
    assert formant(made) == pytest.approx(formant(wav), rel=0.08)


@world
def test_a_bass_moves_as_others_do():
    made = moved_copies.move_pitch(vowel(60).astype(np.float64), np.full(201, 5.0)).astype(np.float32)
    f0 = pitch.track(made, "yin")
    assert np.median(f0[f0 > 0]) == pytest.approx(60 * 2 ** (5 / 12), rel=0.01)
    assert formant(made) == pytest.approx(formant(vowel(60)), rel=0.08)


@world
def test_pitch_follows_a_curve_and_stays_in_the_labels_range():
    wav, glide = vowel(200), np.linspace(-4, 4, 201)
    f0 = pitch.track(moved_copies.move_pitch(wav.astype(np.float64), glide).astype(np.float32), "yin")
    expected = 200 * 2 ** (np.interp(np.arange(len(f0)) * 0.02 + 0.01, np.arange(201) * 0.005, glide) / 12)
    inner = slice(3, -3)
    assert np.median(np.abs(np.log2(f0[inner] / expected[inner]))) * 1200 < 15
    f0 = pitch.track(
        moved_copies.move_pitch(wav.astype(np.float64), np.full(201, 60.0)).astype(np.float32), "yin"
    )
    assert f0.max() <= 1101


@world
def test_nothing_is_sung_where_the_tracker_hears_no_pitch():
    """The second half of a vowel, called unvoiced: its spectrum stays, without a pitch."""
    wav, voiced = vowel(200), np.arange(50) < 25
    made = moved_copies.move_pitch(wav.astype(np.float64), np.full(201, 5.0), voiced).astype(np.float32)
    f0, level = pitch.track(made, "pyin"), audio.loudness(made)
    assert np.median(f0[3:22]) == pytest.approx(200 * 2 ** (5 / 12), rel=0.01)
    assert np.mean(f0[28:47] > 0) < 0.2 and np.median(level[28:47]) > np.median(level[3:22]) - 12


def test_curves_are_smooth_and_within_their_reach():
    rng = np.random.default_rng(0)
    curve = moved_copies.smooth(4000, 60, 3.0, rng)
    assert len(curve) == 4000 and np.abs(curve).max() <= 3 and np.abs(curve).max() > 2
    assert np.abs(np.diff(curve)).max() < 6 / 60 * np.pi / 2 + 1e-9
    for place in (-12, 11.9):
        assert np.abs(moved_copies.melody(1000, place, 12, rng)).max() <= 12


def test_copies_of_a_recording_share_the_range_among_them():
    places = [
        [moved_copies.stratum(n, 4, 12, np.random.default_rng([n, s])) for s in range(50)]
        for n in (1, 2, 3, 4)
    ]
    for number, drawn in enumerate(places):
        assert -12 + 6 * number <= min(drawn) and max(drawn) <= -6 + 6 * number
        assert max(drawn) - min(drawn) > 4


def test_copies_reach_from_one_frequency_to_another_whatever_the_recordings_own():
    wanted = moved_copies.Settings(low=50.0, high=1050.0)
    assert wanted.moves_pitch and "high" not in moved_copies.Settings(pitch=12.0).noted()
    for own in (130.0, 440.0):
        reach = wanted.reach(np.array([0.0, own, own, 0.0]))
        assert own * 2 ** (np.array(reach) / 12) == pytest.approx([50, 1050])
        rng = np.random.default_rng(0)
        places = [moved_copies.stratum(n, 8, reach, rng) for n in range(1, 9)]
        curves = [moved_copies.melody(400, place, reach, rng) for place in places]
        f0 = own * 2 ** (np.concatenate(curves) / 12)
        assert 49.9 < f0.min() < 75 and 750 < f0.max() < 1050.1
    assert wanted.reach(np.zeros(4)) == (0.0, 0.0)


def test_a_reach_in_hertz_replaces_one_in_semitones_and_is_remembered(tmp_path):
    def asked(text):
        given = None if text is None else preprocess.reach(text)
        args = Namespace(augment_pitch=given, augment_gain=None, augment_copies=3)
        return moved_copies.wanted_copies(folder, args, "yin")

    folder = DataFolder(tmp_path)
    tmp_path.joinpath("copies.json").write_text(
        '{"of": {}, "settings": {"pitch": 12.0, "gain": 0.0, "copies": 4, "seed": 1234, "voicing": "yin"}}'
    )
    assert asked(None).noted() == {"pitch": 12.0, "gain": 0.0, "copies": 3, "seed": 1234, "voicing": "yin"}
    wanted = asked("50-1050")
    assert (wanted.pitch, wanted.low, wanted.high) == (0.0, 50.0, 1050.0)
    moved_copies.plan(folder, wanted)
    assert asked(None) == wanted
    assert asked("±5") == replace(wanted, pitch=5.0, low=0.0, high=0.0)
    for text in ("40-1050", "50-2000", "500-60", "x-y", "61"):
        with pytest.raises((ArgumentTypeError, ValueError)):
            preprocess.reach(text)


@world
@pytest.mark.parametrize("hertz", [52.0, 1040.0])
def test_copies_at_a_high_rate_are_at_both_ends_of_what_pitch_models_know(hertz):
    low = vowel(200).astype(np.float64)
    high = soxr.resample(low, 16000, 44100)
    voice = moved_copies.analyse(low, None, high, 44100)
    assert voice.envelope.shape[1] == 2049
    made = moved_copies.synthesise(voice, np.full(201, 12 * np.log2(hertz / 200)), len(high))
    assert len(made) == len(high)
    f0 = pitch.track(soxr.resample(made, 44100, 16000).astype(np.float32), "yin")
    assert np.median(f0[f0 > 0]) == pytest.approx(hertz, rel=0.01)


def test_only_copies_whose_pitch_moves_depend_on_the_tracker_of_voicing(tmp_path):
    folder = DataFolder(tmp_path)
    assert moved_copies.settings(folder, "swift_f0", pitch=None, gain=None) is None
    assert moved_copies.settings(folder, "swift_f0", pitch=12.0, gain=6.0).voicing == "swift_f0"
    assert moved_copies.settings(folder, "swift_f0", pitch=None, gain=6.0).voicing == ""


@pytest.fixture(scope="module")
def bank(voice):
    """The bank of `voice`, with gain copies (these need no package) and everything made of them."""
    config = ("--config", micro_config(voice))
    first = ("preprocess.py", "copied", "--wavs", voice / "bank", "--mel", *config)
    done = run_script(*first, "--augment_gain", "±6", "--augment_copies", 2, cwd=voice)
    assert "6 pitch-shifted copies made" in done.stdout and "mels of 10 files made" in done.stdout
    run_script("preprocess.py", "copied", "--encode", "songs", *config, cwd=voice)
    return DataFolder(voice / "data" / "copied")


def test_copies_belong_to_training_alone(bank):
    split = bank.read_json("split.json")
    assert len(split["train"]) == 3 and len(bank.split("train", "mels")) == 9
    assert bank.split("val", "mels") == split["val"]
    assert set(bank.copies.values()) == set(split["train"])
    assert set(bank.split("train", "units-pitdyn")) == set(split["train"]) | set(bank.copies)


def test_gain_moves_within_a_copy_and_its_length_stays(bank):
    travel = []
    for copy, key in bank.copies.items():
        one, other = (audio.loudness(bank.prepared(k)) for k in (key, copy))
        assert len(one) == len(other)
        change = (other - one)[one > one.max() - 20]
        assert np.abs(change).max() < 6.5
        travel.append(np.ptp(change))
    assert max(travel) > 1  # these recordings are shorter than a swell, so not every copy moves as much


def test_card_tells_the_range_with_copies_and_the_median_without(bank):
    """What the model predicts says little after three steps of training, so melodies are put in its place."""
    root = bank.root.with_name("card")
    card = DataFolder(shutil.copytree(bank.root, root, ignore=shutil.ignore_patterns("wavs")))
    card.connect(bank.wavs)
    for number, key in enumerate((*card.files, *card.copies)):
        rng = np.random.default_rng(number)
        centre = (120, -30) if key in card.files else (240, -20)
        card.save("prosody", key, np.stack([rng.normal(c, 4, 50) for c in centre], axis=1))
    about = card.read_json("encoder.json")
    parts = SimpleNamespace(encoder=SimpleNamespace(unit_dim=768), cards=about["encoders"], tables={})
    acoustic.write_encoder(card, SimpleNamespace(encode="songs", encode_with="hubert"), parts)
    about = card.read_json("encoder.json")
    alone = np.concatenate([card.read("prosody", key) for key in card.files])
    everything = np.concatenate([alone, *(card.read("prosody", key) for key in card.copies)])
    assert about["loudness_db"] == pytest.approx(np.percentile(everything[:, 1], (1, 99)))
    assert about["f0_hz"] == pytest.approx(np.percentile(everything[:, 0], (1, 99)))
    assert about["f0_percentiles_hz"]["50"] == pytest.approx(np.median(alone[:, 0]))
    assert about["loudness_db"][1] > alone[:, 1].max() and about["f0_hz"][1] > alone[:, 0].max()
    assert np.median(everything[:, 0]) > about["f0_percentiles_hz"]["99"]


def test_other_settings_make_the_copies_again_and_zero_removes_them(voice, bank):
    config = ("--config", micro_config(voice))
    root = bank.root.with_name("changed")
    other = DataFolder(shutil.copytree(bank.root, root, ignore=shutil.ignore_patterns("wavs")))
    other.connect(bank.wavs)
    again = run_script("preprocess.py", "changed", "--mel", *config, cwd=voice)
    assert "0 pitch-shifted copies made, 6 there already" in again.stdout and "0 files made" in again.stdout
    changed = run_script("preprocess.py", "changed", "--mel", "--augment_gain", 3, *config, cwd=voice)
    assert "6 pitch-shifted copies made" in changed.stdout and "mels of 6 files made" in changed.stdout
    assert not any(np.array_equal(other.prepared(key), bank.prepared(key)) for key in bank.copies)
    none = run_script("preprocess.py", "changed", "--mel", "--augment_gain", 0, *config, cwd=voice)
    assert "copies" not in none.stdout
    assert json.loads((root / "copies.json").read_text(encoding="utf-8"))["of"] == {}
    assert not list(root.rglob("*~moved*"))


def test_copies_of_what_has_left_training_go(tmp_path):
    folder = DataFolder(tmp_path)
    wanted = moved_copies.settings(folder, "yin", gain=6.0, copies=1)
    for train in (["a", "b"], ["a"]):
        folder.write_json("split.json", {"train": train})
        moved_copies.plan(folder, wanted)
        for key in folder.copies:
            folder.save("prepared", key, np.zeros(3))
    assert [path.stem for path in (tmp_path / "prepared").iterdir()] == ["a~moved1"]


def test_negative_reach_is_refused(voice):
    arguments = ("preprocess.py", "copied", "--mel", "--augment_pitch", "-3")
    done = run_script(*arguments, cwd=voice, expect=2)
    assert "augment_pitch" in done.stderr and "Traceback" not in done.stderr
