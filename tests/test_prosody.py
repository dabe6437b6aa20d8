"""Prosody edits on distributions: exact where they act, nothing where they do not."""

import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import labels_of_2022
from sung_prosody import DYN, PIT, predicted

from common.cli import UserError
from conversion import prosody
from conversion.prosody import Controls, Curve, PitchRange, Prosody


def edited(**controls) -> tuple[Curve, Curve, list[str]]:
    """(curve before, curve after, notes) of controls on `predicted`."""
    before = predicted()
    span = PitchRange(220.0, 150.0, 300.0)
    after, notes = before.edited(Controls(**controls), span)
    assert all(np.allclose(p.sum(axis=1), 1, atol=1e-5) for p in (after.pit, after.dyn))
    return before.curve(), after.curve(), notes


def cents(after: Curve, before: Curve) -> np.ndarray:
    both = before.voiced & after.voiced
    return 1200 * np.log2(after.f0[both] / before.f0[both])


def test_without_controls_nothing_moves_by_a_bit():
    before = predicted()
    same, notes = before.edited(Controls(), None)
    assert same.pit is before.pit and same.dyn is before.dyn and notes == []


@pytest.mark.parametrize("semitones", [-7.0, -0.3, 5.0])
def test_transposing_moves_every_frame_and_no_voicing(semitones):
    before, after, _ = edited(transpose=semitones)
    assert np.array_equal(before.voiced, after.voiced)
    assert cents(after, before) == pytest.approx(100 * semitones, abs=4)


def test_a_transposition_beyond_the_range_stays_in_it():
    _, after, _ = edited(transpose=48)
    assert after.f0[after.voiced].max() <= PIT.f_max and after.f0[after.voiced].min() > 0.9 * PIT.f_max


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.7])
def test_pitch_scale_acts_around_the_median(scale):
    before, after, _ = edited(pitch_scale=scale)
    spread = [np.std(np.log2(c.f0[c.voiced])) for c in (before, after)]
    assert spread[1] == pytest.approx(scale * spread[0], abs=0.004)
    assert np.median(after.f0[after.voiced]) == pytest.approx(np.median(before.f0[before.voiced]), rel=0.01)


def test_dyn_scale_acts_around_the_active_level_and_pauses_follow():
    before, after, _ = edited(dyn_scale=0.5)
    assert np.allclose(after.db, 0.5 * before.db, atol=0.3)
    quiet = Curve(np.full(3, 100.0), np.ones(3, bool), np.array([0.0, -25.0, -45.0]))
    assert prosody.loudness_moves(quiet, 0.0) == pytest.approx([0.0, 25.0, 25.0])


def test_loudness_of_2022_cannot_be_scaled():
    with pytest.raises(ValueError, match="relative_db"):
        labels_of_2022()[1].shift(np.ones((2, 32)) / 32, np.ones(2))


def test_auto_pitch_meets_the_median_and_fits_the_range():
    before, after, notes = edited(auto_pitch=True)
    f0 = after.f0[after.voiced]
    assert np.median(f0) == pytest.approx(220, rel=0.02)
    assert np.percentile(f0, 95) <= 301 and np.percentile(f0, 5) >= 149
    assert len(notes) == 1 and "auto_pitch" in notes[0] and "narrowed" in notes[0]
    wide = PitchRange(2 * np.median(before.f0[before.voiced]), 60.0, 900.0)
    assert prosody.fit(before, wide)[:2] == (pytest.approx(12), 1.0)


def test_auto_pitch_says_that_there_is_nothing_to_move():
    silent = Prosody(PIT.soft(np.zeros(5)), DYN.soft(np.zeros(5)), PIT, DYN)
    same, notes = silent.edited(Controls(auto_pitch=True), PitchRange(220.0, 150.0, 300.0))
    assert same.pit is silent.pit and notes == [
        "auto_pitch: nothing is voiced, so there is no melody to move"
    ]


@pytest.mark.parametrize("control", ["transpose", "pitch_scale", "dyn_gain", "dyn_scale"])
def test_numbers_that_are_none_are_refused(control):
    for value in (np.nan, np.inf):
        with pytest.raises(UserError, match=f"{control}: expected a finite number"):
            Controls(**{control: value})


