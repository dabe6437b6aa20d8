"""Sides of the split: takes of a prompt share one, a kept split stays, each side has recordings."""

import numpy as np
import pytest
from data_folders import make_files

from common.cli import UserError
from preprocessing.data_folder import DataFolder
from preprocessing.split import write_split


def test_takes_of_a_prompt_stay_on_one_side(tmp_path):
    names = [f"arctic_a{i:04d}_15927{take:05d}" for i in range(60) for take in range(3)]
    split = write_split(make_files(DataFolder(tmp_path / "x"), names), 1, 0.2, 0.2)
    sides = {part: {n.rsplit("_", 1)[0] for n in split[part]} for part in ("train", "val", "test")}
    assert not (
        sides["train"] & sides["val"] or sides["train"] & sides["test"] or sides["val"] & sides["test"]
    )
    assert sum(len(split[part]) for part in sides) == 180
    assert 6 <= len(sides["val"]) <= 20 and 6 <= len(sides["test"]) <= 20
    prompts = {n: "one" if n < "arctic_a0030" else n for n in names}
    given = write_split(make_files(DataFolder(tmp_path / "y"), names), 1, 0.3, 0.0, prompts)
    assert len({part for part in ("train", "val") for n in given[part] if prompts[n] == "one"}) == 1


def test_split_is_seeded_and_stable_when_wavs_are_added(tmp_path):
    names = [f"line{i}" for i in range(200)]
    first = write_split(make_files(DataFolder(tmp_path / "a"), names), 5, 0.1, 0.1)
    more = write_split(make_files(DataFolder(tmp_path / "b"), [*names, "extra1", "extra2"]), 5, 0.1, 0.1)
    assert all(set(first[part]) <= set(more[part]) for part in ("train", "val", "test"))
    other = write_split(make_files(DataFolder(tmp_path / "c"), names), 6, 0.1, 0.1)
    assert other["val"] != first["val"]


def test_an_existing_split_stays_unless_another_is_asked_for(tmp_path):
    names = [f"line{i}" for i in range(100)]
    folder = make_files(DataFolder(tmp_path / "a"), names)
    first = write_split(folder, 7, 0.1, 0.2, {name: name[:5] for name in names})
    assert write_split(folder) == first
    folder.files = {name: folder.root / f"{name}.wav" for name in [*names, "line0_take2", "new"]}
    again = write_split(folder)
    assert all(set(first[part]) <= set(again[part]) for part in first)
    side = next(part for part in first if "line0" in first[part])
    assert "line0_take2" in again[side]
    assert len(write_split(folder, test=0.0)["test"]) == 0


def test_two_files_that_differ_by_suffix_are_takes_of_one_prompt(tmp_path):
    names = [f"x{i}_take1{suffix}" for i in range(30) for suffix in (".wav", ".FLAC")]
    split = write_split(make_files(DataFolder(tmp_path / "x"), names), 1, 0.3, 0.3)
    for part in ("train", "val", "test"):
        stems = [name.split(".")[0] for name in split[part]]
        assert stems and all(stems.count(stem) == 2 for stem in stems)


@pytest.mark.parametrize("gone", ["val", "train"])
@pytest.mark.parametrize("test", [0.0, 0.3])
def test_a_side_that_lost_its_last_recording_gets_another(tmp_path, gone, test):
    folder = make_files(DataFolder(tmp_path / "x"), [f"n{i}" for i in range(12)])
    first = write_split(folder, 3, 0.2, test)
    left = [name for name in folder.files if name not in first[gone]]
    make_files(folder, left)
    again = write_split(folder)
    assert again["train"] and again["val"] and again["test"] == first["test"]
    moved = [name for part in ("train", "val") for name in again[part] if name not in first[part]]
    assert len(moved) == 1
    make_files(DataFolder(tmp_path / "y"), [*left, "new"]).write_json("split.json", first)
    joined = write_split(make_files(DataFolder(tmp_path / "y"), [*left, "new"]))
    assert joined[gone] == ["new"]


def test_the_last_recordings_of_a_kept_split_are_shared_out(tmp_path):
    folder = make_files(DataFolder(tmp_path / "x"), ["a", "b", "c"])
    folder.write_json("split.json", {"train": ["a"], "val": ["gone"], "test": ["b", "c"]})
    split = write_split(folder)
    assert split["train"] == ["a"] and len(split["val"]) == len(split["test"]) == 1
    folder.write_json("split.json", {"train": ["gone"], "val": [], "test": ["a", "b", "c"]})
    split = write_split(folder)
    assert [len(split[part]) for part in ("train", "val", "test")] == [1, 1, 1]


def test_copies_of_what_has_left_training_do_not_train(tmp_path):
    folder = make_files(DataFolder(tmp_path / "x"), ["a", "b"])
    folder.write_json("split.json", {"train": ["a"], "val": ["b"]})
    folder.write_json("copies.json", {"of": {"a~moved1": "a", "b~moved1": "b"}})
    for key in ("a", "b", "a~moved1", "b~moved1"):
        folder.save("mels", key, np.zeros(1))
    assert folder.split("train", "mels") == ["a", "a~moved1"] and folder.split("val", "mels") == ["b"]


@pytest.mark.parametrize("count", [2, 3, 12])
def test_small_folders_still_have_training_and_validation(tmp_path, count):
    folder = make_files(DataFolder(tmp_path / "x"), [f"n{i}" for i in range(count)])
    split = write_split(folder, 1234, 0.05, 0.0)
    assert split["train"] and split["val"] and not split["test"]


def test_one_recording_cannot_be_split(tmp_path):
    with pytest.raises(UserError, match="two prompts"):
        write_split(make_files(DataFolder(tmp_path / "x"), ["only"]), 1, 0.05, 0.0)
