"""How many classes a label model meets in training, and the line that says it."""

import logging

import numpy as np
import pytest
from small_runs import small_run

from common.presets import load_config
from hubert_pitdyn.labels import PitLabels
from preprocessing.data_folder import DataFolder
from training.coverage import covered, say_covered
from training.label_dataset import LabelDataset

TABLES = load_config()["labels"]


@pytest.fixture
def speaker(tmp_path):
    """A folder with one recording: silence, and a voice from 90 to 250 Hz."""
    folder = DataFolder(tmp_path / "data" / "v")
    f0 = np.concatenate([np.zeros(10), np.geomspace(90, 250, 400)])
    folder.save("pits", "a", PitLabels.from_config(TABLES["pit"]).encode(f0).astype(np.uint8))
    folder.save("dyns", "a", np.arange(20, 60, dtype=np.uint8))
    folder.write_json("stats.json", {"labels": TABLES})
    return folder


def test_classes_are_counted_with_the_speeds_of_crops(speaker):
    plain = LabelDataset(speaker, ["a"], "pits", 1.0)
    steps = np.log2(250 / 90) / (np.log2(1100 / 50) / 99)
    assert covered(plain) == pytest.approx([steps + 1, steps + 1], abs=1.5)
    # An octave up reaches 500 Hz, an octave down leaves the labels at 50 Hz.
    moved = covered(LabelDataset(speaker, ["a"], "pits", 1.0, speed_octaves=1.0))
    assert moved[0] == covered(plain)[0]
    assert moved[1] == pytest.approx(np.log2(500 / 50) / (np.log2(1100 / 50) / 99) + 1, abs=2)
    assert covered(LabelDataset(speaker, ["a"], "dyns", 1.0)) == (40, 40)


def test_few_classes_are_worth_a_warning(speaker, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run = small_run(tmp_path, "pits")
    say_covered(run, "pits", LabelDataset(speaker, ["a"], "pits", 1.0), 100)
    assert caplog.records[-1].levelname == "WARNING"
    assert "of 100 classes; the others are never learnt" in caplog.text and "speed_octaves" in caplog.text
    say_covered(run, "pits", LabelDataset(speaker, ["a"], "pits", 1.0, speed_octaves=[-0.75, 1.75]), 100)
    assert caplog.records[-1].levelname == "INFO" and "at the speeds of its crops" in caplog.text
    say_covered(run, "dyns", LabelDataset(speaker, ["a"], "dyns", 1.0), 64)
    assert "hold 40 of 64 classes" in caplog.text and caplog.records[-1].levelname == "WARNING"
