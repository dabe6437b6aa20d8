"""The flat-bank experiment: what its rows are made of, what is measured, and one run to the end."""

import re
import sys
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import micro_config, run_script, sing

from bands import Band
from common.cli import UserError
from common.presets import load_config
from evaluation.scorers import Scorers
from experiments import runs
from experiments.flat_bank import measure, report
from experiments.flat_bank.__main__ import main
from experiments.flat_bank.measure import Line
from experiments.flat_bank.rows import BANK, MODELS, RICH, ROWS, VOICES, Materials, prepared, trained
from experiments.tables import over_files
from preprocessing.data_folder import DataFolder

FOLDERS = (Path("rich"), Path("bank"), Path("real"), Path("takes.csv"))
MATERIALS = Materials(*FOLDERS, "corpus", Path("tiny.toml"), None, "flat")
ALL = (*ROWS, *MODELS)


def test_only_moved_rows_ask_for_copies_and_only_banks_hold_lines_out():
    for role in (RICH, BANK):
        for row in prepared(ALL, role):
            mels, units = MATERIALS.preprocess(row, role)
            assert ("--augment_pitch" in mels) == row.copies == ("--augment_gain" in mels)
            assert ("--test_share" in mels) == (role == BANK) == ("--prompts" not in mels)
            assert units[units.index("--encode_with") + 1] == row.encode_with
            assert mels[0] == units[0] == f"flat/{role}-{row.name}"


def test_a_row_of_the_other_note_learns_its_recordings_from_the_rich_voice_of_another():
    other = VOICES["other"]
    assert other not in trained(ALL, RICH) and other in trained(ALL, BANK)
    mels, _ = MATERIALS.preprocess(other, BANK)
    assert mels[mels.index("--wavs") + 1] == "real"
    assert [MATERIALS.preprocess(row, BANK)[0][2] for row in ROWS if not row.on_real] == ["bank"] * 4


def test_banks_are_refined_from_the_rich_voice_of_their_own_row():
    for row in trained(ALL, BANK):
        arguments = MATERIALS.train(row, BANK, 10)
        start = arguments[arguments.index("--resume") + 1]
        assert start == Path(f"out/flat/rich-{row.start or row.name}/acoustic/model-best.pt")
        assert "--refine" in arguments
    assert all("--refine" not in MATERIALS.train(row, RICH, 10) for row in trained(ALL, RICH))


def test_rows_that_share_a_voice_or_data_are_made_alike():
    voices, data = (([row.name for row in of(ALL, BANK)]) for of in (trained, prepared))
    assert voices == ["content", "still", "moved", "other", "instance", "seed"] and data == voices[:4]
    assert [row.name for row in trained(MODELS, BANK)] == ["instance", "seed"]
    assert [row.name for row in prepared(MODELS, BANK)] == ["moved"]
    for row in ALL:
        for shared in (VOICES[row.name], VOICES[row.data or row.name], VOICES[row.start or row.name]):
            assert (row.encode_with, row.copies) == (shared.encode_with, shared.copies)
        assert row.acoustic == VOICES[row.name].acoustic


def test_a_row_with_another_acoustic_model_has_a_preset_of_its_own(tmp_path, monkeypatch):
    config = Path("configs/tiny.toml").resolve()
    monkeypatch.chdir(tmp_path)
    materials = Materials(*FOLDERS, "corpus", config, None, "flat")
    assert materials.preset(VOICES["moved"]) == config
    own, common = (load_config(path) for path in (materials.preset(VOICES["seed"]), config))
    assert own["acoustic"] == {**common["acoustic"], **VOICES["seed"].acoustic} != common["acoustic"]
    assert {k: v for k, v in own.items() if k != "acoustic"} == {
        k: v for k, v in common.items() if k != "acoustic"
    }
    assert "out/flat/seed.toml" in [str(a) for a in materials.train(VOICES["seed"], RICH, 10)]


def test_range_counts_voiced_frames():
    f0 = np.concatenate([np.zeros(50), np.full(50, 100.0), np.full(50, 200.0)])
    assert measure.semitone_range(f0) == pytest.approx(12)
    assert np.isnan(measure.semitone_range(np.zeros(9)))


