"""Crops at another speed: the tone and its label move by the same ratio, seeds repeat."""

import numpy as np
import pytest
import torch

from audio import SAMPLE_RATE, UNIT_HOP
from hubert_pitdyn.labels import PitLabels
from preprocessing.data_folder import DataFolder, save_array
from training.crops import (
    SNR_DB,
    at_speed,
    crop_at_speed,
    equalised,
    noisy,
    stretch_classes,
    stretch_f0,
    stretch_features,
)
from training.datasets import MelDataset
from training.label_dataset import LabelDataset


def strongest_hertz(wav: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(wav * np.hanning(len(wav))))
    return float(spectrum.argmax() * SAMPLE_RATE / len(wav))


@pytest.mark.parametrize(("before", "after"), [(100, 160), (160, 100), (73, 100)])
def test_a_tone_moves_by_the_ratio_of_lengths(before, after):
    tone = np.sin(2 * np.pi * 200 * np.arange(before * UNIT_HOP) / SAMPLE_RATE).astype(np.float32)
    moved = at_speed(tone, after * UNIT_HOP)
    assert len(moved) == after * UNIT_HOP
    assert strongest_hertz(moved) == pytest.approx(200 * before / after, rel=0.01)
    assert np.abs(moved).max() == pytest.approx(1.0, abs=0.1)


def test_f0_moves_with_the_tone_and_voicing_stays_where_it_was():
    f0 = np.concatenate([np.zeros(50), np.geomspace(100, 200, 50)])
    moved = stretch_f0(f0, 50)
    assert (moved[:25] == 0).all() and (moved[25:] > 0).all()
    assert moved[-1] == pytest.approx(2 * 200, rel=0.02)
    assert moved[26] == pytest.approx(2 * 100 * 2 ** (2.5 / 49), rel=0.01)
    assert np.allclose(stretch_f0(f0, 100), f0)


def test_classes_are_those_at_the_same_place():
    assert stretch_classes(np.array([1, 2, 3, 4]), 2).tolist() in ([1, 3], [2, 4], [2, 3])
    assert stretch_classes(np.array([1, 2]), 6).tolist() == [1, 1, 1, 2, 2, 2]


def test_speeds_stay_in_range_and_repeat():
    crops = [crop_at_speed(100, 1000, (-0.5, 0.5), (1, i)) for i in range(300)]
    assert crops == [crop_at_speed(100, 1000, (-0.5, 0.5), (1, i)) for i in range(300)]
    sizes = [played for played, _ in crops]
    assert 70 <= min(sizes) < 75 and 135 < max(sizes) <= 142
    assert {units for _, units in crops} == {100}
    fast = [crop_at_speed(100, 120, (-0.5, 2.0), (1, i)) for i in range(300)]
    assert max(played / units for played, units in fast) > 3.8
    assert all(played <= 120 and units <= 100 for played, units in fast)
    assert all(units == 100 or played == 120 for played, units in fast)


def test_dataset_gives_moved_crops_for_training_and_plain_files_for_validation(workspace):
    folder = DataFolder(workspace / "data" / "songs")
    keys = folder.split("train", "pits")
    plain, moved = (LabelDataset(folder, keys, "pits", 0.5, speed_octaves=s) for s in (0.0, 0.5))
    assert len(moved[(0, None)]["source"]) == len(plain[(0, None)]["source"])
    labels = PitLabels.from_config(folder.stats()["labels"]["pit"])
    pitches = [labels.decode(d[(0, (7, i))]["classes"].numpy()) for d in (plain, moved) for i in range(40)]
    still, wide = (np.concatenate([f[f > 0] for f in part]) for part in (pitches[:40], pitches[40:]))
    assert np.percentile(wide, 95) > 1.15 * np.percentile(still, 95)
    assert np.percentile(wide, 5) < np.percentile(still, 5) / 1.15
    wav, classes = (moved[(0, (7, 0))][name] for name in ("source", "classes"))
    again = moved[(0, (7, 0))]
    assert len(wav) == UNIT_HOP * len(classes) == UNIT_HOP * 25
    assert (wav == again["source"]).all() and (classes == again["classes"]).all()


def test_noise_has_the_level_and_the_share_asked_for():
    tone = np.sin(2 * np.pi * 200 * np.arange(200 * UNIT_HOP) / SAMPLE_RATE).astype(np.float32)
    noises = [noisy(tone, 0.5, (1, i)) - tone for i in range(200)]
    audible = [noise for noise in noises if noise.any()]
    assert 70 < len(audible) < 130
    snr = [10 * np.log10(np.mean(tone**2) / np.mean(noise.astype(float) ** 2)) for noise in audible]
    assert SNR_DB[0] - 0.1 < min(snr) < 8 and 37 < max(snr) < SNR_DB[1] + 0.1
    assert (noisy(tone, 1.0, (1, 3)) == noisy(tone, 1.0, (1, 3))).all()
    assert noisy(tone, 0.0, (1, 3)) is tone
    assert not noisy(np.zeros(3200, np.float32), 1.0, (1, 3)).any()


