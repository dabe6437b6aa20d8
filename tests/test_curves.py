"""The same curve through every format, within what each can hold; files of other programs; damage refused."""

import json

import numpy as np
import pytest
from sung_prosody import predicted

from common.cli import UserError
from conversion import curves
from conversion.prosody import Curve
from conversion.prosody_csv import times

START, LEVEL = 800, -23.4  # samples trimmed, dB
# Largest difference of F0 in cents and of loudness in dB; whether an unedited file changes nothing at all.
HELD = {".csv": (0.1, 0.006, True), ".ds": (0.1, 0.011, True), ".mid": (0.16, 0.03, False)}


def flat(count=100, hz=200.0):
    """A recording on one pitch, unvoiced in its first tenth."""
    voiced = np.arange(count) >= count // 10
    return Curve(np.full(count, hz), voiced, np.linspace(-30, 5, count))


def cents(one, other):
    return 1200 * np.abs(np.log2(one / other))


@pytest.mark.parametrize("suffix", HELD)
def test_a_curve_comes_back_within_what_its_format_holds(tmp_path, suffix):
    if suffix == ".mid":
        pytest.importorskip("mido")
    prosody = predicted()
    own, path = prosody.curve(), tmp_path / f"曲{suffix}"
    curves.write(path, own, START, LEVEL)
    given, _ = curves.read(path, own, START, LEVEL)
    pitch, loudness, exact = HELD[suffix]
    assert np.array_equal(given.voiced, own.voiced)
    assert cents(given.f0, own.f0)[own.voiced].max() < pitch
    assert np.abs(given.db - own.db).max() < loudness
    same, change, _ = prosody.replaced(given)
    assert (np.array_equal(same.pit, prosody.pit) and change == 0) or not exact


@pytest.mark.parametrize("suffix", HELD)
def test_an_edited_curve_is_the_same_in_every_format(tmp_path, suffix):
    """Another recording's curve is written, with other voicing and loudness, and read for this one."""
    if suffix == ".mid":
        pytest.importorskip("mido")
    own = predicted().curve()
    count = len(own)
    glide = 220 * 2 ** (np.linspace(-12, 14, count) / 12)
    edited = Curve(glide, np.arange(count) % 25 < 18, np.linspace(-45, 10, count))
    path = tmp_path / f"a{suffix}"
    curves.write(path, edited, START, LEVEL)
    given, _ = curves.read(path, own, START, LEVEL)
    assert np.array_equal(given.voiced, edited.voiced)
    assert cents(given.f0, edited.f0)[edited.voiced].max() < HELD[suffix][0]
    assert np.abs(given.db - edited.db).max() < HELD[suffix][1]


def write_ds(path, *segments):
    path.write_text(json.dumps(list(segments)), encoding="utf-8")
    return path


def test_segments_of_openutau_give_pitch_where_they_are_and_leave_the_rest(tmp_path):
    """Steps of 10 ms, one decimal, no voicing and no energy, as OpenUtau exports them."""
    first = {"offset": 0.5, "f0_seq": " ".join(["300.0"] * 50), "f0_timestep": "0.01", "text": "SP か SP"}
    second = {"offset": 1.5, "f0_seq": " ".join(["400.0"] * 25), "f0_timestep": 0.01, "energy": "-20 -20",
              "energy_timestep": "0.1"}  # fmt: skip
    own, centres = flat(), times(100)
    given, _ = curves.read(write_ds(tmp_path / "a.ds", first, second), own, 0, -26.0)
    inside = (centres > 0.5) & (centres < 1.0)
    assert np.allclose(given.f0[inside], 300) and np.allclose(
        given.f0[(centres > 1.5) & (centres < 1.74)], 400
    )
    assert np.allclose(given.f0[(centres < 0.49) | (centres > 1.76)], 200)
    assert np.array_equal(given.voiced, own.voiced)
    louder = (centres > 1.5) & (centres < 1.6)
    assert np.allclose(given.db[louder], 6.0) and np.array_equal(given.db[inside], own.db[inside])


