"""Names: unique where systems confuse them, refused where they lead elsewhere, shown where they are bytes."""

import io
import os
import sys
from pathlib import PurePosixPath

import pytest

from common.cli import UserError
from common.names import READABLE, checked, checked_key, fold, readable, unique


def names(*paths: str, **more) -> list[str]:
    return list(unique(map(PurePosixPath, paths), **more).values())


def test_names_go_without_their_suffix_where_that_tells_them_apart():
    assert names("a.wav", "sub/a.flac", "sub/あ.い.wav") == ["a", "sub/a", "sub/あ.い"]
    assert names("b.wav", "b.flac", "c.wav") == ["b.wav", "b.flac", "c"]


@pytest.mark.parametrize(
    "paths",
    [
        ("song.wav", "song.mp3", "song.mp3.wav"),
        ("song.wav", "song.mp3", "song.mp3.wav", "song.mp3.flac", "song.mp3.wav.wav", "song.wav.wav"),
        ("A.wav", "a.wav", "a.flac"),
        ("か\u3099.wav", "が.wav", "が.WAV"),
        ("Ab/x.wav", "aB/x.wav", "aB/x.wav~2.wav"),
        ("straße.wav", "STRASSE.wav"),
    ],
)
def test_no_two_recordings_have_one_name_on_any_system(paths):
    found = names(*paths)
    assert len({fold(name) for name in found}) == len(paths)
    assert dict(zip(paths, found, strict=True)) == dict(zip(paths[::-1], names(*paths[::-1]), strict=True)), (
        "the order of listing decides nothing"
    )


def test_reserved_names_keep_their_suffix():
    assert names("a.wav", "a~moved1.wav", reserved=lambda name: "~" in name) == ["a", "a~moved1.wav"]


@pytest.mark.parametrize("name", ["hana", "flat/bank-moved", "花", "v1.2", "con-brio", "my voice"])
def test_ordinary_names_are_taken(name):
    assert checked(name, "voice") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/../a", "a//b", "a/", "/abs", "a\\b", "C:x", "a\0b", "a?", "a:b", "nul"]
    + ["a/Con.txt", "COM1", "lpt¹", "a.", "a ", "x\ny", "\x1b[31m", "a\udc82"],
)
def test_names_that_are_no_folder_everywhere_are_refused(name):
    with pytest.raises(UserError, match=r"^voice .*: expected a name such as hana, found ") as error:
        checked(name, "voice")
    assert str(error.value).isprintable()


@pytest.mark.parametrize("key", ["a", "sub/あ.い", "..a", "a../b", "a:b", "\udc82"])
def test_keys_of_recordings_are_taken(key):
    assert checked_key(key, "x") == key


@pytest.mark.parametrize(
    "key", ["", "..", "../../victim", "a/../../b", "a\\..\\b", "/etc/x", "a\0b", None, 3]
)
def test_keys_that_lead_out_of_the_folder_are_refused(key):
    with pytest.raises(UserError, match="split.json: the key .* leads out"):
        checked_key(key, "split.json")


@pytest.mark.parametrize(
    "text,encoding",
    [
        ("あ.wav", "cp932"),
        ("in/ソ表/かソき.wav", "cp932"),
        ("ｶﾅ あ", "cp932"),
        ("Mädchen über.wav", "latin-1"),
        ("café/niño.wav", "latin-1"),
    ],
)
def test_bytes_of_names_are_shown_as_what_they_stand_for(text, encoding):
    name = text.encode(encoding).decode("utf-8", "surrogateescape")
    assert readable(name) == text
    assert readable(f"お{name}: お\n") == f"お{text}: お\n"


def test_whatever_a_name_holds_it_is_shown():
    for name in ("\udc81", "a\udc85\udcff\udc82", "\ud800x", "\udcfe\udcfe"):
        readable(name).encode("utf-8")
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", errors=READABLE)
    stream.write("é あ \udc82\udca0")
    stream.flush()
    assert stream.buffer.getvalue() == b"\xe9 \\u3042 \\udc82\\udca0"


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are Unicode")
def test_such_a_file_is_read_and_written(tmp_path):
    import numpy as np

    import audio

    path = tmp_path / os.fsdecode("かソき.wav".encode("cp932"))
    audio.save(path, np.linspace(-0.1, 0.1, 3200))
    assert len(audio.load(path)) == 3200