def scorers_of(bank: Path, *notes: Path) -> measure.LineScorers:
    """Nobody's voice in any folder."""
    return measure.LineScorers(Scorers(lambda line: None), bank, dict.fromkeys((bank, *notes)))


def test_a_transposed_line_is_measured_where_it_was_sent(tmp_path):
    path = tmp_path / "line.wav"
    soundfile.write(path, sing(150, 250, 1.0, 0), 16000)
    sent = sing(300, 500, 1.0, 0)
    scorers = scorers_of(tmp_path)
    there = measure.figures(Line(path, 12.0), sent, scorers)
    assert there["gpe"] < 0.05 and abs(there["f0_offset_cents"]) < 20 and np.isnan(there["mcd"])
    assert measure.figures(Line(path), sent, scorers)["gpe"] > 0.9


def test_a_take_of_the_bank_is_measured_only_against_the_same_line_on_another_note(tmp_path):
    bank, real = tmp_path / "bank", tmp_path / "real"
    for folder, hertz in ((bank, 200), (real, 160)):
        folder.mkdir()
        soundfile.write(folder / "a.wav", sing(hertz, hertz, 1.0, 0), 16000)
    job = measure.Job("flat", "demo", None, {}, bank, tmp_path)
    scorers = scorers_of(bank, real)

    def figures(line):
        return measure.take_figures(line, job, scorers)

    assert figures(Line(bank / "a.wav", real=True)) is None and figures(Line(real / "a.wav")) is None
    found = figures(Line(real / "a.wav", real=True))
    assert set(measure.FIGURES) <= set(found) and found["range"] < 1 and np.isnan(found["f0_corr"])
    assert np.isnan(found["mcd"]) == (find_spec("pyworld") is None)
    assert measure.itself_figures(Line(real / "a.wav", semitones=3.0), scorers) is None
    assert measure.itself_figures(Line(real / "a.wav"), scorers)["range"] < 1


def test_a_voice_is_compared_with_the_singer_on_the_bank_s_note_and_on_that_of_the_line(tmp_path):
    bank, real, speech = (tmp_path / name / "a.wav" for name in ("bank", "real", "speech"))
    lines = {"real": [Line(real, real=True)], "speech": [Line(speech)]}
    for path, hertz in ((bank, 200), (real, 300), (speech, 150)):
        path.parent.mkdir()
        soundfile.write(path, sing(hertz, hertz, 1.0, 0), 16000)
    scorers = measure.LineScorers.of(measure.Job("flat", "demo", None, lines, bank.parent, tmp_path))
    assert set(scorers.targets) == {bank.parent, real.parent}

    class ByFirstSample:
        """Knows what a wav is like by its first sample."""

        def similarity(self, wav, target):
            return float("nan") if target is None else float(wav[0] == target)

        def dnsmos(self, wav):
            return 3.0

    scorers = replace(scorers, scorers=ByFirstSample(), targets={bank.parent: 1, real.parent: 2})
    like_bank, like_real = np.array([1.0]), np.array([2.0])
    of_real = [scorers.scores(wav, lines["real"][0]) for wav in (like_bank, like_real)]
    names = "speaker_similarity", "note_similarity"
    assert [[one[name] for name in names] for one in of_real] == [[1, 0], [0, 1]]
    of_speech = scorers.scores(like_bank, lines["speech"][0])
    assert of_speech["speaker_similarity"] == 1 and np.isnan(of_speech["note_similarity"])


def test_a_section_tells_medians_when_there_are_lines_enough():
    def lines(*cents: float) -> list[dict[str, float]]:
        nothing = {"recording": "", **dict.fromkeys(measure.FIGURES, float("nan"))}
        return [nothing | {"recording": str(i), "f0_rmse_cents": c} for i, c in enumerate(cents)]

    of_five = report.section("Speech", {"a voice": lines(10, 20, 20, 20, 130)})
    assert "| a voice | 40 [" in of_five and "| a voice | 20 | – |" in of_five
    assert "Medians" not in report.section("Song", {"a voice": lines(10, 90)})


