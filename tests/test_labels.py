"""Classes and back, soft targets and their decoding."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from conftest import labels_of_2022

from common import rows
from common.presets import load_config
from hubert_pitdyn.labels import DynLabels, PitLabels, track_options

PIT, DYN = PitLabels(), DynLabels()
PIT_2022, DYN_2022 = labels_of_2022()
CONFIGS = Path(__file__).parents[1] / "configs"


def cents(a, b):
    return 1200 * np.log2(np.asarray(a) / np.asarray(b))


def test_pitch_classes_known_by_hand():
    """Three bins of an octave each over 100-800 Hz."""
    labels = PitLabels(100, 800, 3)
    assert labels.classes == 4
    assert labels.encode([0, 100, 199, 201, 399, 401, 800]).tolist() == [0, 1, 1, 2, 2, 3, 3]
    assert labels.encode([20, 5000]).tolist() == [1, 3], "outside the range: the nearest bin"
    assert labels.decode([0, 1, 2, 3]) == pytest.approx([0, 141.42, 282.84, 565.69], abs=0.01)
    assert labels.bin_cents == pytest.approx(1200)


@pytest.mark.parametrize("labels", [PIT, PIT_2022, PitLabels(70, 400, 20)])
def test_pitch_round_trip_is_within_half_a_bin(labels):
    f0 = np.geomspace(labels.f_min, labels.f_max, 5000)
    classes = labels.encode(f0)
    assert np.abs(cents(labels.decode(classes), f0)).max() <= labels.bin_cents / 2 + 0.01
    assert classes.dtype == np.int64 and set(classes) == set(range(labels.unvoiced, labels.classes))
    assert (labels.encode(labels.decode(np.arange(labels.classes))) == np.arange(labels.classes)).all()


def test_the_labels_of_2022_are_semitones_without_an_unvoiced_class():
    labels = PIT_2022
    assert labels.classes == 44 and labels.bin_cents == pytest.approx(100, abs=2)
    assert labels.encode([0.0, 30.0]).tolist() == [0, 0]
    rms = DynLabels(0.0, 0.32, bins=32, sigma=0.0, scale="linear_rms")  # a bin is 0.01
    assert rms.encode(20 * np.log10([0.005, 0.015, 0.9])).tolist() == [0, 1, 31]
    assert rms.decode([1]) == pytest.approx(20 * np.log10([0.015]))
    assert rms.encode([-20.0], level=-25.0) == rms.encode([-20.0]), "absolute"


@pytest.mark.parametrize("make", [lambda: PitLabels(bins=100), lambda: DynLabels(bins=101)])
def test_more_than_a_hundred_classes_are_refused(make):
    with pytest.raises(ValueError, match="101 classes; .*100"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: PitLabels(f_min=0),
        lambda: PitLabels(400, 300),
        lambda: PitLabels(sigma=-1),
        lambda: DynLabels(scale="dB"),
        lambda: DynLabels(3, -3),
        lambda: DynLabels(low_db=-0.1, high_db=0.5, scale="linear_rms"),
        lambda: PitLabels.from_config({"fmin": 50}),
        lambda: DynLabels.from_config({"tracker": "yin"}),
    ],
)
def test_settings_that_make_no_sense_are_refused(make):
    with pytest.raises(ValueError):
        make()


def test_soft_pitch_targets_are_gaussian_around_the_exact_pitch():
    labels = PitLabels(100, 1600, 48)  # a bin is a semitone
    centre = labels.decode(labels.encode(np.array([440.0])))
    target = labels.soft(centre)[0]
    top = target.argmax()
    assert target.sum() == pytest.approx(1, abs=1e-6) and top == labels.encode(centre)[0]
    assert target[top + 1] / target[top] == pytest.approx(np.exp(-0.5), abs=1e-4)
    assert target[top - 2] / target[top] == pytest.approx(np.exp(-2), abs=1e-4)
    assert target[0] == 0 and np.count_nonzero(target) == 7, "cut after 3.5 standard deviations"
    half_up = labels.soft(centre * 2 ** (0.5 / 12))[0]
    assert half_up[top] == pytest.approx(half_up[top + 1], rel=1e-3), "between two bins: both alike"


def test_soft_targets_of_silence_and_of_sharp_labels_are_one_hot():
    assert PIT.soft(np.zeros(2)).tolist() == np.eye(100)[[0, 0]].tolist()
    f0 = np.array([0.0, 123.0, 440.0])
    sharp = PitLabels(sigma=0)
    assert (sharp.soft(f0) == np.eye(100)[sharp.encode(f0)]).all()
    assert (sharp.target_matrix() == np.eye(100)).all()
    narrow = PitLabels(sigma=0.05).soft(np.geomspace(50, 1100, 999))
    assert np.isfinite(narrow).all() and narrow.sum(axis=1) == pytest.approx(np.ones(999), abs=1e-5)


@pytest.mark.parametrize("labels", [PIT, PIT_2022, DYN, DYN_2022])
def test_target_matrix_row_is_the_soft_target_of_its_class(labels):
    matrix = labels.target_matrix()
    assert matrix.shape == (labels.classes, labels.classes) and matrix.dtype == np.float32
    assert matrix.sum(axis=1) == pytest.approx(np.ones(labels.classes), abs=1e-5)
    assert (matrix.argmax(axis=1) == np.arange(labels.classes)).all()
    values = labels.decode(np.arange(labels.classes))
    assert (matrix[labels.encode(values)] == labels.soft(values)).all()


def test_soft_pitch_decodes_far_finer_than_a_bin():
    f0 = np.geomspace(62, 880, 2000)  # three bins and more from either end
    decoded, voiced = PIT.decode_soft(PIT.soft(f0))
    assert np.abs(cents(decoded, f0)).max() < 3 and (voiced == 1).all()
    edges, _ = PIT.decode_soft(PIT.soft(np.array([50.0, 1100.0])))
    assert np.abs(cents(edges, [50, 1100])).max() <= PIT.bin_cents / 2 + 0.01


def test_voicing_of_a_distribution_is_the_rest_of_the_unvoiced_class():
    target = PIT.soft(np.array([[200.0, 300.0]]))
    p = target * np.array([0.6, 0.4])[None, :, None]
    p[..., 0] = [0.4, 0.6]
    f0, voiced = PIT.decode_soft(p)
    assert f0.shape == voiced.shape == (1, 2)
    assert voiced[0] == pytest.approx([0.6, 0.4], abs=1e-6)
    assert abs(cents(f0[0, 0], 200)) < 3 and f0[0, 1] == 0
    assert (PIT_2022.decode_soft(np.eye(44)[[3, 9]])[1] == 1).all()


def test_a_second_octave_does_not_pull_the_pitch():
    p = 0.6 * PIT.soft(np.array([200.0])) + 0.4 * PIT.soft(np.array([400.0]))
    assert abs(cents(PIT.decode_soft(p)[0], 200)[0]) < 3


def test_loudness_classes_known_by_hand():
    """64 bins over -50 ... 14 dB: a bin is 1 dB."""
    assert DYN.encode([-50, -49.5, -48.9, 0.5, 13.9]).tolist() == [0, 0, 1, 50, 63]
    assert DYN.encode([-80, 30]).tolist() == [0, 63]
    assert DYN.decode([0, 50]) == pytest.approx([-49.5, 0.5])
    db = np.linspace(-50, 14, 3001)
    assert np.abs(DYN.decode(DYN.encode(db)) - db).max() <= 0.5 + 1e-5
    inside = db[(db > -46) & (db < 10)]
    assert np.abs(DYN.decode_soft(DYN.soft(inside)) - inside).max() < 0.05


def test_relative_loudness_forgets_the_gain_and_takes_it_back():
    db = np.array([-30.0, -22.0, -45.0])
    classes = DYN.encode(db, level=-25.0)
    assert classes.tolist() == DYN.encode(db + 6, level=-19.0).tolist() == DYN.encode(db + 25).tolist()
    assert DYN.decode(classes, level=-25.0) == pytest.approx(db, abs=0.5)
    assert DYN.decode_soft(DYN.soft(db, level=-25.0), level=-19.0) == pytest.approx(db + 6, abs=0.05)


@pytest.mark.parametrize("name", ["base.toml", "original.toml", "tiny.toml"])
def test_presets_make_labels_that_survive_json(name):
    tables = load_config(CONFIGS / name)["labels"]
    for cls, table in ((PitLabels, tables["pit"]), (DynLabels, tables["dyn"])):
        labels = cls.from_config(table)
        assert cls.from_config(json.loads(json.dumps(asdict(labels)))) == labels
        assert labels.classes <= 100
    options = track_options(tables["pit"])
    assert set(options) == {"f_min", "f_max", "tracker", "centred", "voicing", "assumed_rate"}


def test_the_preset_of_2022_selects_the_labels_of_2022():
    tables = load_config(CONFIGS / "original.toml")["labels"]
    pit, dyn = PitLabels.from_config(tables["pit"]), DynLabels.from_config(tables["dyn"])
    assert pit.bins == 44 and pit.f_min == pytest.approx(43.15, abs=0.01)
    assert not pit.unvoiced and pit.sigma == 0
    assert (dyn.bins, dyn.sigma, dyn.scale, dyn.low_db) == (32, 0, "linear_rms", 0)


def test_long_arrays_are_worked_on_in_parts_as_at_once(monkeypatch):
    pit, dyn = PitLabels(), DynLabels()
    f0, db = 80 * 2 ** np.linspace(0, 3, 50), np.linspace(-40, 5, 50)
    f0[7:12] = 0

    def everything():
        p, d = pit.soft(f0), dyn.soft(db, level=-2.0)
        moves = np.linspace(-1, 1, 50)
        read = (*pit.decode_soft(p), pit.pitch(p), dyn.decode_soft(d, level=-2.0))
        return (p, d, pit.shift(p, moves), pit.at(p, f0 + 50), dyn.shift(d, 3 * moves), *read)

    whole = everything()
    monkeypatch.setattr(rows, "ROWS", 9)
    for one, other in zip(everything(), whole, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
