"""What is read from units, by hand: of units made of phones, of a speaker, of pitch or of nothing."""

import numpy as np
import pytest

from experiments import compare_content as compare

KEYS = [f"v-{voice}/{voice}-{number:02d}" for voice in "abcd" for number in range(6)]


def units(of, dim=8, noise=0.3):
    """{key: [40, dim]} units: a place in space for each label of `of(key)` [40], with noise."""
    rng = np.random.default_rng(0)
    places = {}
    return {
        key: np.stack([places.setdefault(str(x), rng.standard_normal(dim)) for x in of(key)])
        + noise * rng.standard_normal((40, dim))
        for key in KEYS
    }


def phones(key):
    return np.array(list("aeiou") * 8)


def voices(key):
    return np.full(40, key.split("/")[0])


def test_a_discriminant_finds_what_units_are_made_of_and_nothing_else():
    labels = {key: phones(key) for key in KEYS}, {key: voices(key) for key in KEYS}
    assert compare.found(units(phones), labels[0]) > 0.95
    assert compare.found(units(phones), labels[1]) == pytest.approx(0.25, abs=0.05)
    assert compare.found(units(voices), labels[1]) > 0.95
    assert compare.found(units(voices), labels[0]) == pytest.approx(0.2, abs=0.05)


def test_lines_are_measured_that_were_not_fitted():
    """Every line has a sound of its own: known by heart, and found nowhere else."""
    own = {key: np.full(40, key) for key in KEYS}
    voices_of = {key: voices(key) for key in KEYS}
    assert compare.found(units(lambda key: own[key], dim=60), voices_of) < 0.5
    assert {compare.half_of(key) for key in KEYS if key.endswith("-03")} == {1}


def test_pitch_is_read_within_each_speaker():
    """A speaker's own place is no melody: units that tell it alone tell nothing."""
    rng, f0 = np.random.default_rng(1), {}
    for number, key in enumerate(KEYS):
        f0[key] = 100.0 * (1 + number // 6) * 2 ** rng.uniform(-0.3, 0.3, 40)
        f0[key][::4] = 0.0

    def read(made):
        part = compare.Part({key: made(key) for key in KEYS}, {}, f0)
        inputs, logs = compare.log_f0(part)
        assert len(inputs) == len(logs) == len(KEYS) * 30 and abs(logs.mean()) < 1e-9
        return np.corrcoef(compare.ridge(inputs, logs).predict(inputs), logs)[0, 1]

    def place(key):
        return 100.0 * (1 + KEYS.index(key) // 6)

    assert read(lambda key: np.log(np.maximum(f0[key], 1.0) / place(key))[:, None]) > 0.99
    assert read(lambda key: np.full((40, 1), place(key)) + 1e-3 * np.arange(40)[:, None]) < 0.2


def test_explained_is_one_for_all_and_nothing_for_the_mean():
    wanted = np.random.default_rng(2).standard_normal((200, 3))
    assert compare.explained(wanted, wanted) == 1
    assert compare.explained(np.broadcast_to(wanted.mean(axis=0), wanted.shape), wanted) == pytest.approx(0)


def test_units_that_move_with_the_voice_are_seen_to(monkeypatch):
    """Units of a wav's own numbers: copies that are the recording, then copies that are another."""
    rng = np.random.default_rng(3)
    wavs = {key: rng.standard_normal(3200) for key in KEYS[:4]}
    monkeypatch.setattr(compare, "units_of", lambda model, wav: wav.reshape(-1, 320)[:, :5])
    own = {key: compare.units_of(None, wav) for key, wav in wavs.items()}
    assert compare.moved(None, own, wavs) == 0
    others = {key: rng.permutation(wav) for key, wav in wavs.items()}
    assert compare.moved(None, own, others) == pytest.approx(1, abs=0.25)
