"""Features and k-means of discrete content units."""

import numpy as np
import pytest

from common.cli import UserError
from preprocessing import discrete


def test_mfcc_is_at_the_unit_rate_and_blind_to_gain():
    rng = np.random.default_rng(0)
    wav = rng.normal(0, 0.1, 320 * 40).astype(np.float32)
    features = discrete.mfcc(wav)
    assert features.shape == (40, 39)
    assert np.abs(features.mean(axis=0)).max() < 1e-4
    assert np.abs(features - discrete.mfcc(wav * 0.25)).max() < 1e-2


def test_a_change_of_sound_falls_between_its_units():
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.1, 320 * 40)
    low = np.convolve(noise, np.ones(16) / 4, mode="same")
    wav = np.where(np.arange(len(noise)) < 320 * 20, noise, low).astype(np.float32)
    features = discrete.mfcc(wav)[:, :3]
    before, after = features[:17].mean(axis=0), features[23:].mean(axis=0)
    along = (features - before) @ (after - before) / ((after - before) ** 2).sum()
    assert along[18] < 0.35 and along[21] > 0.65  # units 19 and 20 meet where the sound changes
    assert along[19] + along[20] == pytest.approx(1, abs=0.4)


def test_kmeans_finds_separate_clouds_and_is_seeded():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, 2000)
    frames = rng.normal(0, 0.1, (2000, 3)) + np.array([[0, 0, 0], [5, 0, 0], [0, 5, 0], [0, 0, 5]])[truth]
    centres = discrete.fit(frames, 4, seed=3)
    classes = discrete.assign(frames, centres)
    assert len({(t, c) for t, c in zip(truth, classes, strict=True)}) == 4
    assert np.array_equal(centres, discrete.fit(frames, 4, seed=3))


def test_too_few_frames_and_wrong_feature_files_are_explained(tmp_path):
    with pytest.raises(UserError, match="at least 10 frames, found 5"):
        discrete.fit(np.zeros((5, 2)), 10, seed=0)
    with pytest.raises(UserError, match="a.npy: not found"):
        discrete.read_features(tmp_path, "a", 10)
    np.save(tmp_path / "a.npy", np.zeros((20, 4)))
    with pytest.raises(UserError, match=r"about \[10, dim\].*\(20, 4\)"):
        discrete.read_features(tmp_path, "a", 10)
    np.save(tmp_path / "a.npy", np.zeros((9, 4)))
    assert discrete.read_features(tmp_path, "a", 10).shape == (10, 4)
