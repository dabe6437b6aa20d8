"""A short form of tests/kill_runs.py."""

import random

import kill_runs
import pytest
import warm_scripts


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train_acoustic", "infer"])
def test_nothing_is_lost_by_kills(voice, name, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    warm_scripts.preload()
    stage = next(stage for stage in kill_runs.stages(voice) if stage.name == name)
    count = kill_runs.torment(stage, voice, 3, random.Random(3))
    assert (count.kills, count.wrong, count.lost, count.left) == (3, 0, 0, 0)
