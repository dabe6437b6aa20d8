"""evaluate.py: pairs whose errors are known, voices, comparisons, and what happens without the extras."""

import json
import math
import os

import numpy as np
import pytest
import soundfile
from conftest import ROOT, run_script, sing

import audio
from common.cli import UserError
from evaluation import pair, report, sound, trackers
from evaluation.scorers import Scorers
from evaluation.texts import read_texts
from hubert_pitdyn import pitch

KEYS = (
    *("gpe", "vde", "ffe", "rpa50", "rpa20", "rca50", "octave_error", "f0_rmse_cents", "f0_rmse_hz"),
    *trackers.AGREED,
    *("f0_corr", "f0_offset_cents", "dyn_r", "dyn_rmse_db", "dyn_within_1p5db", "mcd"),
    *("speaker_similarity", "wer", "cer", "dnsmos"),
    "f0_doubtful",
)
MORE_KEYS = {
    "source_similarity",
    "kept_similarity",
    "nearer_target",
    "source_dnsmos",
    "source_wer",
    "source_cer",
    *pair.GIVEN,
    "conditions",
}
EXTRAS = ("resemblyzer", "ctranslate2", "speechmos", "pyworld", "torchfcpe")


def voiced(f0: np.ndarray, gain: float = 0.1) -> np.ndarray:
    """A harmonic sound of F0 [S] in Hz that swells and fades eight times, float [S]."""
    phase = 2 * np.pi * np.cumsum(f0) / audio.SAMPLE_RATE
    swell = 0.6 + 0.4 * np.cos(np.linspace(0, 16 * np.pi, len(f0)))
    return (gain * swell * sum(np.sin(h * phase) / h for h in range(1, 9))).astype(np.float32)


