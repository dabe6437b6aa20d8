"""What no longer holds in a data folder: arrays of other settings."""

import numpy as np
import pytest
import soundfile
from conftest import sing

import stale
from datafolder import DataFolder


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


def made(folder) -> set[str]:
    return {path.relative_to(folder.root).as_posix() for path in folder.root.glob("*/*.npy")}


def begin(folder, before, now, **more):
    stale.begin(folder, "mels.json", ["mels"], before, now, **more)
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
    stale.end(folder, "mels.json", {"level": 1})
    assert begin(folder, folder.read_json("mels.json"), {"level": 1}) == 1
    (folder.root / "mels.json").unlink()
    capsys.readouterr()
    assert begin(folder, None, {"level": 1}) == 0 and "unknown settings" in capsys.readouterr().out


def test_a_file_of_its_own_goes_with_the_arrays(folder):
    np.save(folder.root / "kmeans.npy", np.zeros(3))
    stale.begin(folder, "units-discrete.json", ["mels", "reference-*", "kmeans.npy"], {"k": 1}, {"k": 2})
    assert {name.split("/")[0] for name in made(folder)} == {"pits", "prepared"}
    assert not (folder.root / "kmeans.npy").exists()
