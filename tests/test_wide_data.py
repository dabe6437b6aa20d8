"""Data folders of a voice above 16 kHz: beside what a 16 kHz preset makes, and never instead of it."""

import hashlib
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile
import soxr
from wide_bank import BAND, HIGHS, bank, make_mels, preset, sound

import audio
from bands import Band
from common.cli import UserError
from preprocessing import wide
from preprocessing.data_folder import DataFolder
from preprocessing.wide_folder import WideFolder

world = pytest.mark.skipif(find_spec("pyworld") is None, reason="pyworld is not installed")


def contents(folder, *kinds) -> dict[str, str]:
    """{path: digest} of the files of these kinds, or of all."""
    paths = [path for path in sorted(folder.root.rglob("*")) if path.is_file() and "wavs" not in path.parts]
    return {
        path.relative_to(folder.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if not kinds or path.relative_to(folder.root).parts[0] in kinds
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bank whose second recording is of 16 kHz, with everything made of it."""
    place = tmp_path_factory.mktemp("wide")
    folder = bank(place, narrow=(1,))
    assert make_mels(folder, preset(place)) == 0
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of it."""
    shutil.copytree(made.root, tmp_path / "x", symlinks=True)
    return DataFolder(tmp_path / "x")


def test_what_lies_below_8_khz_is_what_a_16_khz_preset_makes(made, tmp_path):
    plain = bank(tmp_path / "plain", narrow=(1,))
    assert make_mels(plain, preset(tmp_path, wide=False)) == 0
    low = contents(plain)
    assert low.items() <= contents(made).items() and len(low) > 8
    assert {path.split("/")[0] for path in contents(made).keys() - low.keys()} == {
        "wide",
        "bandwidth",
        "highs",
        "wide.json",
        "highs.json",
    }


def test_waves_have_the_span_and_the_level_of_the_prepared_ones(made):
    found = WideFolder(made, BAND)
    for key in made.files:
        low, high = made.prepared(key), found.crop(key)
        assert len(high) == 882 * (len(low) // 320) and len(made.read("highs", key).T) == len(low) // 160
        back = soxr.resample(high, 44100, 16000, quality="HQ")
        slow = [soxr.resample(soxr.resample(x, 16000, 4000), 4000, 16000)[800:-800] for x in (low, back)]
        assert np.linalg.norm(slow[1] - slow[0]) < 0.05 * np.linalg.norm(slow[0])
        part = found.crop(key, 3, 5)
        assert np.array_equal(part, high[3 * 882 : 8 * 882]) and part.dtype == np.float32


def test_the_bandwidth_is_measured_whatever_the_files_rate(made):
    found = WideFolder(made, BAND)
    edges = {key: found.bandwidth(key) for key in made.files}
    assert 7500 <= edges.pop("歌1") <= 8250 and min(edges.values()) > 20000
    assert [found.rows(key) for key in made.files] == [8, 0, 8, 8]


def test_a_peak_above_8_khz_is_not_clipped(tmp_path):
    """A click has three times the peak at 44.1 kHz."""
    folder = bank(tmp_path, count=2)
    wav = 0.2 * sound(9)
    wav[10000] = 0.9
    soundfile.write(tmp_path / "wavs" / "歌0.wav", wav, 44100)
    assert make_mels(folder, preset(tmp_path)) == 0
    low, high = folder.prepared("歌0"), WideFolder(folder, BAND).crop("歌0")
    gain = np.abs(low).max() / np.abs(audio.load(folder.files["歌0"])).max()
    assert np.abs(high).max() > 1.2 and np.abs(high).max() == pytest.approx(0.9 * gain, rel=0.01)


def test_what_is_missing_is_made_and_nothing_else(folder, tmp_path, monkeypatch):
    before = contents(folder)
    folder.path("highs", "歌0").unlink()
    folder.path("wide", "歌2").write_bytes(b"cut")
    seen = []
    for name in ("wave_file", "high_file"):
        work = getattr(wide, name)
        monkeypatch.setattr(wide, name, lambda *of, work=work: (seen.append(of[-1]), work(*of)))
    assert make_mels(folder, preset(tmp_path)) == 0
    assert seen == ["歌2", "歌0"] and contents(folder) == before
    assert make_mels(folder, preset(tmp_path)) == 0 and len(seen) == 2


def test_a_16_khz_preset_leaves_all_of_it_alone(folder, tmp_path):
    before = contents(folder)
    assert make_mels(folder, preset(tmp_path, wide=False)) == 0
    assert contents(folder) == before


def test_another_level_makes_mels_again_and_another_rate_the_waves_too(folder, tmp_path):
    kinds, config = ("prepared", "wide", "bandwidth"), preset(tmp_path)
    before = contents(folder, *kinds)
    config["audio"]["level_db"] = -20.0
    low, high = folder.read("highs", "歌0"), folder.read("mels", "歌0")
    assert make_mels(folder, config) == 0 and contents(folder, *kinds) == before
    for kind, earlier in (("highs", low), ("mels", high)):
        assert np.median(folder.read(kind, "歌0") - earlier) == pytest.approx(np.log(10) * 6 / 20, abs=0.05)
    mels = contents(folder, "mels", "prepared")
    config["audio"]["rate"] = 48000
    assert make_mels(folder, config) == 0 and contents(folder, "mels", "prepared") == mels
    assert len(folder.read("wide", "歌0")) == 3 * len(folder.read("prepared", "歌0"))
    assert folder.read_json("wide.json") == {"rate": 48000}


def test_an_interrupted_change_is_finished_by_the_next_run(folder, tmp_path, monkeypatch):
    config = preset(tmp_path)
    wanted = contents(folder)
    config["audio"]["high_bands"] = 6
    save = DataFolder.save

    def stopping(self, kind, key, array):
        if kind == "highs" and key == "歌2":
            raise KeyboardInterrupt
        save(self, kind, key, array)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(DataFolder, "save", stopping)
        make_mels(folder, config)
    assert folder.read_json("highs.json") is None and folder.have("highs") == ["歌0", "歌1"]
    assert make_mels(folder, preset(tmp_path)) == 0
    assert contents(folder) == wanted and folder.read_json("highs.json") == {"level_db": -26.0, **HIGHS}


def test_a_replaced_recording_takes_its_arrays_along(folder, tmp_path):
    assert folder.save_prepared("歌0", np.ones(3200, np.float32))
    assert not any(folder.path(kind, "歌0").exists() for kind in ("wide", "bandwidth", "highs", "mels"))


@pytest.mark.parametrize(("kind", "value"), [("wide", 882), ("bandwidth", 3), ("highs", (6, 40))])
def test_arrays_of_another_preset_are_refused_with_the_command(folder, kind, value):
    folder.save(kind, "歌0", np.zeros(value))
    with pytest.raises(UserError, match=f"{kind}.*expected an array of .*found.*--mel --force"):
        found = WideFolder(folder, BAND)
        found.highs("歌0") if kind == "highs" else found.crop("歌0")


def test_one_recording_that_fails_does_not_stop_the_others(tmp_path, capsys):
    folder = bank(tmp_path, count=3)
    (tmp_path / "wavs" / "歌1.wav").write_bytes(b"RIFFnothing")
    assert make_mels(folder, preset(tmp_path)) == 1
    assert folder.have("highs") == ["歌0", "歌2"] and "歌1" in capsys.readouterr().err


@world
def test_copies_agree_at_both_rates_and_have_their_recordings_bandwidth(folder, tmp_path):
    given = {"augment_pitch": 5.0, "augment_gain": 3.0, "augment_copies": 1}
    assert make_mels(folder, preset(tmp_path, wide=False), **given) == 0
    folder, found = DataFolder(folder.root), WideFolder(DataFolder(folder.root), BAND)
    assert folder.copies and not any(map(found.has, folder.copies))
    assert make_mels(folder, preset(tmp_path)) == 0
    for copy, recording in folder.copies.items():
        low, high = folder.prepared(copy), found.crop(copy)
        assert len(high) == 882 * (len(low) // 320) and folder.has("highs", copy) and folder.has("mels", copy)
        error = soxr.resample(high, 44100, 16000, quality="HQ") - low
        assert np.linalg.norm(error) < 1e-3 * np.linalg.norm(low)
        assert found.bandwidth(copy) == found.bandwidth(recording)
    before = contents(folder)
    assert make_mels(folder, preset(tmp_path)) == 0 and contents(folder) == before


def test_the_mel_above_has_the_gain_of_the_mel_below(made):
    """Of one noise the rows on both sides of 8 kHz are alike, whatever the recording's level."""
    key = "歌0"
    hiss = slice(10, 35)
    low, high = made.read("mels", key)[-3:, hiss], WideFolder(made, Band(44100, 8)).highs(key)[:2, hiss]
    assert abs(np.median(low[0]) - np.median(high)) < 1.5
