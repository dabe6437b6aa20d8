"""Writing files: what the system refuses is said with the file's own name, early where it can be."""

import errno
import os

import pytest

from common import cli, files


def test_a_folder_that_cannot_be_written_is_known_before_anything_is_computed(tmp_path, monkeypatch):
    files.require_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(cli.UserError, match="deep: a part of this path is a file"):
        files.require_writable(tmp_path / "file" / "deep")

    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", full)
    with pytest.raises(cli.UserError) as error:
        files.require_writable(tmp_path)
    assert str(error.value).startswith(f"nothing can be written to {tmp_path}: the disk is full")


def test_a_write_that_fails_names_the_file_and_not_its_temporary_one(tmp_path):
    for late in (False, True):
        with pytest.raises(OSError) as error, files.atomic_path(tmp_path / "a.wav") as part:
            raise OSError(errno.ENOSPC, "No space left on device", *([str(part)] if late else []))
        assert cli.reason_of(error.value).startswith(f"{tmp_path / 'a.wav'}: the disk is full")


@pytest.mark.skipif(os.name != "posix", reason="names are counted in bytes there")
def test_a_conversion_whose_name_is_too_long_is_refused_before_it_is_made(tmp_path):
    stem = "あ" * 83
    files.require_nameable(tmp_path / "new" / f"{stem}ab.wav")
    with pytest.raises(cli.UserError, match="the name is too long, by 4 of 259 bytes"):
        files.require_nameable(tmp_path / "new" / f"{stem}_voice.wav")
