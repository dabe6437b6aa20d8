"""Takes of one prompt, as a CSV names them."""

from pathlib import Path

import pytest
from conftest import run_script

from common.cli import UserError
from preprocessing.split import read_prompts

FILES = {key: Path("/data/録音") / f"{key}.wav" for key in ("a/1", "a/2", "b/1", "b/2", "c/3")}


def table(folder: Path, *rows: str, header: str = "path,prompt") -> Path:
    path = folder / "台本.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8-sig")
    return path


def test_equal_names_in_different_folders_are_told_apart(tmp_path):
    rows = ("a/1.wav,one", "a/2.wav,two", "b/1.wav,two", "b/2.wav,one", "z/9.wav,nine")
    assert read_prompts(table(tmp_path, *rows), FILES) == {
        "a/1": "one",
        "a/2": "two",
        "b/1": "two",
        "b/2": "one",
    }


def test_paths_may_begin_elsewhere_or_be_names_alone(tmp_path):
    rows = (r"C:\Corpus\a\1.wav,one", "/home/me/b/1.wav,two", "2.wav,three", "q/2.wav,four", "c/3.wav,")
    expected = {"a/1": "one", "b/1": "two", "a/2": "three", "b/2": "three"}
    assert read_prompts(table(tmp_path, *rows), FILES) == expected


def test_what_is_no_table_of_these_recordings_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"gone.csv: no such file"):
        read_prompts(tmp_path / "gone.csv", FILES)
    with pytest.raises(UserError, match="columns path and prompt, found file, text"):
        read_prompts(table(tmp_path, "a,b", header="file,text"), FILES)
    with pytest.raises(UserError, match="found no rows"):
        read_prompts(table(tmp_path), FILES)
    with pytest.raises(UserError, match=r"end like those of the wavs, as .*1\.wav, found a/1\.flac"):
        read_prompts(table(tmp_path, "a/1.flac,one"), FILES)
    latin = tmp_path / "latin.csv"
    latin.write_bytes("path,prompt\n1.wav,für".encode("latin-1"))
    with pytest.raises(UserError, match="UTF-8"):
        read_prompts(latin, FILES)


def test_a_missing_table_is_wrong_usage(tmp_path):
    wavs = tmp_path / "wavs"
    wavs.mkdir()
    (wavs / "a.wav").write_bytes(b"x")
    arguments = ("preprocess.py", "x", "--wavs", wavs, "--mel", "--prompts", "gone.csv")
    done = run_script(*arguments, cwd=tmp_path, expect=2)
    assert "gone.csv" in done.stderr and "Traceback" not in done.stderr
