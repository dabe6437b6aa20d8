"""Keys, links, splits and caching of data/<name>/."""

import numpy as np
import pytest
import soundfile

from common.cli import UserError
from preprocessing.data_folder import DataFolder, Path
from preprocessing.split import write_split
from training.crops import crop_start


@pytest.fixture
def recordings(tmp_path):
    wavs = tmp_path / "録音 の folder"
    rng = np.random.default_rng(0)
    names = ["a.wav", "sub/a.wav", "sub/あ.い.wav", "b.wav", "b.flac", ".hidden.wav", "._a.wav"]
    for name in names:
        path = wavs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.uniform(-0.3, 0.3, 8000), 16000, format="FLAC" if "flac" in name else "WAV")
    (wavs / ".DS_Store").write_bytes(b"x")
    (wavs / "notes.txt").write_text("x", encoding="utf-8")
    return wavs


def test_keys_of_nested_equal_and_odd_names(tmp_path, recordings):
    folder = DataFolder(tmp_path / "data" / "x")
    folder.connect(recordings)
    assert list(folder.files) == ["a", "b.flac", "b.wav", "sub/a", "sub/あ.い"]
    assert folder.path("pits", "sub/あ.い").name == "あ.い.npy"
    assert len({folder.path("pits", k) for k in folder.files}) == 5


def test_connect_links_once_and_refuses_another_folder(tmp_path, recordings):
    folder = DataFolder(tmp_path / "x")
    folder.connect(recordings)
    folder.connect(recordings)
    folder.connect(None)
    assert folder.wavs == recordings.resolve()
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="take another name"):
        folder.connect(tmp_path / "other")


def test_where_links_are_refused_the_path_is_recorded(tmp_path, recordings, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no rights")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    folder = DataFolder(tmp_path / "x")
    folder.connect(recordings)
    assert (tmp_path / "x" / "wavs.txt").is_file()
    assert folder.wavs == recordings.resolve() and len(folder.files) == 5


def test_missing_wavs_name_the_command(tmp_path):
    with pytest.raises(UserError, match="preprocess.py x --wavs"):
        DataFolder(tmp_path / "x").connect(None)
    with pytest.raises(UserError, match="expected a folder of wavs, found nothing"):
        DataFolder(tmp_path / "x").connect(tmp_path / "gone")


def make_files(folder, names):
    folder.root.mkdir(parents=True, exist_ok=True)
    folder.files = {name: folder.root / f"{name}.wav" for name in names}
    return folder


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


def test_prepared_is_cached_and_cropped_on_the_grid(tmp_path, recordings):
    folder = DataFolder(tmp_path / "x")
    folder.connect(recordings)
    wav = folder.prepared("sub/a")
    assert len(wav) == 8000 and folder.path("prepared", "sub/a").is_file()
    assert np.array_equal(folder.crop("sub/a", 3, 5), wav[960:2560])
    (recordings / "sub" / "a.wav").unlink()
    assert np.array_equal(folder.prepared("sub/a"), wav)


def test_crop_start_stays_inside_and_depends_on_the_seed_alone():
    starts = [crop_start(100, 30, (1, p)) for p in range(200)]
    assert min(starts) >= 0 and max(starts) == 70 and len(set(starts)) > 40
    assert crop_start(100, 30, (1, 7)) == starts[7]
    assert crop_start(20, 30, (1, 7)) == 0


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("split.json", '{"train": ["a"], "val"', "--pitdyn or --mel"),
        ("split.json", '{"train": "a", "val": []}', "--pitdyn or --mel"),
        ("stats.json", '{"labels": {"pit": {"bins": "99"}}}', "--pitdyn"),
        ("copies.json", '{"of": ["a"]}', "--mel with the options"),
        ("encoder.json", '{"encoders": {"pit": {"name": "x"}}, "unit_dim": 768}', "--encode DATASET"),
        ("unfinished-units-discrete.json", "[]", "--discrete"),
    ],
)
def test_a_damaged_json_names_the_command_that_makes_it_again(tmp_path, name, text, command):
    folder = DataFolder(tmp_path / "声")
    assert folder.read_json(name) is None
    folder.root.mkdir()
    (folder.root / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        folder.read_json(name)
    assert str(error.value).startswith(f"{folder.root / name}: it is damaged, ")
    assert f"python preprocess.py 声 {command}" in str(error.value)
