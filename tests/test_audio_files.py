"""Which files of a folder are recordings, and what is said of the others."""

import sys

import pytest

from common.audio_files import find

SUFFIXES = (".wav", ".flac")
links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def found(folder) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find(folder, SUFFIXES).paths]


def test_recordings_of_all_folders_are_found_in_order(tmp_path):
    make(tmp_path, "b.wav", "a/c.FLAC", "a/b/あ.wav", "ソ.x.wav")
    assert found(tmp_path) == ["a/b/あ.wav", "a/c.FLAC", "b.wav", "ソ.x.wav"]
    assert find(tmp_path, SUFFIXES).left_out == ""


def test_what_is_left_out_is_counted_in_one_line(tmp_path):
    make(tmp_path, "a.wav", *(f"{n}.frq" for n in range(3)), "oto.INI", "LICENSE", "._a.wav", ".DS_Store")
    make(tmp_path, "odd.what is\nthis", "sub/x.frq")
    assert found(tmp_path) == ["a.wav"]
    assert find(tmp_path, SUFFIXES).left_out == "4 .frq, 1 .ini, 1 hidden, 1 other, 1 without suffix"
    make(tmp_path, *(f"x.s{n}" for n in range(20)))
    assert find(tmp_path, SUFFIXES).left_out.count(",") == 8


@links
def test_linked_folders_are_followed_once_and_never_in_circles(tmp_path):
    top, other = tmp_path / "in", tmp_path / "elsewhere"
    make(top, "a.wav", "own/b.wav")
    make(other, "six.wav", "deep/seven.wav")
    (top / "linked").symlink_to(other)
    (top / "again").symlink_to(top / "own")
    (top / "up").symlink_to(tmp_path)
    (top / "own" / "self").symlink_to(top / "own")
    (other / "back").symlink_to(top)
    (top / "c.wav").symlink_to(other / "six.wav")
    assert found(top) == ["a.wav", "c.wav", "linked/deep/seven.wav", "linked/six.wav", "own/b.wav"]
    assert find(top, SUFFIXES).left_out == ""


@links
def test_dead_links_are_counted(tmp_path):
    (tmp_path / "a.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert found(tmp_path) == [] and find(tmp_path, SUFFIXES).left_out == "2 dead link(s)"
