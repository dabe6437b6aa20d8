"""Keys, links and caching of data/<name>/."""

import os
import sys

import numpy as np
import pytest
import soundfile
from data_folders import make_files

import audio
from common import audio_files
from common.cli import UserError
from preprocessing import moved_copies
from preprocessing.bookkeeping import drop_replaced, each_key
from preprocessing.data_folder import DataFolder, Path
from preprocessing.split import write_split
from preprocessing.wavs_link import make_link
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


def test_no_two_recordings_share_a_key_nor_one_with_a_copy(tmp_path):
    wavs = tmp_path / "wavs"
    wavs.mkdir()
    for name in ("song.wav", "song.mp3", "song.mp3.wav", "song~moved1.wav", "x~MOVED12.wav"):
        soundfile.write(wavs / name, np.zeros(1600), 16000, format="WAV")
    folder = DataFolder(tmp_path / "data" / "x")
    folder.connect(wavs)
    assert {key: path.name for key, path in folder.files.items()} == {
        "song.mp3": "song.mp3",
        "song.mp3.wav": "song.mp3.wav",
        "song.wav": "song.wav",
        "song~moved1.wav": "song~moved1.wav",
        "x~MOVED12.wav": "x~MOVED12.wav",
    }


@pytest.mark.parametrize("key", ["../../../victim", "/victim", "a/../../victim", "a\0b", ""])
def test_keys_that_lead_out_of_the_folder_are_refused(tmp_path, key):
    (tmp_path / "victim.npy").write_bytes(b"x")
    folder = make_files(DataFolder(tmp_path / "data" / "x"), ["a", "b"])
    for wrong in ({key: "a"}, {"a~moved1": key}):
        folder.write_json("copies.json", {"of": wrong})
        for use in (
            lambda: moved_copies.missing(folder),
            lambda: folder.forget("a"),
            lambda: folder.with_copies,
        ):
            with pytest.raises(UserError, match=r"copies\.json: the key .* leads out"):
                use()
    (folder.root / "copies.json").unlink()
    folder.write_json("split.json", {"train": [key], "val": ["b"]})
    with pytest.raises(UserError, match=r"split\.json: the key .* leads out"):
        folder.split("train", "mels")
    (folder.root / "mels").mkdir()
    for use in (folder.forget, folder.prepared, lambda key: folder.save("mels", key, np.zeros(1))):
        with pytest.raises(UserError, match="leads out"):
            use(key)
    assert (tmp_path / "victim.npy").read_bytes() == b"x"


@pytest.mark.parametrize("refused", [False, True])
def test_wavs_that_are_gone_are_replaced_for_good(tmp_path, recordings, monkeypatch, refused):
    def refuse(*_, **__):
        raise OSError("no rights")

    old, folder = tmp_path / "old", DataFolder(tmp_path / "x")
    old.mkdir()
    soundfile.write(old / "old.wav", np.zeros(1600), 16000)
    with monkeypatch.context() as patch:
        if refused:
            patch.setattr(Path, "symlink_to", refuse)
        folder.connect(old)
        old.rename(tmp_path / "away")
        with pytest.raises(UserError, match="a dead link to .*old; make it"):
            folder.connect(None)
        folder.connect(recordings)
    (tmp_path / "away").rename(old)
    assert DataFolder(folder.root).wavs == recordings.resolve()
    assert (folder.root / "wavs").exists() != (folder.root / "wavs.txt").exists()
    with pytest.raises(UserError, match="its wavs are"):
        folder.connect(old)


def test_a_recorded_path_was_given_after_the_dead_link_beside_it(tmp_path, recordings):
    """As earlier versions left it."""
    (tmp_path / "x").mkdir()
    (tmp_path / "old").mkdir()
    make_link(tmp_path / "x" / "wavs", tmp_path / "old")
    (tmp_path / "x" / "wavs.txt").write_text(f"{recordings.resolve()}\n", encoding="utf-8")
    assert DataFolder(tmp_path / "x").wavs == recordings.resolve()


