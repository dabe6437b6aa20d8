"""Takes of one prompt, as a CSV names them."""

import json
from pathlib import Path

import pytest
from conftest import run_script

from common.cli import UserError
from preprocessing.data_folder import DataFolder
from preprocessing.split import prompts_of, read_prompts, write_split

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
    (tmp_path / "data").mkdir()
    (wavs / "a.wav").write_bytes(b"x")
    arguments = ("preprocess.py", "x", "--wavs", wavs, "--mel", "--prompts", "gone.csv")
    done = run_script(*arguments, cwd=tmp_path, expect=2)
    assert "gone.csv" in done.stderr and "Traceback" not in done.stderr


NOTES = ("C4", "F#4", "A4")


def split_of(folder: Path, names: list[str], **given) -> dict[str, list[str]]:
    data = DataFolder(folder, {name: folder / f"{name}.wav" for name in names})
    folder.mkdir(exist_ok=True)
    return write_split(data, **given)


@pytest.mark.parametrize(
    "form",
    [
        "{note}/_{name}",
        "bank/強_{note}/{name}",
        "{name}{note}",
        "{name}_{note}",
        "{name}KA{note}",
        "{name}_{small}",
        "{note}_{name}",
        "{note}/{name}{note}",
    ],
)
@pytest.mark.parametrize("count", [3, 23])
def test_one_prompt_at_several_pitches_is_on_one_side(tmp_path, form, count):
    prompts = [f"か{chr(0x3042 + 2 * n)}" for n in range(count)]
    keys = {form.format(note=note, small=note.lower(), name=name): name for name in prompts for note in NOTES}
    split = split_of(tmp_path, list(keys), seed=3, val=0.2, test=0.2)
    sides = [{keys[key] for key in split[part]} for part in ("train", "val", "test")]
    assert all(sides) and sum(map(len, sides)) == count
    assert sum(len(split[part]) for part in ("train", "val", "test")) == 3 * count


def test_what_only_looks_like_a_pitch_is_a_name(tmp_path):
    for names in (
        [f"{letter}{number}" for letter in "ABC" for number in range(5)],
        [f"line{letter}{number}" for letter in "ABC" for number in range(5)],
        [f"{letter}{number}/voice" for letter in "ABC" for number in range(5)],
        [f"arctic_b{number:04}" for number in range(15)],
    ):
        assert len(set(prompts_of(names).values())) == 15


def test_an_existing_split_that_knew_no_pitches_stays(tmp_path):
    names = [f"{note}/_{name}" for note in NOTES for name in "abcd"]
    before = {"seed": 1234, "val_share": 0.05, "test_share": 0.0}
    before |= {"train": names[1:], "val": names[:1], "test": []}
    (tmp_path / "split.json").write_text(json.dumps(before), encoding="utf-8")
    after = split_of(tmp_path, [*names, "G4/_a", "G4/_b", "G4/_z"])
    assert after["val"][0] == "C4/_a" and set(names[1:]) <= set(after["train"])
    assert "G4/_b" in after["train"] and "G4/_a" in after["val"]
    asked = split_of(tmp_path, names, seed=1)
    assert (
        len(asked["val"]) % len(NOTES) == 0
        and len({key[-1] for key in asked["val"]}) == len(asked["val"]) / 3
    )


def test_fractions_that_leave_no_training_are_refused(tmp_path):
    split_of(tmp_path, ["a", "b", "c"], val=0.5)
    before = (tmp_path / "split.json").read_bytes()
    with pytest.raises(UserError, match=r"val_share 0.5 and test_share 0.5 leave nothing"):
        split_of(tmp_path, ["a", "b", "c"], test=0.5)
    assert (tmp_path / "split.json").read_bytes() == before


def test_a_table_in_utf8_names_files_whose_names_are_not(tmp_path):
    files = {"k": Path("bank") / "かソ.wav".encode("cp932").decode("utf-8", "surrogateescape")}
    assert read_prompts(table(tmp_path, "かソ.wav,one"), files) == {"k": "one"}
