"""Scores of label models: figures known by hand, floor and ceiling, and the trackers that are asked."""

import json

import numpy as np
import pytest
from conftest import micro_config, run_script

import audio
from common.cli import UserError
from evaluation import heads, trackers
from hubert_pitdyn import pitch
from hubert_pitdyn.labels import DynLabels, PitLabels
from preprocessing.data_folder import DataFolder

PIT, DYN = PitLabels(), DynLabels()


def known(f0, agreed, label_f0, db, level=-20.0) -> heads.Truth:
    return heads.Truth(*(np.asarray(x) for x in (f0, agreed, label_f0, db)), level)


def reading(f0, db, level=-20.0) -> heads.Reading:
    f0, db = np.asarray(f0, dtype=float), np.asarray(db, dtype=float)
    return heads.Reading(f0, db, PIT.encode(f0), DYN.encode(db, level))


def figures(truth: heads.Truth, read: heads.Reading) -> dict[str, float]:
    score = heads.Score(PIT, DYN)
    score.add(truth, read)
    return score.figures()


def test_figures_by_hand():
    truth = known(
        f0=[200.0, 200.0, 200.0, 0.0, 0.0],
        agreed=[True, True, True, True, False],
        label_f0=[200.0, 200.0, 200.0, 0.0, 200.0],
        db=[-20.0, -20.0, -20.0, -20.0, -90.0],
    )
    # right; an octave up; unvoiced; voiced where nobody speaks; not agreed, so it does not count for F0
    read = reading([200.0, 400.0, 0.0, 150.0, 200.0], [-19.0, -20.0, -21.0, -20.0, -60.0])
    found = figures(truth, read)
    assert found["voicing"] == pytest.approx(2 / 4)
    assert found["gpe"] == pytest.approx(1 / 2)
    assert found["rpa50"] == pytest.approx(1 / 3)
    assert found["rca50"] == pytest.approx(2 / 3)
    assert found["pit_exact"] == pytest.approx(2 / 4)  # of the four frames the labels call voiced
    assert found["dyn_within_1p5db"] == 1.0  # the silent frame does not count
    assert found["agreed"] == pytest.approx(4 / 5)


def test_a_constant_gain_is_no_error_but_a_wrong_curve_is():
    truth = known([0.0] * 4, [True] * 4, [0.0] * 4, [-20.0, -25.0, -30.0, -35.0])
    assert figures(truth, reading([0] * 4, [-17, -22, -27, -32]))["dyn_within_1p5db"] == 1.0
    assert figures(truth, reading([0] * 4, [-20, -20, -20, -20]))["dyn_within_1p5db"] == 0.0


def test_nothing_voiced_is_undefined_not_zero():
    found = figures(known([0.0] * 3, [True] * 3, [0.0] * 3, [-20.0] * 3), reading([0] * 3, [-20] * 3))
    assert np.isnan(found["gpe"]) and np.isnan(found["rpa50"]) and np.isnan(found["pit_exact"])
    assert found["voicing"] == 1.0


def test_scores_of_speakers_pool_by_frames():
    good = known([200.0] * 3, [True] * 3, [200.0] * 3, [-20.0] * 3)
    scores = {"a": heads.Score(PIT, DYN), "b": heads.Score(PIT, DYN)}
    scores["a"].add(good, reading([200] * 3, [-20] * 3))
    scores["b"].add(known([200.0], [True], [200.0], [-20.0]), reading([300], [-20]))
    assert heads.pooled(scores).figures()["rpa50"] == pytest.approx(3 / 4)


def test_floor_names_the_most_frequent_classes():
    pits = np.array([0, 0, 30, 30, 30, 31])
    read = heads.majority_reader(pits, np.array([5, 6, 6]), PIT, DYN)
    predicted = read(np.zeros(640, np.float32), known([0.0] * 2, [True] * 2, [0.0] * 2, [-20.0] * 2))
    assert predicted.pit.tolist() == [30, 30] and predicted.dyn.tolist() == [6, 6]
    assert predicted.f0 == pytest.approx(PIT.decode(np.array([30, 30])))
    unvoiced = heads.majority_reader(np.array([0, 0, 0, 30]), np.array([6]), PIT, DYN)
    assert (unvoiced(np.zeros(640), known([0.0], [True], [0.0], [-20.0])).f0 == 0).all()