def test_sound_has_a_table_of_its_own_where_there_is_a_recording_to_compare_with():
    line = {"recording": "a", **dict.fromkeys(measure.FIGURES, 1.0)}
    text = report.section("Notes", {"a voice": [line | {"ap_2": -3.0}], "melody": [line]})
    assert "| aperiodicity .5-2 kHz |" in text and "| a voice | -3.0 |" in text and "level" not in text
    assert "aperiodicity" not in report.section("Speech", {"a voice": [line]})


def test_sound_is_measured_against_the_recording_and_above_8_khz_at_the_rate_of_the_voice(tmp_path):
    wav = np.random.default_rng(0).normal(0, 0.1, 44100).astype(np.float32)
    for name, gain in (("line.wav", 1.0), ("made.wav", 0.5)):
        soundfile.write(tmp_path / name, gain * wav, 44100)
    line = Line(tmp_path / "line.wav", real=True)
    found = measure.high_figures(line, tmp_path / "made.wav", Band(44100, 8))
    assert found["db_8_10"] == pytest.approx(-6.02, abs=0.1)
    assert measure.high_figures(line, tmp_path / "made.wav", Band(16000, 0)) == {}
    assert measure.high_figures(Line(line.path), tmp_path / "made.wav", Band(44100, 8)) == {}
    same = measure.sound_figures(*[sing(200, 220, 1.0, 0)] * 2)
    assert find_spec("pyworld") is None or all(abs(value) < 1e-9 for value in same.values())


def test_intervals_are_of_recordings_and_not_of_few():
    values, same = [10.0, 20.0, 30.0, 40.0, 50.0], list("abcde")
    low, high = re.fullmatch(r"30 \[(\d+), (\d+)\]", over_files(values, 1, 0, same)).groups()
    # Four lines of each recording are no more recordings, and lines of two are two.
    assert over_files(4 * values, 1, 0, 4 * same) == f"30 [{low}, {high}]" != over_files(4 * values, 1, 0)
    assert over_files(values, 1, 0, list("aabbb")) == "28"


@pytest.mark.skipif(find_spec("pyworld") is None, reason="pyworld is not installed")
def test_the_whole_experiment_runs_and_writes_its_document(voice, monkeypatch):
    rich, real, lines = (voice / name for name in ("rich wavs", "real", "lines"))
    for folder in (rich, real, lines):
        folder.mkdir()
    for i in range(4):
        soundfile.write(rich / f"{i}.wav", sing(120 + 20 * i, 200, 1.0, i), 16000)
        soundfile.write(real / f"_か{i}.wav", sing(165, 165, 0.8, 50 + i), 16000)
    soundfile.write(lines / "line.wav", sing(150, 250, 1.0, 9), 16000)
    high = voice / "high"
    high.mkdir()
    for path in real.iterdir():
        soundfile.write(high / path.name, sing(330, 330, 0.8, 60), 16000)
    folders = (rich, voice / "bank", "--real", real, high, "--lines", lines, "--songs", lines / "line.wav")
    options = ("--dataset", "songs", "--config", micro_config(voice, validate=30), "--quick", "--models")
    monkeypatch.chdir(voice)
    monkeypatch.setattr(runs, "call", lambda *words, **_: run_script(*words, cwd=voice).stdout)
    monkeypatch.setattr(sys, "argv", ["experiments.flat_bank", *map(str, (*folders, *options, "--jobs", 1))])
    assert main() == 0
    document = voice / "out" / "flat-quick" / "flat-bank.md"
    text = document.read_text(encoding="utf-8")
    for row in ALL:
        assert f"| {row.title} | " in text
    # Only of what the singer really sang: four sets, each with a table of sound.
    assert text.count(f"| {VOICES['other'].title} | ") == 8
    for title in measure.MELODIES:
        assert text.count(f"| {title} | ") == 7  # of eight sets; the one spoken line is the song, too
    assert text.count(f"| {measure.COPY} | ") == 6 + 4 and "real: 165 Hz" in text and "high: 330 Hz" in text
    assert text.count(f"| {measure.TAKE} | ") == 2  # of the other notes
    assert text.count(f"| {measure.ITSELF} | ") == 6
    note = re.search(r"a bank sung at (\d+) Hz", text)
    assert int(note[1]) == pytest.approx(196 * 44.1 / 16, abs=2)  # 16 kHz samples in files of 44.1 kHz
    assert (document.parent / "images" / "flat-bank.png").stat().st_size > 10_000
    of_one_that_is_there(voice, folders, options, monkeypatch)


