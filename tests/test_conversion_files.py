"""Files of a batch of conversions: nobody's recording is overwritten, own results are not converted again."""

import argparse
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

import audio
from common.cli import UserError
from conversion.files import COMMENT, planned

NAMING = {"name_pattern": "{source}_{voice}", "format": "wav", "bits": None}
TONE = 0.1 * np.sin(np.arange(16000) / 10).astype(np.float32)


def arguments(given, out, **more):
    defaults = dict.fromkeys(("prosody_in", "prosody_out", "pitch_from", "dyn_from"))
    given = {"vbank": "hana", "input": given, "out_path": out, "plot": False, "report": False, "mix": []}
    return argparse.Namespace(**{**given, **NAMING, **defaults, **more})


def recording(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, TONE, 16000)
    return path


def conversion(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.save(path, TONE, COMMENT)
    return path


def sources(files):
    return sorted(file.source.name for file in files)


def test_a_conversion_says_that_it_is_synthetic_and_plays_as_before(tmp_path):
    path = conversion(tmp_path / "a.wav")
    assert "synthetic" in audio.comment_of(path)
    assert audio.comment_of(recording(tmp_path / "b.wav")) == ""
    wav, rate = soundfile.read(path, dtype="float32")
    assert rate == 16000 and np.abs(wav - TONE).max() < 1e-4


@pytest.mark.parametrize("inside", [".", "gen", "gen/録音"])
def test_own_results_within_the_input_folder_are_not_converted_again(tmp_path, inside, capsys):
    recording(tmp_path / "a.wav")
    out = tmp_path / inside
    conversion(out / "a_kathleen.wav")
    conversion(out / "sub" / "b_hana.wav")
    assert sources(planned(arguments(tmp_path, out))) == ["a.wav"]
    assert "2 conversions of earlier runs are left out" in capsys.readouterr().out


def test_results_elsewhere_are_recordings_like_any(tmp_path):
    conversion(tmp_path / "in" / "a_kathleen.wav")
    assert sources(planned(arguments(tmp_path / "in", tmp_path / "out"))) == ["a_kathleen.wav"]
    single = conversion(tmp_path / "out" / "b_kathleen.wav")
    assert sources(planned(arguments(single, tmp_path / "out"))) == ["b_kathleen.wav"]


def test_a_folder_of_results_alone_says_what_to_do(tmp_path):
    conversion(tmp_path / "a_kathleen.wav")
    with pytest.raises(UserError, match="give another --out_path"):
        planned(arguments(tmp_path, tmp_path))


def test_a_recording_with_the_name_of_a_result_is_not_overwritten(tmp_path):
    recording(tmp_path / "song.wav")
    sung = recording(tmp_path / "song_hana.wav")
    with pytest.raises(UserError, match="song_hana.wav: would overwrite"):
        planned(arguments(tmp_path, tmp_path))
    assert len(planned(arguments(tmp_path, tmp_path / "gen"))) == 2
    with pytest.raises(UserError, match="would overwrite"):
        planned(arguments(tmp_path / "song.wav", tmp_path, pitch_from=sung))


def test_a_link_to_a_recording_is_that_recording(tmp_path):
    recording(tmp_path / "in" / "a.wav")
    (tmp_path / "gen").mkdir()
    try:
        os.link(tmp_path / "in" / "a.wav", tmp_path / "gen" / "a_hana.wav")
    except OSError:
        pytest.skip("links cannot be made here")
    with pytest.raises(UserError, match="would overwrite"):
        planned(arguments(tmp_path / "in", tmp_path / "gen"))


def test_prosody_is_written_over_no_recording_and_no_curve_that_is_read(tmp_path):
    source, other = recording(tmp_path / "a.wav"), recording(tmp_path / "b.wav")
    for place in (source, other, tmp_path / "new.wav"):
        with pytest.raises(UserError, match=r"ends in \.csv, \.ds or"):
            planned(arguments(source, tmp_path / "gen", prosody_out=place))
    curve = tmp_path / "curve.csv"
    curve.write_text("time_s,f0_hz,voiced,loudness_db\n", encoding="utf-8")
    with pytest.raises(UserError, match="would overwrite"):
        planned(arguments(source, tmp_path / "gen", prosody_in=curve, prosody_out=curve))


def test_no_two_results_go_to_one_place(tmp_path):
    source = recording(tmp_path / "a.wav")
    with pytest.raises(UserError, match="two results"):
        planned(arguments(source, tmp_path, plot=True, prosody_out=tmp_path / "a_hana.png"))


def test_what_a_killed_run_left_in_the_output_folder_goes(tmp_path):
    from common import files

    source = recording(tmp_path / "in" / "a.wav")
    (tmp_path / "gen").mkdir()
    (tmp_path / "gen" / f".{files.HERE}-{2**31 - 9}-{'0' * 16}.part.wav").touch()
    planned(arguments(source, tmp_path / "gen"))
    assert list((tmp_path / "gen").iterdir()) == []


def test_names_that_differ_by_suffix_and_capitals_alone_keep_their_suffix(tmp_path):
    from conversion.files import target_paths

    files = {p: p for p in map(Path, ("Take.wav", "take.flac", "other.wav", "sub/take.wav"))}
    made = [path.as_posix() for path in target_paths(files, "v", Path("gen")).values()]
    assert made == ["gen/Take.wav_v.wav", "gen/take.flac_v.wav", "gen/other_v.wav", "gen/sub/take_v.wav"]


def test_what_a_conversion_leaves_out_is_counted_in_one_line(tmp_path, capsys):
    from conversion.files import find_sources

    for name in ("a.wav", "b.caf", "c.oga", "oto.ini", "a.frq", "b.frq"):
        (tmp_path / name).touch()
    assert [path.name for path in find_sources(tmp_path)] == ["a.wav", "b.caf", "c.oga"]
    assert capsys.readouterr().err == f"{tmp_path}: 3 recordings, left out: 2 .frq, 1 .ini\n"


def test_three_recordings_have_three_conversions_and_curves(tmp_path):
    from conversion.files import curve_paths, find_sources, target_paths

    for name in ("song.wav", "song.mp3", "song.mp3.wav", "sub/song.mp3.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files = find_sources(tmp_path)
    for places in (
        target_paths(files, "v", Path("gen")),
        curve_paths(files, tmp_path / "csv", False, "--prosody_out", read=False),
    ):
        assert list(places) == sorted(files) and len({str(p).casefold() for p in places.values()}) == 4
    assert target_paths(files, "v", Path("gen"))[tmp_path / "sub" / "song.mp3.wav"].name == "song.mp3_v.wav"
