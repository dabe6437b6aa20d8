"""Units moved towards a target's own, by hand, and the table of what that does."""

import argparse

import numpy as np
import pytest
import torch
from conftest import ROOT

from experiments import compare_retrieval as compare
from experiments.compare_retrieval import Setting, setting

OWN = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 10.0]])


def test_units_go_a_fraction_of_the_way_to_the_mean_of_the_nearest():
    units = torch.tensor([[1.0, 4.0], [0.0, 9.0]])
    assert compare.retrieved(units, OWN, 2, 0.0).equal(units)
    assert compare.retrieved(units, OWN, 1, 1.0)[1].tolist() == [0.0, 10.0]
    assert compare.retrieved(units, OWN, 2, 0.5)[0].tolist() == [1.0, 2.0]
    assert compare.retrieved(units, OWN, 9, 1.0)[0].tolist() == pytest.approx([2 / 3, 10 / 3])


def test_each_unit_is_moved_alone():
    units = torch.from_numpy(np.random.default_rng(0).standard_normal((9, 2)).astype(np.float32))
    whole = compare.retrieved(units, OWN, 2, 0.3)
    parts = [compare.retrieved(part, OWN, 2, 0.3) for part in units.split(4)]
    assert torch.cat(parts).equal(whole)


def test_centroids_are_the_places_where_units_are():
    rng = np.random.default_rng(0)
    places = np.repeat(np.float32([[0, 0], [5, 5], [-5, 5]]), 40, axis=0)
    units = torch.from_numpy(places + 0.01 * rng.standard_normal(places.shape).astype(np.float32))
    assert compare.centroids(units, 0, seed=0) is units
    found = compare.centroids(units, 3, seed=0)
    assert sorted(found.round().tolist()) == [[-5.0, 5.0], [0.0, 0.0], [5.0, 5.0]]


def test_settings_are_read_as_they_are_shown():
    assert setting("2000:4:0.3") == Setting(2000, 4, 0.3) and setting("all:1:1") == Setting(0, 1, 1.0)
    assert [str(setting(text)) for text in ("2000:4:0.3", "all:1:1")] == ["2000:4:0.3", "all:1:1"]
    for wrong in ("4:0.3", "a:1:1", "5:0:1", "5:1:1.5", "5:1:nan"):
        with pytest.raises(argparse.ArgumentTypeError, match="CENTROIDS:NEAR:FRACTION"):
            setting(wrong)


def test_errors_count_by_the_words_and_files_without_a_text_do_not():
    figures = {"speaker_similarity": 0.5, "kept_similarity": 0.25, "nearer_target": 1.0, "moved": 0.125}
    files = [
        figures | {"wer": 1.0, "cer": 0.5, "words": 1, "characters": 4},
        figures | {"wer": 0.0, "cer": 0.0, "words": 3, "characters": 12},
        figures | {"wer": np.nan, "cer": np.nan, "words": 0, "characters": 0},
    ]
    assert compare.row(files) == ["25.0", "12.5", "0.500", "0.250", "100", "0.125"]
    assert compare.row(files[2:])[:2] == ["nan", "nan"]


@pytest.mark.slow
def test_a_line_for_each_setting(tmp_path, monkeypatch, capsys):
    for name in ("in", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes((ROOT / "test" / "slt_high.wav").read_bytes())
    monkeypatch.chdir(ROOT)
    places = ("--own", tmp_path / "own", "--input", tmp_path / "in")
    settings = ("--setting", "all:1:0", "--setting", "20:4:1")
    monkeypatch.setattr("sys.argv", ["compare_retrieval.py", "kathleen", *map(str, (*places, *settings))])
    assert compare.main() == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| all:1:0", "| 20:4:1"]
    moved = [float(line.split(" | ")[-1].rstrip(" |")) for line in lines[2:]]
    assert moved[0] == 0 < moved[1]
