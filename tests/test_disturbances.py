"""Disturbances of training crops: each does what it says, by its seed alone, and keeps its place in time."""

import numpy as np
import pytest

from training import disturbances

TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.float32)


def db(wav):
    return 10 * np.log10(np.square(wav).mean())


@pytest.mark.parametrize("change", disturbances.KINDS, ids=lambda change: change.__name__)
def test_each_repeats_by_its_seed_and_keeps_the_length(change):
    one, same, other = (change(TONE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == TONE.shape and np.array_equal(one, same) and not np.array_equal(one, other)
    assert np.isfinite(one).all() and not np.array_equal(one, TONE)


@pytest.mark.parametrize("change", [disturbances.with_hum, disturbances.with_music])
def test_what_is_added_is_far_below(change):
    levels = [db(change(TONE, np.random.default_rng(seed)) - TONE) - db(TONE) for seed in range(20)]
    assert min(levels) > -41 and max(levels) < -14


@pytest.mark.parametrize("change", [disturbances.resonant, disturbances.in_room])
def test_what_changes_the_sound_keeps_its_loudness(change):
    assert abs(db(change(TONE, np.random.default_rng(3))) - db(TONE)) < 0.1


def test_a_room_does_not_delay():
    click = np.zeros(16000, np.float32)
    click[4000] = 1.0
    made = disturbances.in_room(click, np.random.default_rng(0))
    assert np.abs(made).argmax() == 4000 and not np.abs(made[:3990]).max() > 1e-6 and made[4100:].any()


def test_a_share_of_the_crops_gets_each_and_silence_stays_silent():
    changed = [not np.array_equal(disturbances.disturbed(TONE, 0.2, (1, n)), TONE) for n in range(60)]
    assert 0.5 < np.mean(changed) < 0.95  # 1 - 0.8 ** 6 = 0.74
    silence = np.zeros(8000, np.float32)
    assert np.abs(disturbances.disturbed(silence, 1.0, (1, 1))).max() < 1e-6
