"""Formats and names of conversions: what each format keeps, patterns that are safe and tell files apart."""

import numpy as np
import pytest
import soundfile
from test_conversion_files import TONE, arguments, recording

import audio
from common.cli import UserError
from conversion import headers, names_out
from conversion.files import planned


def names(folder, **options):
    return [
        file.target.relative_to(folder / "gen").as_posix()
        for file in planned(arguments(folder, folder / "gen", **options))
    ]


@pytest.fixture
def two(tmp_path):
    for name in ("a.wav", "歌 1.wav"):
        recording(tmp_path / name)
    return tmp_path


def test_patterns_name_source_voice_and_number(two):
    assert names(two) == ["a_hana.wav", "歌 1_hana.wav"]
    assert names(two, name_pattern="{voice}/{source}", format="flac") == ["hana/a.flac", "hana/歌 1.flac"]
    assert names(two, name_pattern="{number} {voice}", format="mp3") == ["1 hana.mp3", "2 hana.mp3"]
    numbered = names_out.filled("{number}", [str(n) for n in range(12)], "x")
    assert numbered[0] == "01" and numbered[-1] == "12"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{voice}", "2 files would have one name; add {source}"),
        ("x", "2 files would have one name"),
        ("{source.__class__}", "found 'source.__class__'"),
        ("{source}{", "found '{'"),
        ("{name}", "found 'name'"),
        ("../{source}", "expected a name such as hana"),
        ("/tmp/{source}", "absolute path"),
        ("{source}?", "character"),
        ("con/{source}", "Windows"),
        ("{source}//x", "slash"),
        ("{source} ", "at an end"),
    ],
)
def test_patterns_that_are_no_names_are_refused(two, pattern, message):
    with pytest.raises(UserError) as error:
        names(two, name_pattern=pattern)
    assert message in str(error.value)


def test_recordings_of_one_name_in_two_folders_stay_apart(tmp_path):
    for name in ("1.wav", "sub/1.wav"):
        recording(tmp_path / name)
    assert len(set(names(tmp_path, name_pattern="{source}"))) == 2


def test_bits_are_for_formats_that_have_some(two):
    with pytest.raises(UserError, match="--bits 24: expected --format wav or flac with it, found mp3"):
        names(two, format="mp3", bits=24)


@pytest.mark.parametrize(
    ("name", "bits", "subtype", "error"),
    [
        ("wav", 16, "PCM_16", 3.1e-5),
        ("wav", 24, "PCM_24", 1.3e-7),
        ("flac", 16, "PCM_16", 3.1e-5),
        ("flac", 24, "PCM_24", 1.3e-7),
        ("ogg", 16, "VORBIS", 0.02),
        ("mp3", 16, "MPEG_LAYER_III", 0.02),
    ],
)
def test_every_format_plays_as_before_and_says_that_it_is_synthetic(tmp_path, name, bits, subtype, error):
    path = tmp_path / f"歌.{name}"
    audio.save(path, TONE, headers.comment({"transpose": 5.0}, ["a note"], 0.25), bits)
    about = soundfile.info(path)
    assert (about.subtype, about.samplerate, about.channels) == (subtype, 16000, 1)
    wav, _ = soundfile.read(path)
    if name != "mp3":  # which is padded at its ends
        assert len(wav) == len(TONE) and np.abs(wav - TONE).max() < error
    assert abs(np.abs(wav).max() - 0.1) < 0.02
    assert headers.read(path) == headers.Header({"transpose": 5.0}, ("a note",), 0.25)