def of_one_that_is_there(place, folders, options, monkeypatch):
    """A voice that the run above has made is measured again, without being trained."""
    made, kept = place / "data" / "flat-quick" / "bank-moved", "flat-quick/bank-moved"
    ready = ("--voice", kept, "--data", made, "--name", "ready", "--jobs", 1)
    words = (*folders, *(option for option in options if option != "--models"), *ready)
    monkeypatch.setattr(sys, "argv", ["experiments.flat_bank", *map(str, words)])
    assert main() == 0
    assert sorted(path.name for path in (place / "out" / "ready").glob("*-*")) == [
        "bank-content",
        "flat-bank.md",
        "rich-content",
    ]
    text = (place / "out" / "ready" / "flat-bank.md").read_text(encoding="utf-8")
    assert f"are `{kept}`, trained" in text and "Refined on the other note" not in text
    content, _, moved, tracker, _ = ROWS
    rows = re.findall(r"^\| (.+?) \| ", text.split("\n## ")[1], re.MULTILINE)
    assert {content.title, moved.title, tracker.title, *measure.WITHOUT_VOICE} <= set(rows)
    assert not {VOICES["still"].title, VOICES["other"].title} & set(rows)
    splits = [
        DataFolder(folder).read_json("split.json")
        for folder in (made, made.parent.parent / "ready" / "bank-content")
    ]
    assert splits[0] == splits[1]


def test_a_voice_that_is_there_needs_its_data_folder_and_that_a_split(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv", ["flat_bank", "a", "b", "--real", "c", "--lines", "d", "--dataset", "e", "--voice", "f"]
    )
    with pytest.raises(SystemExit):
        main()
    assert "--voice and --data go together" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"nothing.*split.*preprocess\.py"):
        replace(MATERIALS, split=Path("nothing")).share_split(VOICES["content"])


def test_a_training_counts_as_done_only_for_what_it_was_trained_with(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(runs, "call", lambda *a, **_: called.append(a) or (tmp_path / "out").mkdir())
    data, weights = tmp_path / "data", tmp_path / "rich.pt"
    data.mkdir()
    (data / "split.json").write_text("{}", encoding="utf-8")
    weights.write_bytes(b"1")
    ask = partial(runs.train, "train_x.py", data, tmp_path / "out", "--resume", weights, "--steps")
    ask(20)
    ask(20)
    assert len(called) == 1
    with pytest.raises(UserError, match="--steps"):
        ask(600)
    weights.write_bytes(b"2")
    with pytest.raises(UserError, match=r"\(--resume\)"):
        ask(20)
    weights.write_bytes(b"1")
    (data / "split.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match=r"\(split.json\)"):
        ask(20)
    (tmp_path / "out" / "done").write_text("", encoding="utf-8")  # as an earlier version left it
    with pytest.raises(UserError, match="other settings"):
        ask(20)
    assert len(called) == 1


def test_figures_are_kept_for_what_they_are_about(tmp_path):
    path, nan = tmp_path / "a" / "figures.json", float("nan")
    assert runs.kept(path, {"voice": ("x",)}, lambda: {"gpe": nan}) == {"gpe": None}
    assert runs.kept(path, {"voice": ("x",)}, lambda: {"gpe": 1.0}) == {"gpe": None}
    assert runs.kept(path, {"voice": ("y",)}, lambda: {"gpe": 1.0}) == {"gpe": 1.0}
    path.write_text('{"runs": [], "figures": {"gpe": 2.0}}', encoding="utf-8")  # as an earlier version did
    assert runs.kept(path, {"voice": ("y",)}, lambda: {"gpe": 1.0}) == {"gpe": 1.0}


def test_the_clock_adds_up_over_interrupted_calls(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), runs.clocked(out):
        raise KeyboardInterrupt
    (out / "seconds.txt").write_text("100\n", encoding="utf-8")
    with runs.clocked(out) as seconds:
        assert 100 <= seconds() < 101
    assert float((out / "seconds.txt").read_text(encoding="utf-8")) == 100