def test_reference_never_made_the_labels(monkeypatch):
    monkeypatch.setattr(pitch, "missing", lambda tracker: "")
    assert trackers.reference_and_second("swift_f0") == ("fcpe", "swift_f0")
    assert trackers.reference_and_second("fcpe") == ("swift_f0", "fcpe")
    monkeypatch.setattr(pitch, "missing", lambda tracker: "absent" if tracker != "pyin" else "")
    for labels in ("pyin", "yin"):
        with pytest.raises(UserError, match="requirements-eval"):
            trackers.reference_and_second(labels)


def test_alone_a_tracker_tells_a_tone_from_noise():
    times = np.arange(audio.SAMPLE_RATE) / audio.SAMPLE_RATE
    tone = sum(np.sin(2 * np.pi * 150 * h * times) / h for h in range(1, 9))
    noise = np.random.default_rng(0).normal(0, 0.5, audio.SAMPLE_RATE)
    f0, voiced = pitch.track_alone(np.concatenate([tone, noise]).astype(np.float32) * 0.2, "pyin")
    assert voiced[5:45].mean() > 0.9 and voiced[55:95].mean() < 0.3
    assert np.abs(1200 * np.log2(f0[5:45] / 150)).max() < 30
    with pytest.raises(ValueError, match="yin"):
        pitch.track_alone(tone.astype(np.float32), "yin")


def test_labels_ceiling_and_floor_of_a_folder(workspace):
    folder = DataFolder(workspace / "data" / "songs")
    if pitch.missing("swift_f0") and pitch.missing("fcpe"):
        pytest.skip("needs a second F0 tracker (requirements-eval.txt)")
    classes = heads.labels_of(folder)
    scores = heads.score_folder(folder, heads.bounds(folder, folder, *classes), *classes)
    assert set(scores["labels"]) == {"a", "ほげ"}
    labels, ceiling, floor = (heads.pooled(scores[n]).figures() for n in ("labels", "ceiling", "floor"))
    assert labels["rpa50"] > 0.9 and labels["pit_exact"] == 1.0 and labels["dyn_within_1p5db"] == 1.0
    assert 0.9 < ceiling["dyn_within_1p5db"] <= 1.0 and ceiling["pit_within_one"] > 0.9
    assert floor["rpa50"] < 0.5 and floor["pit_exact"] < 0.5
    again = heads.score_folder(folder, {"labels": heads.bounds(folder, folder, *classes)["labels"]}, *classes)
    assert heads.pooled(again["labels"]).figures() == labels  # from the cached answers of the trackers


@pytest.fixture(scope="module")
def two_trackers():
    if pitch.missing("swift_f0") and pitch.missing("fcpe"):
        pytest.skip("needs a second F0 tracker (requirements-eval.txt)")


def test_heads_command_prints_every_speaker_and_writes_the_figures(voice, two_trackers):
    arguments = ("evaluate.py", "heads", "songs", "--data", "data/songs", "--config", micro_config(voice))
    done = run_script(*arguments, "--json", "heads.json", cwd=voice)
    assert all(name in done.stdout for name in ("ほげ", "all", "labels", "ceiling", "floor", "voicing"))
    written = json.loads((voice / "heads.json").read_text(encoding="utf-8"))
    assert set(written["speaker"]) == {"a", "ほげ", "all", "labels", "ceiling", "floor"}
    assert written["speaker"]["labels"]["pit_exact"] == 1.0
    frames = [written["speaker"][name]["frames"] for name in ("a", "ほげ", "all")]
    assert frames[0] + frames[1] == frames[2]


def test_layers_command_has_a_row_for_each_layer(voice, two_trackers):
    trunk = "out/songs/hubert-soft/model-best.pt"
    arguments = ("evaluate.py", "layers", trunk, "--train", "data/songs", "--data", "data/songs")
    options = ("--files", 3, "--steps", 60, "--plot", "layers.png", "--json", "layers.json")
    run_script(*arguments, *options, cwd=voice)
    rows = json.loads((voice / "layers.json").read_text(encoding="utf-8"))["layer"]
    assert list(rows) == ["convolutions", "layer 0 (input)", "layer 1", "layer 2"]
    # Even an untrained trunk's convolutions respond to the end of a tone.
    assert rows["convolutions"]["voicing"] > 0.7
    assert (voice / "layers.png").stat().st_size > 5000


def test_layers_command_names_what_is_wrong(voice):
    arguments = ("evaluate.py", "layers", "nowhere.pt", "--train", "data/songs", "--data", "data/songs")
    assert "nowhere.pt" in run_script(*arguments, cwd=voice, expect=2).stderr