def test_zeros_in_a_segment_are_unvoiced(tmp_path):
    f0 = ["300"] * 20 + ["0"] * 20 + ["300"] * 60
    segment = {"offset": 0.01, "f0_seq": " ".join(f0), "f0_timestep": "0.02"}
    given, _ = curves.read(write_ds(tmp_path / "a.ds", segment), flat(), 0, 0.0)
    assert not given.voiced[20:40].any() and given.voiced[42:].all()


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ({"f0_seq": "1 x", "f0_timestep": "0.01"}, "segment 1: f0_seq: expected numbers with spaces"),
        ({"f0_seq": "1 nan", "f0_timestep": "0.01"}, "f0_seq: expected numbers that can be"),
        ({"f0_seq": "1 2", "f0_timestep": "0"}, "expected f0_timestep above 0"),
        ({"f0_seq": "1 2"}, "expected f0_timestep above 0"),
        ({"f0_seq": 7}, "damaged"),
        ({"offset": 99, "f0_seq": "200 200", "f0_timestep": "0.01"}, "expected a pitch between 0 and 2.0 s"),
        ({}, "expected a pitch between"),
    ],
)
def test_segments_that_cannot_be_are_refused(tmp_path, segment, message):
    with pytest.raises(UserError, match=message):
        curves.read(write_ds(tmp_path / "a.ds", segment), flat())
    (tmp_path / "a.ds").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="no valid JSON"):
        curves.read(tmp_path / "a.ds", flat())


def test_midi_of_other_programs_gives_its_melody_alone(tmp_path):
    """Two tracks, a change of tempo, the usual bends of two semitones, expression of other meaning."""
    mido = pytest.importorskip("mido")
    song = mido.MidiFile(type=1, ticks_per_beat=480)
    tempo, vocal, piano = mido.MidiTrack(), mido.MidiTrack(), mido.MidiTrack()
    tempo += [
        mido.MetaMessage("set_tempo", tempo=500_000),
        mido.MetaMessage("set_tempo", tempo=1_000_000, time=480),
    ]
    vocal += [mido.MetaMessage("track_name", name="Vocal")]
    vocal += [mido.Message("control_change", control=11, value=20, time=0)]
    vocal += [mido.Message("note_on", note=69, time=480), mido.Message("pitchwheel", pitch=4096, time=240)]
    vocal += [mido.Message("note_on", note=71, velocity=0), mido.Message("note_off", note=69, time=240)]
    vocal += [mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=10)]
    piano += [
        mido.Message("note_on", note=40, channel=1),
        mido.Message("note_off", note=40, channel=1, time=9),
    ]
    song.tracks += [tempo, piano, vocal]
    song.save(tmp_path / "a.mid")
    own, centres = flat(), times(100)
    given, notes = curves.read(tmp_path / "a.mid", own)
    assert notes == ("the melody is that of track 3 (Vocal) of 2 with notes",)
    assert np.allclose(given.f0[(centres > 0.5) & (centres < 1.0)], 440)
    assert np.allclose(given.f0[(centres > 1.0) & (centres < 1.5)], 440 * 2 ** (1 / 12))
    assert np.allclose(given.f0[centres < 0.5], 200) and np.array_equal(given.db, own.db)
    assert np.array_equal(given.voiced, own.voiced)


def test_damaged_midi_is_refused_in_a_sentence(tmp_path):
    mido = pytest.importorskip("mido")
    mido.MidiFile().save(tmp_path / "empty.mid")
    (tmp_path / "text.mid").write_text("no", encoding="utf-8")
    curves.write(tmp_path / "cut.mid", flat())
    (tmp_path / "cut.mid").write_bytes((tmp_path / "cut.mid").read_bytes()[:90])
    for name in ("empty", "text", "cut"):
        with pytest.raises(UserError, match="cannot be read as MIDI") as error:
            curves.read(tmp_path / f"{name}.mid", flat())
        assert "\n" not in str(error.value)


def test_without_its_package_midi_is_refused_and_names_it(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(UserError, match="pip install mido"):
        curves.require_writable(tmp_path / "a.mid", "--prosody_out")


def test_curves_of_a_folder_are_found_in_any_format(tmp_path):
    (tmp_path / "a.ds").touch()
    assert curves.beside(tmp_path / "a", read=True).name == "a.ds"
    assert curves.beside(tmp_path / "a", read=False).name == "a.csv"
    assert curves.beside(tmp_path / "b.c", read=True).name == "b.c.csv"
    for name in ("a.wav", "a.ustx", "a.midi"):
        with pytest.raises(UserError, match=r"ends in \.csv, \.ds or \.mid"):
            curves.require_writable(tmp_path / name, "--prosody_out")