@pytest.mark.parametrize(
    "control,value",
    [("transpose", 1e300), ("transpose", -61), ("pitch_scale", -0.1), ("dyn_gain", 1e4), ("dyn_scale", 11)],
)
def test_numbers_that_no_voice_can_meet_are_refused(control, value):
    with pytest.raises(UserError, match=rf"{control}: expected a number from \S+ to \d+, found"):
        Controls(**{control: value})


def song(*hertz: float, units: int = 25) -> Prosody:
    """Held notes with vibrato, 0 Hz for a pause."""
    f0 = np.repeat(np.array(hertz, dtype=float), units)
    f0 *= 2 ** (0.4 / 12 * np.sin(2 * np.pi * 5.5 * np.arange(len(f0)) / 50))
    return Prosody(PIT.soft(f0), DYN.soft(np.zeros(len(f0))), PIT, DYN)


TUNE = song(392, 440, 494, 0, 523, 440, 392)


def transposed(sung: Prosody, **controls) -> tuple[float, list[str]]:
    """(semitones by which the middle of a song moves, notes)."""
    after, notes = sung.edited(Controls(**controls), PitchRange(185.0, 100.0, 300.0))
    before, after = sung.curve(), after.curve()
    return float(12 * np.median(np.log2(after.f0 / before.f0)[before.voiced])), notes


def test_auto_pitch_moves_a_song_by_octaves_and_speech_to_the_median():
    for value in (True, "auto"):
        moved, (note,) = transposed(TUNE, auto_pitch=value)
        assert moved == pytest.approx(-12, abs=0.05) and "-1 octaves" in note and "sung" in note
    moved, (note,) = transposed(predicted(), auto_pitch=True)
    assert moved != pytest.approx(0, abs=0.05) and "semitones" in note


def test_what_auto_pitch_moves_by_can_be_chosen():
    moved, (note,) = transposed(TUNE, auto_pitch="semitone")
    assert moved == pytest.approx(-15, abs=0.05) and "-15 semitones" in note
    assert transposed(TUNE, auto_pitch="octave")[0] == pytest.approx(-12, abs=0.05)
    speech, (note,) = transposed(TUNE, auto_pitch="speech")
    assert speech == pytest.approx(12 * np.log2(185 / 440), abs=0.3) and "sung" not in note
    with pytest.raises(UserError, match="auto_pitch: expected auto, octave, semitone, speech, found up"):
        Controls(auto_pitch="up")


def test_a_song_keeps_its_intervals():
    span = PitchRange(185.0, 100.0, 220.0)  # narrower than the song
    for way in ("auto", "semitone"):
        before, after = TUNE.curve(), TUNE.edited(Controls(auto_pitch=way), span)[0].curve()
        assert np.std(cents(after, before)) < 5


def test_the_advice_for_a_song_names_its_own_key_first():
    span, curve = PitchRange(185.0, 100.0, 300.0), TUNE.curve()
    (note,) = prosody.range_notes(curve, span, curve)
    assert note.endswith("; --transpose -12 would leave 0 in the same key, --transpose -11 would leave 0")


def test_folding_moves_whole_stretches_into_the_range_by_octaves():
    sung = song(220, 440, 0, 250, 0, 700, 784, 0, 60)
    after, (note,) = sung.edited(Controls(fold=True), PitchRange(200.0, 100.0, 460.0))
    before, after = sung.curve(), after.curve()
    octaves = np.log2(after.f0 / before.f0)
    assert np.abs(octaves[:50]).max() < 0.01 and np.abs(octaves[75:100]).max() < 0.01
    assert octaves[125:175] == pytest.approx(-1, abs=0.02) and octaves[200:] == pytest.approx(1, abs=0.02)
    assert note == "fold: 75 voiced frames moved by octaves"
    with pytest.raises(UserError, match="fold: the voice card"):
        sung.edited(Controls(fold=True), None)


