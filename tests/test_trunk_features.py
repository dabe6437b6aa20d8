"""Cached features of a frozen trunk: how much disk they take, and a disk that has not so much."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from audio import UNIT_HOP
from common.cli import UserError
from hubert_pitdyn.model import Hubert
from preprocessing.data_folder import DataFolder
from training.trunk_features import cache_features, size


def test_the_size_is_what_the_files_take(tmp_path):
    folder = DataFolder(tmp_path / "v")
    folder.save("prepared", "a", np.zeros(500 * UNIT_HOP, np.int16))
    sizes = {"dim": 16, "conv_dim": 8, "heads": 2, "ff": 16, "layers": 1, "pos_kernel": 8, "pos_groups": 2}
    trunk = Hubert(**sizes).eval()
    made = cache_features(folder, ["a"], trunk, "hidden-x")
    assert (made / "a.npy").stat().st_size == pytest.approx(size(trunk, folder.hours(["a"])), abs=200)


def test_ten_hours_of_the_official_sizes_take_38_gigabytes():
    with torch.device("meta"):
        assert 37e9 < size(Hubert(), 10.0) < 39e9


def test_a_disk_without_room_is_named_before_anything_is_made(tmp_path, monkeypatch):
    folder = DataFolder(tmp_path / "v")
    folder.save("prepared", "a", np.zeros(500 * UNIT_HOP, np.int16))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with torch.device("meta"):
        trunk = Hubert()
    with pytest.raises(UserError, match="hidden-x: .* need 0.0 GB, 0.0 GB are free; .*--trunk finetune"):
        cache_features(folder, ["a"], trunk, "hidden-x")
    assert not (folder.root / "hidden-x").exists()
