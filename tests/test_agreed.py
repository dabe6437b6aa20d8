"""Two trackers on one recording: octave errors of the one that makes labels are corrected by the other."""

import numpy as np
import pytest

from hubert_pitdyn import agreed, pitch

UNITS = 150


def note(hertz: float = 196.0) -> np.ndarray:
    """A held note in which every other period is a little stronger for 0.2 s, and a pause behind it."""
    times = np.arange(320 * UNITS) / 16000
    wav = sum(np.sin(2 * np.pi * h * hertz * times) / h for h in range(1, 12))
    return np.where(np.arange(len(times)) < 320 * 140, 0.1 * wav, 0.0).astype(np.float32)


def tracked(drop: float) -> np.ndarray:
    """F0 of the note with ten units, 0.2 s, at another octave."""
    f0 = np.where(np.arange(UNITS) < 140, 196.0, 0.0)
    f0[60:70] *= drop
    return f0


@pytest.mark.parametrize("drop", [0.5, 2.0])
def test_a_leap_of_an_octave_goes_back_where_the_second_tracker_and_the_note_agree(drop):
    made, doubtful = agreed.corrected(note(), tracked(drop), "swift_f0", 50, 1100)
    assert np.abs(1200 * np.log2(made[:140] / 196)).max() < 20 and not made[140:].any()
    assert not doubtful.any()


def test_what_both_find_stays(monkeypatch):
    f0 = tracked(2.0)
    monkeypatch.setattr(pitch, "analyse", lambda *_: (np.where(f0 > 0, f0, 77.0), None, None))
    made, doubtful = agreed.corrected(note(), f0, "swift_f0", 50, 1100)
    assert np.array_equal(made, f0) and not doubtful.any()


def test_where_both_are_far_from_the_note_the_pitch_is_doubtful(monkeypatch):
    f0 = tracked(5.0)
    monkeypatch.setattr(pitch, "analyse", lambda *_: (np.where(f0 > 300, 70.0, 196.0), None, None))
    made, doubtful = agreed.corrected(note(), f0, "swift_f0", 50, 1100)
    assert np.array_equal(np.flatnonzero(doubtful), range(60, 70)) and not made[doubtful].any()
    assert np.array_equal(made[~doubtful], f0[~doubtful])


def test_where_two_trackers_differ_and_nothing_around_decides_the_pitch_is_doubtful(monkeypatch):
    f0 = tracked(1.0)
    monkeypatch.setattr(pitch, "analyse", lambda *_: (np.full(UNITS, 98.0), None, None))
    made, doubtful = agreed.corrected(note(), f0, "swift_f0", 50, 1100)
    assert np.array_equal(doubtful, f0 > 0) and not made.any()


def test_labels_are_checked_by_another_tracker_than_their_own():
    assert agreed.second("swift_f0") == agreed.second("fcpe") == "yin"
    assert agreed.second("pyin") in (None, "swift_f0")
