"""What the workshop's tabs do, without a browser: documents, controls, batches, the editor's questions."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import ROOT, sing

import audio
from common.cli import UserError
from conversion import headers, prosody_csv
from workshop import batch, controls, documents, spectrogram
from workshop import page as workshop_page
from workshop.documents import Desk, curve_of, plain, saved_as, shown, url
from workshop.drawing import Drawing
from workshop.jobs import Job
from workshop.models import Models

VOICE = "kathleen"


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Desk:
    return Desk(Models(tmp_path_factory.mktemp("work"), ROOT / "out", "cpu"))


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("in") / "歌 1.wav"
    soundfile.write(path, sing(150, 260, 1.2, 3), 16000)
    return path


@pytest.fixture
def document(desk, recording):
    return desk.open(recording, VOICE, controls.controls())


def test_what_is_converted_is_what_a_script_converts(desk, document, recording):
    path, notes = desk.convert(document)
    converter = desk.models.converter(VOICE)
    expected = converter.convert(audio.load(recording))
    made, rate = soundfile.read(path)
    assert rate == converter.rate == 44100 and made == pytest.approx(expected, abs=1e-4)
    assert headers.read(path).options == {} and list(headers.read(path).notes) == notes
    assert path.name.endswith("歌 1_kathleen.wav")


def test_controls_are_those_of_edit(desk, recording):
    chosen = controls.controls(transpose=7, octaves=True, dyn_gain=3)
    assert chosen["transpose"] == 12.0
    document = desk.open(recording, VOICE, chosen)
    path, _ = desk.convert(document)
    assert headers.read(path).options == {"transpose": 12.0, "dyn_gain": 3.0}
    voiced = document.edited.curve.voiced
    before = document.converter.curve(document.analysed)
    moved = 12 * np.log2(document.edited.curve.f0 / before.f0)[voiced]
    assert np.median(moved) == pytest.approx(12, abs=0.2)


def test_an_open_recording_is_analysed_once_and_edited_at_once(desk, document, monkeypatch):
    monkeypatch.setattr(document.converter, "analyse", lambda *_: pytest.fail("analysed again"))
    desk.edit(document, controls.controls(transpose=36))
    line = controls.live_line(document)
    assert "lie outside its range" in line and "--transpose" in line and 'class="beyond"' in line
    desk.edit(document, controls.controls())
    assert "lie within the voice" in controls.live_line(document)
    assert desk.convert(document)[0].is_file()


@pytest.mark.slow
def test_another_recording_lends_its_melody_and_is_analysed_once(desk, document, tmp_path, monkeypatch):
    other = tmp_path / "other.wav"
    soundfile.write(other, sing(300, 300, 1.2, 3), 16000)
    desk.edit(document, controls.controls(pitch_from=str(other)))
    curve = document.edited.curve
    assert np.median(curve.f0[curve.voiced]) == pytest.approx(300, rel=0.06)
    monkeypatch.setattr(document.converter, "analyse", lambda *_: pytest.fail("analysed again"))
    desk.edit(document, controls.controls(pitch_from=str(other), transpose=2))


def test_a_curve_takes_the_way_of_a_prosody_file(desk, document, tmp_path):
    """The same samples as infer.py gives for the CSV; the curve that is shown changes nothing."""
    curve = document.edited.curve
    same = curve_of(*plain(curve).values(), len(curve))
    assert (
        soundfile.read(desk.convert(document, same)[0])[0] == soundfile.read(desk.convert(document)[0])[0]
    ).all()
    drawn = curve_of(curve.f0 * 1.2, curve.voiced, curve.db, len(curve))
    path, notes = desk.convert(document, drawn)
    assert any(note.startswith("prosody_in:") for note in notes)
    file = tmp_path / "curve.csv"
    prosody_csv.write(file, drawn, document.analysed.prepared.start)
    converter = document.converter
    expected = converter.synthesise(converter.edit(document.analysed, prosody_in=file))
    assert soundfile.read(path)[0] == pytest.approx(expected, abs=1e-4)


def test_what_a_page_gets_fits_the_recording(desk, document, recording):
    about = shown(desk, document)
    assert about["name"] == "歌 1.wav" and about["seconds"] == pytest.approx(1.45)
    assert len(about["sung"]["hz"]) == len(about["source"]["db"]) == document.analysed.prepared.units
    low, high = about["span"]
    assert 40 < low < high < 1000
    assert "%E6%AD%8C" in url(recording) and "%20" in url(recording)


def test_the_last_conversions_are_kept(desk, document, monkeypatch):
    monkeypatch.setattr(documents, "MOST_SOUNDS", 2)
    paths = [desk.convert(document)[0] for _ in range(4)]
    assert [path.is_file() for path in paths] == [False, False, True, True]


def test_the_oldest_document_is_closed_and_says_so(desk, document):
    with pytest.raises(UserError, match="no longer open"):
        desk.find(999)
    copied = desk.copy(document.number)
    desk.edit(copied, controls.controls(transpose=5))
    assert document.controls["transpose"] == 0.0 and copied.number != document.number


@pytest.mark.parametrize("kind", ["flac", "ogg", "mp3"])
def test_a_conversion_is_saved_in_other_formats(desk, document, tmp_path, kind):
    path, _ = desk.convert(document)
    saved = saved_as(path, kind, tmp_path)
    assert saved.name == f"歌 1_kathleen.{kind}"
    made, before = audio.load(saved), audio.load(path)
    assert len(made) == pytest.approx(len(before), abs=2400)
    assert audio.level(made) == pytest.approx(audio.level(before), abs=0.5)
    with pytest.raises(UserError, match="format: expected one of wav"):
        saved_as(path, "exe", tmp_path)


def ask(desk, name: str, asked: dict) -> dict:
    return {one.__name__: one for one in Drawing(desk).functions()}[name](asked)


def test_the_editor_s_questions(desk, document):
    curve = plain(document.edited.curve)
    base = {"number": document.number, "curve": curve}
    units = len(curve["hz"])
    drawn = {**curve, "hz": [hz * 1.5 for hz in curve["hz"]]}
    sung = ask(desk, "sing", {**base, "curve": drawn})
    assert sung["took"] < 30 and "error" not in sung and 0 < max(sung["volumes"]) <= 1
    snapped = ask(desk, "change", {**base, "action": "snap", "first": 0, "stop": units})["curve"]
    assert snapped["voiced"] == curve["voiced"] and snapped["hz"] != curve["hz"]
    saved = ask(desk, "save", {**base, "kind": "csv"})
    assert saved["name"] == "歌 1.csv"
    text = (desk.work / f"{document.number}-歌 1.csv").read_text(encoding="utf-8")
    assert ask(desk, "read", {**base, "text": text, "name": "a.csv"})["curve"] == curve


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"number": 0}, "no longer open"),
        ({"curve": {"hz": [1], "voiced": [1], "db": [0]}}, "finite numbers each of F0, voicing and loudness"),
        ({"curve": {"hz": ["x"], "voiced": None, "db": []}}, "the curve: expected"),
        ({"action": "explode"}, "action: expected one of smooth, snap, vibrato"),
        ({"action": "vibrato", "cents": 1e9}, "vibrato: expected a depth from 0 to 300 cents"),
    ],
)
def test_a_wrong_question_is_answered_by_a_sentence(desk, document, asked, sentence):
    base = {"number": document.number, "curve": plain(document.edited.curve)}
    assert sentence in ask(desk, "change", {**base, **asked})["error"]


def test_a_wrong_curve_is_refused_as_prosody_in_refuses_it(desk, document):
    base = {"number": document.number, "curve": plain(document.edited.curve)}
    answer = ask(
        desk, "read", {**base, "text": "time_s,f0_hz,voiced,loudness_db\n0,1,1,0\n", "name": "b.csv"}
    )
    assert answer["error"].startswith("b.csv: expected") and "rows from" in answer["error"]


def test_a_batch_converts_all_but_what_cannot_be_read(desk, recording, tmp_path):
    folder = tmp_path / "songs"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.wav", "sub/a.wav"):
        (folder / name).write_bytes(recording.read_bytes())
    (folder / "broken.wav").write_bytes(b"RIFF but not a wav")
    out = tmp_path / "out"
    rows = batch.planned(str(folder), VOICE, out, "flac")
    Job(lambda job: batch.run(desk.models, rows, VOICE, controls.controls(transpose=2), job)).result()
    assert {row.place: row.state for row in rows} == {
        "a.wav": "done",
        "broken.wav": "failed",
        "sub/a.wav": "done",
    }
    broken = next(row for row in rows if row.state == "failed")
    assert broken.notes[0].startswith("broken.wav: ") and not broken.target.exists()
    archive = zipfile.ZipFile(batch.zipped(rows, out, tmp_path / "all.zip"))
    assert sorted(archive.namelist()) == ["a_kathleen.flac", "notes.csv", "sub/a_kathleen.flac"]
    table = list(csv.DictReader(io.StringIO(archive.read("notes.csv").decode("utf-8"))))
    assert [row["conversion"] for row in table] == ["a_kathleen.flac", "", "a_kathleen.flac"]
    assert batch.summary(rows) == "2 of 3 converted, 1 failed"
    assert batch.table(rows).count("<tr") == 4


def test_dropped_files_of_one_name_do_not_overwrite_one_another(recording, tmp_path):
    paths = []
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "a.wav")
        paths[-1].write_bytes(recording.read_bytes())
    rows = batch.planned([*map(str, paths), str(tmp_path / "note.txt")], VOICE, tmp_path / "out", "wav")
    assert len({row.target for row in rows}) == 2
    with pytest.raises(UserError, match="expected audio files, found .txt"):
        batch.planned([str(tmp_path / "note.txt")], VOICE, tmp_path / "out", "wav")
    with pytest.raises(UserError, match="no recordings: give a folder, or drop files"):
        batch.planned("", VOICE, tmp_path / "out", "wav")


def test_a_sentence_shows_the_name_its_owner_gave_and_no_markup(tmp_path):
    upload = tmp_path / "uploads" / "0a1b" / "<b>a & b.wav"
    html = controls.trouble(UserError(f"{upload}: expected audio, found text"), upload)
    assert html == '<p class="trouble" role="alert">&lt;b&gt;a &amp; b.wav: expected audio, found text</p>'


def test_harmonics_lie_at_their_notes():
    time = np.arange(16000) / 16000
    shades = spectrogram.shades(np.sin(2 * np.pi * 220 * time).astype(np.float32), 16000)
    row = int(np.argmax(shades.sum(axis=1)))
    number = spectrogram.HIGH - (row + 1) / spectrogram.ROWS_PER_SEMITONE
    assert number == pytest.approx(57, abs=0.4)  # A3
    assert shades.max() == 15 and shades.shape[1] == 100
    assert not spectrogram.shades(np.zeros(16000, np.float32), 16000).any()
    assert spectrogram.shades(np.zeros(320, np.float32), 16000).shape[1] >= 1


def test_help_answers_at_once_and_a_missing_gradio_is_one_sentence(tmp_path):
    script = [sys.executable, "-X", "importtime", str(ROOT / "app.py"), "--help"]
    done = subprocess.run(script, capture_output=True, encoding="utf-8")
    assert done.returncode == 0 and "--no-browser" in done.stdout
    assert not {"torch", "gradio", "numpy"} & set(done.stderr.replace("|", " ").split())
    code = (
        "import sys, importlib.metadata as m; from common import cli; from workshop import page\n"
        "def missing(name): raise m.PackageNotFoundError(name)\n"
        "m.version = missing; sys.exit(cli.run(lambda: page.require_gradio()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.endswith("install it: python -m pip install -r requirements-app.txt\n")


def test_a_taken_port_is_one_sentence():
    import socket

    with socket.socket() as taken:
        taken.bind((workshop_page.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            UserError, match=f"port {port}: taken by another program; give another with --port"
        ):
            workshop_page.free_port(port)
