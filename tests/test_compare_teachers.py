"""What classes of units tell: by hand, and phones on the time grid of a trimmed recording."""

import numpy as np
import pytest

import audio
from experiments import compare_teachers
from preprocessing.data_folder import DataFolder


def test_classes_that_are_the_phones_tell_phones_alone():
    phones = np.array([0, 0, 1, 1] * 2)
    speakers = np.array([0] * 4 + [1] * 4)
    f0 = np.array([100.0, 200, 100, 200] * 2)
    got = compare_teachers.figures(phones, compare_teachers.Frames(phones, speakers, f0))
    expected = {"phone purity %": 100, "PNMI": 1, "speaker purity %": 50, "log-F0 explained %": 0}
    assert got == pytest.approx(expected, abs=1e-9)


def test_classes_that_are_pitch_and_speaker_tell_no_phone():
    phones = np.array([0, 0, 1, 1] * 2)
    speakers = np.array([0] * 4 + [1] * 4)
    f0 = np.array([100.0, 200, 100, 200, 300, 600, 300, 600])
    classes = np.array([0, 1, 0, 1, 2, 3, 2, 3])
    got = compare_teachers.figures(classes, compare_teachers.Frames(phones, speakers, f0))
    expected = {"phone purity %": 50, "PNMI": 0, "speaker purity %": 100, "log-F0 explained %": 100}
    assert got == pytest.approx(expected, abs=1e-9)


def test_unvoiced_units_have_no_say_in_pitch():
    phones = np.array([0, 1, 0, 1])
    frames = compare_teachers.Frames(phones, np.zeros(4, int), np.array([100.0, 0, 200, 0]))
    assert compare_teachers.figures(np.array([0, 1, 1, 0]), frames)["log-F0 explained %"] == pytest.approx(
        100
    )


def test_phones_are_told_of_the_units_they_sound_in(tmp_path):
    """Half a second of silence is trimmed off; flite counts from the start of the file."""
    tone = 0.3 * np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    (tmp_path / "wavs" / "s").mkdir(parents=True)
    audio.save(tmp_path / "wavs" / "s" / "a.wav", np.concatenate([np.zeros(8000), tone, np.zeros(8000)]))
    folder = DataFolder(tmp_path / "data" / "d")
    folder.connect(tmp_path / "wavs")
    phones, audible = compare_teachers.spoken(
        folder, "s/a", [["pau", 0.5], ["ah", 1.0], ["iy", 1.5], ["pau", 2.0]]
    )
    assert audible.sum() == pytest.approx(50, abs=2)
    assert (phones == "ah").sum() == pytest.approx(25, abs=2)
    assert list(dict.fromkeys(phones[audible])) == ["ah", "iy"]