def octave_pair() -> tuple[np.ndarray, np.ndarray]:
    """2.4 s that glide; the copy is an octave up in the second half, and half as loud."""
    f0 = np.linspace(140, 180, int(2.4 * audio.SAMPLE_RATE))
    return voiced(f0), voiced(f0 * np.where(np.arange(len(f0)) < len(f0) // 2, 1, 2), gain=0.05)


@pytest.fixture
def files(tmp_path):
    for name, wav in zip(("quelle ä.wav", "gewandelt.wav"), octave_pair(), strict=True):
        soundfile.write(tmp_path / name, wav, audio.SAMPLE_RATE)
    return tmp_path


def read(path):
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)  # NaN is no JSON


def check_octave_pair(got: dict) -> None:
    assert got["octave_error"] == pytest.approx(0.5, abs=0.05) and got["rca50"] > 0.93
    assert got["rpa50"] == pytest.approx(0.5, abs=0.06) and got["gpe"] == pytest.approx(0.5, abs=0.05)
    assert got["vde"] < 0.06 and got["dyn_r"] > 0.97 and got["dyn_rmse_db"] < 1.0


def test_pair_prints_writes_and_draws(files):
    pytest.importorskip("torchfcpe")
    options = ("--json", "out/figures.json", "--plot", "out/picture.png")
    done = run_script("evaluate.py", "pair", "quelle ä.wav", "gewandelt.wav", *options, cwd=files)
    got = read(files / "out" / "figures.json")
    assert set(got) == {*KEYS, *MORE_KEYS}
    check_octave_pair(got)
    assert got["mcd"] is got["wer"] is got["cer"] is got["speaker_similarity"] is None
    assert got["conditions"]["tracker"] == "fcpe" and got["conditions"]["mcd"] is None
    assert (files / "out" / "picture.png").stat().st_size > 30_000
    assert f"{100 * got['octave_error']:.1f} %" in done.stdout and "needs the text" in done.stdout


@pytest.mark.slow
def test_without_any_extra_a_pair_has_nulls_and_a_line_for_each(files):
    shim = files / "shim"
    shim.mkdir()
    for name in EXTRAS:
        (shim / f"{name}.py").write_text(f"raise ImportError('No module named {name}')", encoding="utf-8")
    arguments = ("--text", "a", "--reference", "quelle ä.wav", "--target_dir", ".", "--json", "f.json")
    done = run_script(
        "evaluate.py",
        "pair",
        "quelle ä.wav",
        "gewandelt.wav",
        *arguments,
        cwd=files,
        PYTHONPATH=os.pathsep.join([str(shim), str(ROOT)]),
    )
    got = read(files / "f.json")
    undefined = {name for name in KEYS if got[name] is None}
    assert undefined == {*trackers.AGREED, "mcd", "speaker_similarity", "wer", "cer", "dnsmos"}
    assert got["conditions"]["tracker"] == "pyin" and got["conditions"]["mcd"] is None
    check_octave_pair(got)
    lines = done.stderr.splitlines()
    for name in EXTRAS:
        assert len([line for line in lines if name in line and "pip install" in line]) == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_lengths_that_differ_are_cut_and_said():
    lines = []
    one, two = pair.aligned(np.ones(32000), np.ones(31900), lines.append)
    assert len(one) == len(two) == 32000 and not one[31900:].any() and not lines
    one, two = pair.aligned(np.ones(32000), np.ones(31000), lines.append)
    assert len(one) == len(two) == 31040 and "2.00 s and 1.94 s" in lines[0] and "?" not in lines[0]
    pair.aligned(np.ones(32000), np.ones(9000), lines.append)
    assert "are they of one recording?" in lines[1]


def test_a_source_is_not_trimmed():
    wav = np.concatenate([np.zeros(8000, np.float32), sing(150, 200, 0.5, 1)])
    assert not audio.on_grid(wav)[:8000].any() and len(audio.on_grid(wav)) % audio.UNIT_HOP == 0


def test_parallel_recordings_of_other_lengths_are_warped():
    pytest.importorskip("pyworld")
    one, longer = voiced(np.full(16000, 150.0)), voiced(np.full(20000, 150.0))
    assert not pair.needs_dtw(one, one[:-100]) and pair.needs_dtw(one, longer)
    hiss = np.random.default_rng(0).normal(0, 0.1, 20000)
    assert pair.parallel_mcd(one, one[:-100], print) < 1
    assert pair.parallel_mcd(one, longer, print) < 0.2 * pair.parallel_mcd(one, hiss, print)


def test_silence_has_no_figures_and_no_crash():
    known = pair.Known(Scorers(lambda line: None), lambda line: None)
    silence = np.zeros(8000, np.float32)
    got, _ = pair.measure(silence, silence, known)
    assert set(got) == set(report.FIGURES) == {*KEYS, *MORE_KEYS} - {"conditions"}
    defined = {name for name, value in got.items() if math.isfinite(value)}
    # In silence both trackers agree, where both are installed.
    assert defined - {"vde_agreed"} == {"vde", "ffe"}


def test_what_a_voice_was_told_is_measured_against_its_source():
    source = audio.on_grid(sing(150, 220, 1.0, 0))
    track = pitch.track(source, trackers.tracker(pytest.skip))
    exact, higher = (pair.given_melody(source, by * track, print) for by in (1, 2 ** (1 / 12)))
    assert exact == {"f0_rmse_told": 0, "f0_corr_told": pytest.approx(1)}
    assert higher["f0_rmse_told"] == pytest.approx(100, abs=0.1)


def test_what_cannot_be_read_is_wrong_usage(files):
    (files / "bad.wav").write_bytes(b"nonsense")
    done = run_script("evaluate.py", "pair", "quelle ä.wav", "bad.wav", cwd=files, expect=2)
    assert "bad.wav" in done.stderr and "Traceback" not in done.stderr
    done = run_script("evaluate.py", "voice", "hana", cwd=files, expect=2)
    assert "needs --input, or --compare" in done.stderr


def test_voice_converts_measures_and_goes_on_after_a_bad_file(voice):
    source = voice / "zu messen"
    source.mkdir()
    for i, name in enumerate(("うた.wav", "two.flac", "bad.wav")):
        soundfile.write(source / name, sing(150 + 20 * i, 220, 0.9, i), 16000)
    (source / "bad.wav").write_bytes(b"nonsense")
    (voice / "own").mkdir()
    soundfile.write(voice / "own" / "a.wav", sing(200, 220, 0.9, 5), 16000)
    arguments = ("bank", "--dataset", "songs", "--input", source, "--device", "cpu", "--json", "a.json")
    arguments += ("--target_dir", "own", "--out_path", "made")
    done = run_script("evaluate.py", "voice", *arguments, cwd=voice, expect=1)
    assert "1 of 3 failed" in done.stderr and "bad.wav" in done.stderr and "Traceback" not in done.stderr
    assert (voice / "made" / "うた_bank.wav").is_file() and "うた.wav" in done.stdout
    got = read(voice / "a.json")
    assert set(got["files"]) == {"うた.wav", "two.flac"} and got["voice"] == "bank"
    own = {*sound.BANDS, "pause", "source_pause"}
    assert all(set(row) == own | {*KEYS, *MORE_KEYS} - {"conditions"} for row in got["files"].values())
    assert set(got["sound"]) == {*sound.BANDS, "pause"} and "the target's recordings" in done.stdout
    assert all(math.isfinite(row["f0_rmse_told"]) for row in got["files"].values())
    row = got["means"]["dyn_r"]
    assert row["n"] == 2 and row["low"] <= row["mean"] <= row["high"]
    mean = np.mean([figures["dyn_r"] for figures in got["files"].values()])
    assert row["mean"] == pytest.approx(mean) and f"{mean:.3f}" in done.stdout


def voice_json(path, shift: float, tracker: str = "fcpe", skip: int = -1):
    """Figures of eight files, as `voice --json` writes them; the MCD is undefined everywhere."""
    rng = np.random.default_rng(0)
    files = {f"文 {i}.wav": dict.fromkeys(report.FIGURES, rng.normal(0.5, 0.2) + shift) for i in range(8)}
    files = {name: row | {"mcd": math.nan} for i, (name, row) in enumerate(files.items()) if i != skip}
    content = {"voice": "v", "conditions": {"tracker": tracker}, "means": report.means(files), "files": files}
    report.write_json(path, content)


@pytest.mark.slow
def test_compare_pairs_files_by_name(tmp_path):
    voice_json(tmp_path / "a.json", 0.0)
    voice_json(tmp_path / "b.json", 0.1, tracker="pyin", skip=2)
    arguments = ("voice", "--compare", "a.json", "b.json", "--json", "c.json")
    done = run_script("evaluate.py", *arguments, cwd=tmp_path)
    got = read(tmp_path / "c.json")
    assert got["gpe"] == pytest.approx({"mean": 0.1, "low": 0.1, "high": 0.1, "median": 0.1, "n": 7})
    assert got["mcd"] == {"mean": None, "low": None, "high": None, "median": None, "n": 0}
    gpe = next(line for line in done.stdout.splitlines() if line.startswith("GPE")).split()
    assert {"+10.0", "*", "7"} <= set(gpe)
    assert "measured differently, tracker: fcpe | pyin" in done.stderr


@pytest.mark.slow
def test_compare_refuses_other_files(tmp_path):
    voice_json(tmp_path / "a.json", 0.0)
    (tmp_path / "other.json").write_text("[1]", encoding="utf-8")
    for other in ("other.json", "nowhere.json"):
        done = run_script("evaluate.py", "voice", "--compare", "a.json", other, cwd=tmp_path, expect=2)
        assert other in done.stderr and "--json FILE" in done.stderr
    with pytest.raises(UserError, match="no source in common"):
        report.differences({"files": {"a": {}}}, {"files": {"b": {}}})


def test_texts_are_matched_by_file_name(tmp_path):
    from pathlib import Path

    table = tmp_path / "texts.csv"
    rows = ('a/one.flac,"Yes, it is."', "a/two.flac,first", "b\\two.flac,second", "a/four.flac,")
    table.write_text("path,text\n" + "\n".join(rows), encoding="utf-8-sig")
    lines = []
    got = read_texts([Path("x/one.wav"), Path("two.wav"), Path("three.wav")], table, lines.append)
    assert list(got.values()) == ["Yes, it is.", None, None]
    assert "no text for 1 of 3" in lines[0] and "several texts for 1 of 3" in lines[1]
    table.write_text("file,words\n", encoding="utf-8")
    with pytest.raises(UserError, match="expected columns path and text"):
        read_texts([Path("one.wav")], table, print)


def test_frames_on_which_two_trackers_disagree_count_apart(monkeypatch):
    one, other = np.full(100, 200.0), np.full(100, 200.0)
    other[:30] = 210.0  # 84 cents up
    one[90:] = other[80:] = 0.0  # so 80 to 89 are voiced for one alone, from 90 on nobody's
    tracks = {"fcpe": one, "swift_f0": other}
    monkeypatch.setattr(pitch, "missing", lambda tracker: "")
    monkeypatch.setattr(pitch, "track_alone", lambda wav, tracker: (tracks[tracker], tracks[tracker] > 0))
    found = np.full(100, 400.0)
    found[:30] = 100.0
    got = trackers.f0_figures(np.zeros(100 * 320, np.float32), 2 * one, found)
    assert got["f0_rmse_agreed"] == 0 and got["f0_rmse_cents"] > 1000
    assert np.isnan(got["f0_corr_agreed"])  # F0 is constant where both agree
    assert got["vde_agreed"] == pytest.approx(10 / 90) and got["vde"] == pytest.approx(0.1)
    monkeypatch.setattr(pitch, "missing", lambda tracker: "absent")
    assert np.isnan(trackers.f0_figures(np.zeros(100 * 320, np.float32), one, found)["f0_rmse_agreed"])


def test_frames_on_which_two_trackers_differ_by_an_octave_are_no_errors_of_a_conversion(monkeypatch):
    """The reference tracker halves the pitch of a third of the source, and of a tenth of the conversion."""
    source, converted, true = np.zeros(32000, np.float32), np.ones(32000, np.float32), np.full(100, 260.0)
    halved, later = true.copy(), true.copy()
    halved[:33] /= 2
    later[90:] /= 2
    later[50:55] *= 2  # an error of the conversion: both trackers find it
    other = {0.0: true, 1.0: np.where(np.arange(100) // 5 == 10, 520.0, 260.0)}
    monkeypatch.setattr(pitch, "missing", lambda tracker: "" if tracker != "fcpe" else "absent")
    monkeypatch.setattr(pitch, "track", lambda wav, tracker: later if wav[0] else halved)
    monkeypatch.setattr(pitch, "track_alone", lambda wav, tracker: (other[wav[0]], other[wav[0]] > 0))
    got = pair.Curves(source, converted, "pyin").figures()
    assert got["f0_doubtful"] == pytest.approx(0.43) and got["gpe"] == pytest.approx(5 / 57)
    assert got["octave_error"] == pytest.approx(5 / 57) and got["vde"] == 0
    printed = report.pair_table({**dict.fromkeys(report.FIGURES, 0.0), **got})
    (line,) = (line for line in printed.splitlines() if "two trackers differ" in line)
    assert line.endswith(" 43.0 %")


def test_frames_that_two_trackers_halve_alike_count_apart_and_a_low_voice_does_not(monkeypatch):
    times = np.arange(32000) / 16000
    wav = sum(np.sin(2 * np.pi * 260 * h * times) / h for h in range(1, 12)).astype(np.float32)
    for found, apart in ((260.0, False), (130.0, True), (0.0, False)):
        f0 = np.full(100, found)
        monkeypatch.setattr(pitch, "track_alone", lambda wav, tracker, f0=f0: (f0, f0 > 0))
        assert (trackers.differing(wav, f0, "swift_f0")[5:-5] == apart).all()


def test_the_tracker_of_figures_is_not_that_of_the_labels():
    assert trackers.TRACKER != pitch.DEFAULT and pitch.FALLBACK != pitch.DEFAULT
