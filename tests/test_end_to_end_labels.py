"""Labels with the script, as a user makes them: written, kept, made again, drawn."""

import json

import numpy as np
import pytest
from conftest import ROOT, micro_config, run_script


def test_labels_stats_and_split_are_written(workspace):
    data = workspace / "data" / "songs"
    stats = json.loads((data / "stats.json").read_text(encoding="utf-8"))
    assert stats["n_files"] == 9 and stats["labels"]["pit"]["tracker"] == "yin"
    lines = dict(line.split(": ") for line in (data / "stats.txt").read_text(encoding="utf-8").splitlines())
    assert set(lines) == {"n_frames", "n_hours", "pit_max", "pit_min", "dyn_max", "dyn_min"}
    assert float(lines["n_hours"]) == pytest.approx(int(lines["n_frames"]) * 0.02 / 3600)
    classes = np.load(data / "pits" / "ほげ" / "歌 0.npy")
    wav = np.load(data / "prepared" / "ほげ" / "歌 0.npy")
    assert classes.dtype == np.uint8 and len(classes) == len(wav) // 320 and 0 < (classes > 0).mean() < 1


def test_a_second_run_skips_what_is_done_and_force_redoes(workspace):
    config = micro_config(workspace)
    label = workspace / "data" / "songs" / "pits" / "a" / "歌 0.npy"
    before = label.stat().st_mtime_ns
    done = run_script("preprocess.py", "songs", "--pitdyn", "--config", config, cwd=workspace, expect=1)
    assert "0 files made, 9 there already, 1 failed" in done.stdout and label.stat().st_mtime_ns == before
    assert "broken.wav" in done.stderr and "Traceback" not in done.stderr
    done = run_script(
        "preprocess.py", "songs", "--pitdyn", "--config", config, "--force", cwd=workspace, expect=1
    )
    assert "9 files made" in done.stdout and label.stat().st_mtime_ns > before


def test_other_label_settings_redo_all(workspace):
    text = micro_config(workspace).read_text(encoding="utf-8")
    other = workspace / "other.toml"
    other.write_text(text.replace('tracker = "yin"', 'tracker = "yin"\nbins = 60'), encoding="utf-8")
    done = run_script("preprocess.py", "songs", "--pitdyn", "--config", other, cwd=workspace, expect=1)
    assert "other settings" in done.stdout and "9 files made" in done.stdout
    run_script(
        "preprocess.py", "songs", "--pitdyn", "--config", micro_config(workspace), cwd=workspace, expect=1
    )


def test_the_labels_of_2022_can_still_be_made(workspace):
    """No voicing, semitones of a frequency 1.378 times too high, linear loudness."""
    wavs = workspace / "録音 wavs"
    config = workspace / "old.toml"
    original = (ROOT / "configs" / "original.toml").as_posix()
    config.write_text(f'extends = "{original}"', encoding="utf-8")
    run_script(
        "preprocess.py", "old", "--wavs", wavs, "--pitdyn", "--config", config, cwd=workspace, expect=1
    )
    old, new = ((workspace / "data" / name) for name in ("old", "songs"))
    stats = json.loads((old / "stats.json").read_text(encoding="utf-8"))
    assert stats["voiced_share"] == 1.0 and len(stats["pit_counts"]) == 44 and len(stats["dyn_counts"]) == 32
    f0, wrong = (np.load(folder / "f0" / "a" / "歌 0.npy") for folder in (new, old))
    voiced = f0 > 0
    assert np.median(wrong[voiced] / f0[voiced]) == pytest.approx(22050 / 16000, rel=0.02)


def test_show_qt_draws_pictures(workspace):
    done = run_script("preprocess.py", "songs", "--show_qt", "--count", 2, cwd=workspace)
    pictures = [workspace / line for line in done.stdout.split("\n") if line.endswith(".png")]
    assert len(pictures) == 2 and all(p.stat().st_size > 10_000 for p in pictures)
