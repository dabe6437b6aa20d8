"""Disks that have no room for the conversions are found before work begins."""

from collections import namedtuple

import numpy as np
import pytest
import soundfile

from common.cli import UserError
from conversion import room

Usage = namedtuple("Usage", "free")


@pytest.fixture
def pair(tmp_path):
    """An hour of silence, and where its conversion goes."""
    path = tmp_path / "歌.flac"
    soundfile.write(path, np.zeros(3600 * 1000, np.int16), 1000)
    return path, tmp_path / "gen" / "deep" / "a_hana.wav"


@pytest.mark.parametrize(("free", "fits"), [(3e9, True), (1.6e9, False), (1e6, False)])
def test_an_hour_takes_its_result_and_temporary_files(pair, monkeypatch, free, fits):
    asked = []
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: asked.append(folder) or Usage(int(free)))
    if fits:
        room.require_room([pair])
    else:
        with pytest.raises(UserError, match=r"expected 1\.7 GB free for the conversions .* found") as error:
            room.require_room([pair])
        assert "--out_path" in str(error.value) and str(pair[0].parent) in str(error.value)
    assert asked == [pair[0].parent]


def test_temporary_files_of_a_batch_are_there_one_at_a_time(pair, monkeypatch):
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: Usage(int(2.2e9)))
    room.require_room([pair] * 4)
    with pytest.raises(UserError, match=r"found 2\.2 GB"):
        room.require_room([pair] * 6)


def test_what_is_no_recording_does_not_count(tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_text("words")
    room.require_room([(tmp_path / "a.wav", tmp_path / "b.wav")])