def test_auto_pitch_needs_a_range():
    with pytest.raises(UserError, match="voice card"):
        predicted().edited(Controls(auto_pitch=True), None)
    assert PitchRange.from_card({"f0_hz": None}) is None
    card = {"f0_hz": [90.0, 300.0], "f0_percentiles_hz": {"50": 150.0}}
    assert PitchRange.from_card(card) == PitchRange(150.0, 90.0, 300.0)


def test_frames_outside_the_range_are_counted_with_the_best_transposition():
    f0 = np.array([100.0, 110.0, 120.0, 500.0])
    curve = Curve(f0, np.array([True, True, True, False]), np.zeros(4))
    (note,) = prosody.range_notes(curve, PitchRange(210.0, 190.0, 260.0), curve)
    assert (
        "3 of 3 voiced frames" in note
        and "190 to 260 Hz" in note
        and note.endswith("; --transpose 12 would leave 0")
    )
    assert prosody.range_notes(curve, PitchRange(110.0, 90.0, 130.0), curve) == []
    assert prosody.range_notes(curve, None, curve) == []
    wide = Curve(np.array([60.0, 1000.0]), np.ones(2, bool), np.zeros(2))
    (note,) = prosody.range_notes(wide, PitchRange(200.0, 60.5, 990.0), wide)
    assert "2 of 2" in note and "--transpose -1 would leave 1" in note


def test_the_advice_is_what_to_give_as_transposition():
    f0 = np.array([100.0, 110.0, 120.0])
    span, plain = PitchRange(210.0, 190.0, 260.0), Curve(f0, np.ones(3, bool), np.zeros(3))
    for transpose in (-2.5, 48.0):
        moved = replace(plain, f0=np.minimum(f0 * 2 ** (transpose / 12), PIT.f_max))
        (note,) = prosody.range_notes(moved, span, plain, transpose)
        given = float(re.search(r"; --transpose (\S+) would leave 0$", note).group(1))
        assert not span.outside(f0 * 2 ** (given / 12)).any()
    (note,) = prosody.range_notes(plain, span, None)
    assert note.endswith("that the voice was trained on")


def test_alignment_finds_a_stretched_copy():
    rng = np.random.default_rng(1)
    units = rng.normal(size=(60, 16)).cumsum(axis=0)
    stretch = np.repeat(np.arange(60), 1 + (np.arange(60) % 3 == 0))
    places = prosody.align(units, units[stretch])
    assert np.all(np.diff(places) >= 0) and np.array_equal(
        stretch[np.round(places).astype(int)], np.arange(60)
    )


def test_too_long_recordings_are_refused_before_memory_is_gone():
    one = np.ones((20_000, 2))
    with pytest.raises(UserError, match="too long"):
        prosody.align(one, one)


def test_a_borrowed_melody_bridges_unvoiced_frames():
    curve = Curve(np.array([100.0, 999.0, 200.0, 5.0]), np.array([True, False, True, False]), np.arange(4.0))
    assert prosody.melody_at(curve, np.array([0.0, 1.0, 2.0, 3.0])) == pytest.approx(
        [100, 141.42, 200, 200], rel=1e-4
    )
    assert prosody.loudness_at(curve, np.array([0.5, 3.0])) == pytest.approx([0.5, 3.0])
    with pytest.raises(UserError, match="voiced"):
        prosody.melody_at(Curve(curve.f0, np.zeros(4, bool), curve.db), np.zeros(2))


def test_pitch_is_put_where_asked_and_voicing_stays():
    pit = predicted().pit
    moved = predicted().with_melody(np.full(len(pit), 333.0)).pit
    assert np.array_equal(moved[:, 0], pit[:, 0]) and np.allclose(moved.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(PIT.pitch(moved)[10:-10], 333, rtol=0.005)


def test_the_active_level_moves_with_a_curve_also_beyond_the_loudest_class():
    before = predicted()
    own = before.curve()
    for rise in (-6.0, 6.0, 30.0):
        louder = Curve(own.f0, own.voiced, own.db + rise)
        assert before.replaced(louder)[1] == pytest.approx(rise, abs=1e-4)
