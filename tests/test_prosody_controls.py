"""Prosody controls on a voice, from Python and from the command line."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from conftest import run_script, sing

import audio
from common.cli import UserError
from conversion import prosody_csv
from conversion.converter import VoiceConverter

LINE = sing(150, 300, 1.0, 3)


@pytest.fixture(scope="module")
def converter(voice):
    """Driven by the tracker: the micro models are trained too briefly to predict a melody."""
    return VoiceConverter.load("bank", "songs", out=voice / "out", pitdyn="tracker")


def level(wav: np.ndarray) -> float:
    return audio.active_level(audio.loudness(audio.prepare(wav).wav))


def voiced_median(edited) -> float:
    curve = edited.curve
    return float(np.median(curve.f0[curve.voiced]))


def test_a_tracker_hears_the_melody_and_spares_the_models(converter):
    analysed = converter.analyse(LINE)
    curve = converter.edit(analysed).curve
    assert curve.voiced.mean() > 0.5
    assert curve.f0[curve.voiced].min() < 165 and curve.f0[curve.voiced].max() > 280
    names = {type(m).__name__ for m in converter.encoder.children()}
    assert names == {"Hubert", "TrackedPitch", "TrackedLoudness"}


def test_a_performance_without_edits_is_what_was_heard(converter):
    analysed = converter.analyse(LINE)
    edited = converter.edit(analysed)
    for one, other in zip(edited.analysis, analysed.analysis, strict=True):
        assert one.equal(other)
    assert np.array_equal(converter.synthesise(edited), converter.convert(LINE))


def test_a_conversion_without_edits_decodes_its_curve_once(converter, monkeypatch):
    analysed, calls = converter.analyse(LINE), []
    decode = type(converter.labels[0]).pitch
    monkeypatch.setattr(type(converter.labels[0]), "pitch", lambda *a: calls.append(1) or decode(*a))
    converter.edit(analysed)
    assert len(calls) == 1


def test_controls_reach_the_acoustic_model(converter):
    analysed = converter.analyse(LINE)
    plain, moved = converter.edit(analysed), converter.edit(analysed, transpose=5)
    assert voiced_median(moved) / voiced_median(plain) == pytest.approx(2 ** (5 / 12), rel=0.005)
    assert moved.analysis.content.equal(plain.analysis.content)
    assert not np.array_equal(converter.synthesise(moved), converter.synthesise(plain))


def test_gain_is_exact_until_it_would_clip(converter):
    quiet = 0.1 * LINE
    plain, louder = converter.convert(quiet), converter.convert(quiet, dyn_gain=6)
    assert level(louder) - level(plain) == pytest.approx(6, abs=0.2)
    assert np.abs(converter.convert(LINE, dyn_gain=40)).max() <= audio.PEAK_LIMIT + 1e-6


def test_melody_and_loudness_of_another_recording(converter):
    other = sing(300, 260, 1.3, 3)
    edited = converter.edit(converter.analyse(LINE), pitch_from=other, dyn_from=other)
    f0 = edited.curve.f0[edited.curve.voiced]
    assert f0.min() > 250 and f0.max() < 310
    own = converter.edit(converter.analyse(LINE))
    assert np.array_equal(edited.curve.voiced, own.curve.voiced)
    assert not np.allclose(edited.curve.db, own.curve.db, atol=0.5)


def test_silence_has_no_melody_to_give(converter, tmp_path):
    with pytest.raises(UserError, match="pitch_from.*voiced"):
        converter.convert(LINE, pitch_from=np.zeros(16000, np.float32))
    soundfile.write(tmp_path / "still.wav", np.zeros(16000), 16000)
    with pytest.raises(UserError, match=r"still\.wav.*voiced"):
        converter.convert(LINE, pitch_from=tmp_path / "still.wav")


def test_a_curve_given_back_with_the_same_controls_changes_nothing(converter, tmp_path):
    analysed, table = converter.analyse(LINE), tmp_path / "curve.csv"
    controls = {"transpose": 12, "pitch_scale": 1.5, "dyn_scale": 0.5, "dyn_gain": -3, "dyn_from": analysed}
    first = converter.edit(analysed, **controls)
    prosody_csv.write(table, first.curve, first.source.start)
    again = converter.edit(analysed, prosody_in=table, **controls)
    assert np.array_equal(converter.synthesise(first), converter.synthesise(again))


def test_a_curve_has_the_last_word(converter, tmp_path):
    """Given without the controls it was written with, or with others, it is sung as it stands."""
    analysed, table = converter.analyse(LINE), tmp_path / "curve.csv"
    high = converter.edit(analysed, transpose=12)
    prosody_csv.write(table, high.curve, high.source.start)
    for controls in ({}, {"transpose": -3}, {"pitch_from": sing(300, 260, 1.3, 3)}):
        edited = converter.edit(analysed, prosody_in=table, **controls)
        assert voiced_median(edited) == pytest.approx(voiced_median(high), rel=0.005)
        assert f"{high.curve.voiced.sum()} of {len(high.curve)} frames have the file's pitch" in str(
            edited.notes
        )


def test_loudness_of_an_edited_curve_is_heard(converter, tmp_path):
    quiet, table = 0.1 * LINE, tmp_path / "curve.csv"
    plain = converter.edit(converter.analyse(quiet))
    curve = plain.curve
    for rise in (6.0, -6.0):
        prosody_csv.write(table, replace(curve, db=curve.db + rise), plain.source.start)
        edited = converter.edit(converter.analyse(quiet), prosody_in=table)
        assert np.allclose(edited.curve.db, np.clip(curve.db + rise, -50, 14), atol=0.5)
        assert level(converter.synthesise(edited)) - level(converter.synthesise(plain)) == pytest.approx(
            rise, abs=0.1
        )


def test_unknown_controls_are_refused(converter):
    with pytest.raises(TypeError, match="transposition"):
        converter.convert(LINE, transposition=3)


def infer(voice, source, *more, expect=0):
    arguments = ("infer.py", "bank", "--dataset", "songs", "--input", source, "--device", "cpu")
    return run_script(*arguments, "--pitdyn", "tracker", *more, cwd=voice, expect=expect)


def test_prosody_goes_out_and_in_again_without_a_change(voice):
    source = voice / "prosody"
    source.mkdir()
    silence = np.zeros(4000, np.float32)
    soundfile.write(source / "線.wav", np.concatenate([silence, LINE, silence]), 16000)
    infer(voice, source, "--out_path", "one", "--prosody_out", "curves")
    infer(voice, source, "--out_path", "two", "--prosody_in", "curves")
    one, two = ((voice / x / "線_bank.wav").read_bytes() for x in ("one", "two"))
    assert one == two
    table = voice / "curves" / "線.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["f0_hz"] = f"{2 * float(row['f0_hz']):.2f}"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    single = ("--prosody_in", table, "--prosody_out", "after.csv")
    infer(voice, source / "線.wav", "--out_path", "three", *single)
    with (voice / "after.csv").open(encoding="utf-8", newline="") as file:
        after = list(csv.DictReader(file))
    voiced = [(a, b) for a, b in zip(after, rows, strict=True) if b["voiced"] == "1"]
    assert len(voiced) > 20
    assert all(float(a["f0_hz"]) == pytest.approx(float(b["f0_hz"]), rel=0.005) for a, b in voiced)
    infer(voice, source, "--out_path", "four", "--transpose", 7, "--prosody_out", "high")
    done = infer(voice, source, "--out_path", "five", "--transpose", 7, "--prosody_in", "high")
    four, five = ((voice / x / "線_bank.wav").read_bytes() for x in ("four", "five"))
    assert four == five and four != one and "0 of" in done.stdout
    (voice / "curves" / "線.csv").write_text("time_s\n", encoding="utf-8")
    done = infer(voice, source, "--prosody_in", "curves", expect=1)
    assert "expected columns" in done.stderr and "1 of 1 failed" in done.stderr


def test_what_was_chosen_and_what_lies_outside_is_printed(voice):
    source = voice / "line.wav"
    soundfile.write(source, LINE, 16000)
    done = infer(voice, source, "--auto_pitch", "--transpose", 30)
    assert "line_bank.wav" in done.stdout and "line.wav: auto_pitch: transposed by" in done.stdout
    assert "voiced frames lie outside the" in done.stdout
    assert "; --transpose 0 would leave" in done.stdout


def test_what_no_source_could_meet_is_refused_before_the_first(voice):
    soundfile.write(voice / "line3.wav", LINE, 16000)
    soundfile.write(voice / "still.wav", np.zeros(16000), 16000)
    for more, words in (
        (("--pitch_from", "still.wav"), "still.wav: nothing in it is voiced"),
        (("--pitch_from", "bank"), "bank: expected an audio file, found a folder"),
        (("--dyn_from", "gone.wav"), "gone.wav: no such file"),
        (("--transpose", "nan"), "transpose: expected a finite number"),
        (("--device", "abacus"), "--device abacus: expected one that is usable here: cpu"),
    ):
        done = infer(voice, "line3.wav", *more, expect=2)
        assert words in done.stderr and "Traceback" not in done.stderr


def test_evaluation_takes_the_same_controls(voice):
    source = voice / "line2.wav"
    soundfile.write(source, LINE, 16000)
    arguments = ("evaluate.py", "voice", "bank", "--dataset", "songs", "--input", source, "--device", "cpu")
    more = ("--pitdyn", "tracker", "--transpose", 12, "--json", "line.json")
    run_script(*arguments, *more, cwd=voice)
    assert (voice / "line.json").stat().st_size > 100