def test_dataset_adds_noise_to_crops_alone(workspace):
    folder = DataFolder(workspace / "data" / "songs")
    keys = folder.split("train", "pits")
    plain, noisier = (LabelDataset(folder, keys, "pits", 0.5, noise=share) for share in (0.0, 1.0))
    clean, noisy = (d[(0, (7, 0))]["source"] for d in (plain, noisier))
    before, after = (d[(0, (7, 0))]["classes"] for d in (plain, noisier))
    assert (before == after).all() and not np.allclose(clean, noisy, atol=1e-4)
    assert (plain[(0, None)]["source"] == noisier[(0, None)]["source"]).all()


def test_dataset_gives_the_teacher_of_the_units_it_gives(workspace, tmp_path):
    """Features that count units, so that each tells where in the recording it is from."""
    folder = DataFolder(workspace / "data" / "songs")
    keys = folder.split("train", "pits")
    for key in keys:
        count = len(folder.read("pits", key))
        save_array(tmp_path / f"{key}.npy", np.arange(count, dtype=np.float16)[:, None].repeat(2, axis=1))
    plain, moved = (
        LabelDataset(folder, keys, "dyns", 0.5, speed_octaves=s, teacher=tmp_path) for s in (0.0, 0.5)
    )
    whole = plain[(0, None)]
    assert whole["teacher"].tolist() == [[float(i)] * 2 for i in range(len(whole["classes"]))]
    crop = plain[(0, (7, 0))]
    first = int(crop["teacher"][0, 0])
    assert (crop["classes"] == whole["classes"][first : first + 25]).all()
    assert torch.equal(crop["source"], whole["source"][first * UNIT_HOP : (first + 25) * UNIT_HOP])
    steps = np.concatenate([np.diff(moved[(0, (7, i))]["teacher"][1:-1, 0]) for i in range(20)])
    assert steps.min() < 0.8 and steps.max() > 1.25  # units a unit, played slower and faster
    batch = moved.collate([moved[(0, (7, i))] for i in range(3)])
    assert batch["teacher"].shape == (*batch["classes"].shape, 2)


def test_pieces_of_labels_are_where_they_say(tmp_path):
    folder = DataFolder(tmp_path)
    save_array(folder.path("prepared", "a"), np.arange(50 * UNIT_HOP, dtype=np.int16))
    save_array(folder.path("dyns", "a"), np.arange(50, dtype=np.uint8))
    data = LabelDataset(folder, ["a"], "dyns", 0.5, noise=1.0, equalise=3.0)
    whole, piece = data[(0, None)], data[(0, slice(7, 30))]
    assert data.units(0) == 50 and piece["classes"].tolist() == list(range(7, 30))
    assert torch.equal(piece["source"], whole["source"][7 * UNIT_HOP : 30 * UNIT_HOP])
    save_array(folder.path("units-pitdyn", "a"), np.arange(50, dtype=np.float16)[:, None])
    save_array(folder.path("mels", "a"), np.arange(100, dtype=np.float32)[None].repeat(128, axis=0))
    voice = MelDataset(folder, ["a"], 0.5)
    units, mel = voice[(0, slice(7, 30))]
    assert voice.units(0) == 50 and units[:, 0].tolist() == list(range(7, 30))
    assert mel[:, 0].tolist() == list(range(14, 60))


def test_stretched_features_keep_their_centres():
    line = np.arange(10, dtype=np.float16)[:, None]
    assert stretch_features(line, 10).tolist() == line.tolist()
    assert stretch_features(line, 5)[:, 0].tolist() == [0.5, 2.5, 4.5, 6.5, 8.5]
    assert stretch_features(line, 20)[2:4, 0].tolist() == [0.75, 1.25]


def test_an_equaliser_changes_the_balance_and_nothing_else(tmp_path):
    hiss = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    made = equalised(hiss, 6.0, (1, 2))
    assert made.dtype == np.float32 and len(made) == len(hiss)
    assert np.square(made).mean() == pytest.approx(np.square(hiss).mean(), rel=0.01)
    gains = 20 * np.log10(np.abs(np.fft.rfft(made)[1:]) / np.abs(np.fft.rfft(hiss)[1:]))
    assert 3 < gains.max() - gains.min() <= 12.1 and np.abs(np.diff(gains)).max() < 0.2
    assert np.array_equal(made, equalised(hiss, 6.0, (1, 2)))
    assert not np.allclose(made, equalised(hiss, 6.0, (1, 3)))
    assert np.allclose(equalised(hiss, 0.0, (1, 2)), hiss, atol=1e-5)
    assert not equalised(np.zeros(640, np.float32), 6.0, (1, 2)).any()


def test_crops_are_equalised_and_whole_recordings_are_not(tmp_path):
    folder = DataFolder(tmp_path)
    hiss = np.random.default_rng(0).integers(-9000, 9000, 50 * UNIT_HOP).astype(np.int16)
    save_array(folder.path("prepared", "a"), hiss)
    save_array(folder.path("dyns", "a"), np.zeros(50, np.uint8))
    plain, balanced = (LabelDataset(folder, ["a"], "dyns", 0.5, equalise=decibels) for decibels in (0.0, 6.0))
    assert not torch.allclose(plain[(0, (1, 2))]["source"], balanced[(0, (1, 2))]["source"], atol=1e-3)
    assert torch.equal(plain[(0, None)]["source"], balanced[(0, None)]["source"])
