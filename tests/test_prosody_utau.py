"""The pitch drawn in projects of OpenUtau and UTAU is that of the curve; damaged projects are refused."""

import numpy as np
import pytest
from conftest import ROOT
from test_curves import flat

from common.cli import UserError
from conversion import curves, prosody_utau
from conversion.prosody_csv import times

USTX = """
name: 歌
tempos:
- {position: 0, bpm: 120}
- {position: 960, bpm: 60}
voice_parts:
- name: part
  track_no: 0
  position: 480
  notes:
  - position: 0
    duration: 480
    tone: 60
    lyric: か
    pitch:
      data: [{x: -40, y: 0, shape: io}, {x: 40, y: 0, shape: io}]
      snap_first: true
    vibrato: {length: 0, period: 175, depth: 25, in: 10, out: 10, shift: 0, drift: 0}
  - position: 480
    duration: 480
    tone: 64
    lyric: な
    pitch:
      data: [{x: -100, y: -40, shape: l}, {x: 100, y: 0, shape: l}]
      snap_first: true
    vibrato: {length: 50, period: 250, depth: 100, in: 0, out: 0, shift: 0, drift: 0}
  curves:
  - abbr: pitd
    xs: [240, 245, 300, 305]
    ys: [0, 50, 50, 0]
"""


def midi_at(given, second):
    """MIDI pitch of the unit at a time."""
    return 69 + 12 * np.log2(given.f0[np.argmin(np.abs(times(len(given)) - second))] / 440)


def test_the_pitch_of_an_openutau_project_is_as_drawn(tmp_path):
    path = tmp_path / "歌.ustx"
    path.write_text(USTX, encoding="utf-8")
    given, _ = curves.read(path, flat(150))
    # The first note sounds from 0.5 to 1 s at 120 beats a minute, the second to 2 s at 60.
    assert midi_at(given, 0.63) == pytest.approx(60, abs=0.01)
    assert midi_at(given, 0.79) == pytest.approx(60.5, abs=0.01)  # of the drawn curve
    assert midi_at(given, 0.91) == pytest.approx(60 + 4 * 0.01 / 0.15, abs=0.5)
    assert midi_at(given, 1.01) == pytest.approx(62, abs=0.7)  # halfway between both
    assert midi_at(given, 1.3) == pytest.approx(64, abs=0.01)
    swing = [midi_at(given, second) for second in np.arange(1.51, 1.98, 0.02)]
    assert max(swing) == pytest.approx(65, abs=0.1) and min(swing) == pytest.approx(63, abs=0.1)
    assert np.allclose(given.f0[times(150) > 2.1], 200)


def test_points_end_at_the_tone_whatever_the_tempo(tmp_path):
    song = prosody_utau.from_ustx(USTX)
    assert song.seconds(np.array([480, 960, 1440])).tolist() == [0.5, 1.0, 2.0]
    ((ticks, drawn),) = prosody_utau.phrases(song)
    assert drawn[np.searchsorted(ticks, 960 + 60)] == pytest.approx(6400, abs=1)


UST = """[#VERSION]
UST Version1.2
[#SETTING]
Tempo=120.00
[#0000]
Length=480
Lyric=R
NoteNum=60
[#0001]
Length=480
Lyric=か
NoteNum=60
PBS=-20
PBW=40
VBR=50,200,100,0,0,0,0,0
[#0002]
Length=960
Lyric=ん
NoteNum=67
PBS=-100;-30
PBW=100,100
PBY=10,
PBM=s,s
[#TRACKEND]
"""


def test_the_pitch_of_an_utau_project_is_as_drawn(tmp_path):
    path = tmp_path / "a.ust"
    path.write_bytes(UST.encode("cp932"))
    given, _ = curves.read(path, flat(120))
    assert np.allclose(given.f0[times(120) < 0.45], 200)
    assert midi_at(given, 0.69) == pytest.approx(60, abs=0.01)
    swing = [midi_at(given, second) for second in np.arange(0.77, 0.9, 0.02)]
    assert max(swing) > 60.8 and min(swing) < 59.2
    # Nine tenths of the way from 3 semitones below to 1 above, and the vibrato of the note before.
    assert midi_at(given, 0.99) == pytest.approx(67 + 0.6 + np.sin(2 * np.pi * 1.2), abs=0.1)
    assert midi_at(given, 1.5) == pytest.approx(67, abs=0.01)


@pytest.mark.parametrize(
    "text", ["", "a: [", "voice_parts: 3", "[#0001]\nLength=x", "&a [*a]", "\x00\xff", "[]"]
)
@pytest.mark.parametrize("suffix", [".ustx", ".ust"])
def test_damaged_projects_are_refused_in_a_sentence(tmp_path, text, suffix):
    (tmp_path / f"a{suffix}").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="cannot be read as a project of") as error:
        curves.read(tmp_path / f"a{suffix}", flat())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("field", ["xs: *e", "abbr: *e", "abbr: pitd\n    xs: *e\n    ys: *e"])
def test_a_project_of_lists_in_lists_takes_no_memory(tmp_path, field):
    letters = "abcde"
    nested = "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 99)}]\n" for a, b in zip(letters, letters[1:], strict=False)
    )
    text = f"a: &a [1]\n{nested}{USTX}".replace("abbr: pitd\n    xs: [240, 245, 300, 305]", field)
    (tmp_path / "a.ustx").write_text(text, encoding="utf-8")
    try:
        curves.read(tmp_path / "a.ustx", flat(150))
    except UserError as error:
        assert "cannot be read as a project" in str(error)


def test_the_project_that_ships_covers_its_recording():
    song = prosody_utau.from_ustx((ROOT / "docs" / "examples" / "surprise.ustx").read_text("utf-8"))
    assert len(song.notes) == 10 and song.seconds(np.array([song.notes[-1].end]))[0] == pytest.approx(2.375)
    given = prosody_utau.read(ROOT / "docs" / "examples" / "surprise.ustx", times(120), 0.0)
    covered = times(120)[~np.isnan(given.f0)]
    assert covered[0] < 0.13 and covered[-1] > 2.35 and np.isfinite(given.f0[10:115]).all()