def test_the_users_own_wavs_in_the_folder_stay(tmp_path, recordings):
    own = tmp_path / "x" / "wavs"
    own.mkdir(parents=True)
    soundfile.write(own / "own.wav", np.zeros(1600), 16000)
    with pytest.raises(UserError, match="take another name"):
        DataFolder(tmp_path / "x").connect(recordings)
    assert list(DataFolder(tmp_path / "x").files) == ["own"]


@pytest.mark.parametrize("format", ["AU", "W64", "CAF", "OGG"])
def test_formats_that_libsndfile_reads_are_recordings(tmp_path, format):
    name = {"OGG": "a.oga"}.get(format, f"a.{format.lower()}")
    soundfile.write(tmp_path / name, np.linspace(-0.1, 0.1, 8000), 16000, format=format)
    folder = DataFolder(tmp_path / "x", None)
    folder.connect(tmp_path)
    assert list(folder.files) == ["a"] and len(folder.prepared("a")) == 8000


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are Unicode")
def test_names_that_are_not_utf8_are_kept_as_they_are(tmp_path):
    wavs, raw = tmp_path / os.fsdecode("録音".encode("cp932")), ["あ.wav", "かソ.wav", "i.wav"]
    wavs.mkdir()
    for number, name in enumerate(raw):
        audio.save(wavs / os.fsdecode(name.encode("cp932")), np.full(1600, number / 9))
    folder = DataFolder(tmp_path / "x")
    folder.connect(wavs)
    keys = list(folder.files)
    split = write_split(folder)
    assert sorted(key for part in split.values() for key in part) == sorted(keys)
    assert DataFolder(folder.root).read_json("split.json")["train"] == split["train"]
    assert [len(DataFolder(folder.root).prepared(key)) for key in keys] == [1600] * 3
    (folder.root / "wavs").unlink()
    (folder.root / "wavs.txt").write_bytes(os.fsencode(wavs) + b"\n")
    assert DataFolder(folder.root).wavs == wavs


def test_a_folder_is_listed_once_and_not_for_every_recording(tmp_path, recordings, monkeypatch):
    folder, listed = DataFolder(tmp_path / "x"), []
    folder.connect(recordings)
    real = audio_files.find
    monkeypatch.setattr(audio_files, "find", lambda *given: listed.append(given) or real(*given))
    assert drop_replaced(folder, 1) == 0
    made, failures = each_key(length_of, folder, folder.files, 1, "lengths")
    assert list(made.values()) == [8000] * 5 and not failures and len(listed) == 1
    parts = [folder.only(key) for key in folder.files]
    assert all(len(part.files) == 1 and not part.copies for part in parts) and len(listed) == 1


def length_of(folder, key) -> int:
    return len(folder.prepared(key))


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
    with pytest.raises(UserError, match="expected a folder of wavs or a bank's zip, found nothing"):
        DataFolder(tmp_path / "x").connect(tmp_path / "gone")


def test_prepared_is_cached_and_cropped_on_the_grid(tmp_path, recordings):
    folder = DataFolder(tmp_path / "x")
    folder.connect(recordings)
    wav = folder.prepared("sub/a")
    assert len(wav) == 8000 and folder.path("prepared", "sub/a").is_file()
    assert np.array_equal(folder.crop("sub/a", 3, 5), wav[960:2560])
    (recordings / "sub" / "a.wav").unlink()
    assert np.array_equal(folder.prepared("sub/a"), wav)


@pytest.mark.parametrize("peak", [4.0, 0.9, 0.002])
def test_recordings_are_kept_whole_whatever_their_peak(tmp_path, peak):
    wavs = tmp_path / "wavs"
    wavs.mkdir()
    wav = np.random.default_rng(0).uniform(-1, 1, 8000) * np.hanning(8000)
    soundfile.write(wavs / "a.wav", peak * wav / np.abs(wav).max(), 16000, subtype="FLOAT")
    folder = DataFolder(tmp_path / "x")
    folder.connect(wavs)
    own, kept = audio.prepare(folder.files["a"]).wav, folder.prepared("a")
    assert np.abs(kept).max() == pytest.approx(audio.PEAK_LIMIT, abs=1e-3)
    noise = kept - own * (audio.PEAK_LIMIT / peak)
    assert 10 * np.log10(np.square(kept).mean() / np.square(noise).mean()) > 80


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
