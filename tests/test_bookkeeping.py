"""What no longer holds in a data folder: arrays of other settings, and of wavs that were replaced."""

import os

import numpy as np
import pytest
import soundfile
from conftest import sing

from common.cli import UserError
from preprocessing import bookkeeping, moved_copies
from preprocessing.bookkeeping import commit, drop_replaced, invalidate, todo
from preprocessing.data_folder import DataFolder


@pytest.fixture
def folder(tmp_path):
    """Two prepared recordings, labels and mels of them, and a moved copy of the first."""
    wavs = tmp_path / "録音"
    wavs.mkdir()
    for number, name in enumerate(("歌", "b")):
        soundfile.write(wavs / f"{name}.wav", sing(200, 250, 0.3, number), 16000)
    folder = DataFolder(tmp_path / "data" / "x")
    folder.connect(wavs)
    folder.write_json("copies.json", {"of": {"歌~moved1": "歌"}})
    for key in ("歌", "b", "歌~moved1"):
        wav = folder.prepared(key) if key in folder.files else folder.prepared("歌") / 2
        folder.save_prepared(key, wav)
        for kind in ("pits", "mels", "reference-fcpe-pyin"):
            folder.save(kind, key, np.zeros(3))
    return folder


def replace(folder, key, seed, hours):
    """Put another recording in the place of a wav, so many hours after it was prepared."""
    wav, prepared = folder.files[key], folder.path("prepared", key).stat().st_mtime
    soundfile.write(wav, sing(300, 200, 0.3, seed), 16000)
    os.utime(wav, (prepared + 3600 * hours,) * 2)


def made(folder) -> set[str]:
    return {path.relative_to(folder.root).as_posix() for path in folder.root.glob("*/*.npy")}


def test_all_that_was_made_of_a_replaced_wav_goes(folder, capsys):
    before, wav = made(folder), folder.prepared("歌")
    replace(folder, "歌", seed=7, hours=1)
    assert drop_replaced(folder, 1) == 0
    assert "1 recordings have changed" in capsys.readouterr().out
    assert made(folder) == {name for name in before if "/b.npy" in name} | {"prepared/歌.npy"}
    assert not np.array_equal(folder.prepared("歌")[:1000], wav[:1000])
    os.utime(folder.path("prepared", "歌"))
    assert drop_replaced(folder, 1) == 0 and "changed" not in capsys.readouterr().out


def test_what_an_earlier_version_prepared_goes_and_is_made_once(folder, capsys):
    (folder.root / "prepared.json").unlink()
    assert drop_replaced(folder, 1) == 0 and not made(folder)
    assert "by an earlier version" in capsys.readouterr().out
    folder.prepared("b")
    assert drop_replaced(folder, 1) == 0 and made(folder) == {"prepared/b.npy"}


def test_a_new_date_alone_changes_nothing(folder, capsys):
    before = made(folder)
    for key, wav in folder.files.items():
        os.utime(wav, (folder.path("prepared", key).stat().st_mtime + 1,) * 2)
    assert drop_replaced(folder, 1) == 0
    assert made(folder) == before and "changed" not in capsys.readouterr().out


def test_a_replaced_wav_with_an_old_date_is_found_by_force(folder):
    before = made(folder)
    replace(folder, "歌", seed=7, hours=-1)
    drop_replaced(folder, 1)
    assert made(folder) == before
    drop_replaced(folder, 1, force=True)
    assert made(folder) == {name for name in before if "/b.npy" in name} | {"prepared/歌.npy"}


def test_a_wav_that_cannot_be_read_any_more_is_told_and_costs_nothing(folder, capsys):
    before = made(folder)
    folder.files["b"].write_bytes(b"RIFF, half copied")
    os.utime(folder.files["b"], (folder.path("prepared", "b").stat().st_mtime + 1,) * 2)
    assert drop_replaced(folder, 1) == 1
    assert "b.wav" in capsys.readouterr().err and made(folder) == before


def test_a_spoilt_prepared_wav_is_mended_by_force(folder):
    folder.path("prepared", "b").write_bytes(b"")
    assert drop_replaced(folder, 1, force=True) == 0
    assert len(folder.prepared("b")) and not folder.path("mels", "b").is_file()


def begin(folder, before, now, **more):
    invalidate(folder, "mels.json", ["mels"], before, now, **more)
    return len(list((folder.root / "mels").glob("*.npy")))


def test_arrays_of_the_same_settings_stay_unless_forced(folder, capsys):
    folder.write_json("mels.json", {"level": 1})
    assert begin(folder, {"level": 1}, {"level": 1}) == 3 and (folder.root / "mels.json").is_file()
    assert begin(folder, {"level": 1}, {"level": 1}, force=True) == 0
    assert not capsys.readouterr().out and not (folder.root / "mels.json").exists()
    assert folder.have("pits") == ["b", "歌"]


def test_arrays_of_other_and_of_unknown_settings_go_before_more_are_made(folder, capsys):
    folder.write_json("mels.json", {"level": 1})
    assert begin(folder, {"level": 1}, {"level": 2}) == 0
    assert "mels were made with other settings" in capsys.readouterr().out
    assert folder.read_json("mels.json") is None  # nobody takes what is half made for done
    folder.save("mels", "b", np.zeros(3))
    assert begin(folder, None, {"level": 2}) == 1  # interrupted, and gone on with
    assert begin(folder, None, {"level": 1}) == 0  # interrupted, then back to the settings of before
    folder.save("mels", "b", np.zeros(3))
    commit(folder, "mels.json", {"level": 1})
    assert begin(folder, folder.read_json("mels.json"), {"level": 1}) == 1
    (folder.root / "mels.json").unlink()
    capsys.readouterr()
    assert begin(folder, None, {"level": 1}) == 0 and "unknown settings" in capsys.readouterr().out


def test_a_file_of_its_own_goes_with_the_arrays(folder):
    np.save(folder.root / "kmeans.npy", np.zeros(3))
    invalidate(folder, "units-discrete.json", ["mels", "reference-*", "kmeans.npy"], {"k": 1}, {"k": 2})
    assert {name.split("/")[0] for name in made(folder)} == {"pits", "prepared"}
    assert not (folder.root / "kmeans.npy").exists()


def test_a_replaced_wav_of_any_date_or_size_is_found_once_its_look_is_known(folder, capsys):
    before = made(folder)
    assert drop_replaced(folder, 1) == 0 and made(folder) == before
    known = folder.read_json("recordings.json")
    replace(folder, "歌", seed=7, hours=-50)
    assert drop_replaced(folder, 1) == 0
    assert "1 recordings have changed" in capsys.readouterr().out
    assert made(folder) == {name for name in before if "/b.npy" in name} | {"prepared/歌.npy"}
    wav, date = folder.files["b"], known["b"][1]
    soundfile.write(wav, sing(300, 200, 0.4, 1), 16000)
    os.utime(wav, ns=(date, date))  # the same date, another size
    drop_replaced(folder, 1)
    assert made(folder) == {"prepared/歌.npy", "prepared/b.npy"}
    assert drop_replaced(folder, 1) == 0 and "1 recordings" in capsys.readouterr().out


def test_two_wavs_of_one_size_and_date_that_change_names_are_found(folder, capsys):
    for wav in folder.files.values():
        os.utime(wav, (1e9, 1e9))
    drop_replaced(folder, 1)
    looks = folder.read_json("recordings.json")
    assert looks["b"][:2] == looks["歌"][:2] and looks["b"] != looks["歌"]
    one, other = folder.files.values()
    one.rename(one.with_name("c"))
    other.rename(one)
    one.with_name("c").rename(other)
    assert drop_replaced(folder, 1) == 0 and "2 recordings have changed" in capsys.readouterr().out
    assert made(folder) == {"prepared/歌.npy", "prepared/b.npy"}


def test_looks_of_an_earlier_version_are_taken_once_and_completed(folder, monkeypatch):
    drop_replaced(folder, 1)
    looks, before = folder.read_json("recordings.json"), made(folder)
    folder.write_json("recordings.json", {key: look[:2] for key, look in looks.items()})
    monkeypatch.setattr(bookkeeping, "_decode_again", lambda *_: 1 / 0)
    assert drop_replaced(folder, 1) == 0 and made(folder) == before
    assert folder.read_json("recordings.json") == looks


def test_a_copy_of_another_date_is_decoded_once(folder, monkeypatch):
    drop_replaced(folder, 1)
    before = made(folder)
    os.utime(folder.files["b"], (1, 1))
    assert drop_replaced(folder, 1) == 0 and made(folder) == before
    monkeypatch.setattr(bookkeeping, "_decode_again", lambda *_: 1 / 0)
    assert drop_replaced(folder, 1) == 0


@pytest.mark.parametrize("name", ["_note_recordings", "_decode_again"])
@pytest.mark.parametrize("call", [1, 2])
def test_after_a_kill_at_any_moment_a_replaced_wav_is_still_found(folder, monkeypatch, name, call):
    drop_replaced(folder, 1)
    for key in ("歌", "b"):
        replace(folder, key, seed=7, hours=-50)
    real, calls = getattr(bookkeeping, name), []

    def killed(*given):
        calls.append(given)
        if len(calls) == call:
            raise KeyboardInterrupt
        return real(*given)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(bookkeeping, name, killed)
        drop_replaced(folder, 1)
    assert drop_replaced(DataFolder(folder.root), 1) == 0
    assert made(folder) == {"prepared/歌.npy", "prepared/b.npy"}
    assert abs(len(folder.prepared("歌")) - len(folder.prepared("b"))) == 0


def test_what_was_killed_before_it_was_prepared_is_made_of_the_wav_that_is_there(folder):
    drop_replaced(folder, 1)
    folder.path("prepared", "b").unlink()
    replace_date = folder.read_json("recordings.json")["b"][1] - 10**12
    soundfile.write(folder.files["b"], sing(300, 200, 0.4, 1), 16000)
    os.utime(folder.files["b"], ns=(replace_date, replace_date))
    drop_replaced(folder, 1)
    assert not any("/b.npy" in name for name in made(folder))


def test_cut_arrays_are_to_be_made_again(folder):
    for kind in ("pits", "mels"):
        path = folder.path(kind, "b")
        path.write_bytes(path.read_bytes()[:-1] if kind == "pits" else b"")
    assert todo(folder, ["b", "歌"], ["pits"]) == todo(folder, ["b", "歌"], ["mels"]) == ["b"]
    assert folder.have("pits") == ["歌"] and not folder.has("mels", "b")
    cut = folder.path("prepared", "b")
    whole = folder.prepared("b")
    cut.write_bytes(cut.read_bytes()[:400])
    assert drop_replaced(folder, 1) == 0
    assert np.array_equal(folder.prepared("b"), whole) and folder.has("reference-fcpe-pyin", "b")


def test_cut_copies_are_to_be_made_again(folder):
    path = folder.path("prepared", "歌~moved1")
    assert moved_copies.missing(folder) == {}
    path.write_bytes(path.read_bytes()[:400])
    assert moved_copies.missing(folder) == {"歌": ["歌~moved1"]}
    with pytest.raises(
        UserError, match=r"moved1.npy: expected a whole .npy, found 400 of .*preprocess.py x --mel"
    ):
        folder.prepared("歌~moved1")
