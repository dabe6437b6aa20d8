"""tools/unseen_voices.py: what it writes, and what it says when a program is missing."""

import csv
import gzip
import shutil

import numpy as np
import pytest
import soundfile

from common import cli
from tools import unseen_voices


def test_flite_lines_come_with_their_texts(tmp_path, monkeypatch):
    if shutil.which("flite") is None:
        pytest.skip("needs the program flite")
    monkeypatch.setattr(unseen_voices, "SENTENCES", unseen_voices.SENTENCES[:1])
    monkeypatch.setattr("sys.argv", ["unseen_voices.py", str(tmp_path), "--asterisk", str(tmp_path / "none")])
    assert unseen_voices.main() == cli.DONE
    with (tmp_path / "texts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(unseen_voices.FLITE_VOICES)
    for row in rows:
        wav, rate = soundfile.read(tmp_path / row["path"])
        assert rate == 16000 and len(wav) > rate and row["text"] == unseen_voices.SENTENCES[0]


def test_without_flite_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(unseen_voices.shutil, "which", lambda name: None)
    with pytest.raises(cli.UserError, match="apt-get install flite"):
        unseen_voices.speak(tmp_path)


def test_telephone_prompts_of_a_sensible_length_are_decoded(tmp_path):
    g722 = pytest.importorskip("G722", reason="needs G722 (requirements-eval.txt)")
    voice = tmp_path / "voice"
    voice.mkdir()
    for name, seconds in (("hello", 3.0), ("beep", 3.0), ("word", 1.0)):
        tone = 8000 * np.sin(2 * np.pi * 300 * np.arange(int(16000 * seconds)) / 16000)
        coded = g722.G722(16000, 64000).encode(tone.astype(np.int16))
        (voice / f"{name}.g722").write_bytes(bytes(coded))
    assert unseen_voices.decode(voice, tmp_path / "out", 5) == [tmp_path / "out" / "hello.wav"]
    wav, rate = soundfile.read(tmp_path / "out" / "hello.wav")
    assert rate == 16000 and abs(len(wav) - 3 * rate) < 400
    spectrum = np.abs(np.fft.rfft(wav))
    assert abs(spectrum.argmax() * rate / len(wav) - 300) < 3


def test_scripts_of_the_prompts_have_no_stage_directions(tmp_path):
    lines = "; Sounds\n\nhello: Hello, Bob.\nbeep: [a beep]\nbye: ...bye: (beep) now.\n"
    (tmp_path / "list.gz").write_bytes(gzip.compress(lines.encode()))
    assert unseen_voices.scripts(tmp_path / "list.gz") == {"hello": "Hello, Bob.", "bye": "...bye:  now."}
    assert unseen_voices.scripts(tmp_path / "none") == {}


def test_english_prompts_get_their_texts(tmp_path, monkeypatch):
    g722 = pytest.importorskip("G722", reason="needs G722 (requirements-eval.txt)")
    tone = (8000 * np.sin(np.arange(48000) / 8)).astype(np.int16)
    for voice in ("en_X_f_A", "it_IT_m_B"):
        (tmp_path / "sounds" / voice).mkdir(parents=True)
        (tmp_path / "sounds" / voice / "hi.g722").write_bytes(bytes(g722.G722(16000, 64000).encode(tone)))
    (tmp_path / "list.gz").write_bytes(gzip.compress(b"hi: Good morning."))
    monkeypatch.setattr(unseen_voices, "speak", lambda out: [("flite-slt/a.wav", "Words.", [("w", 1.0)])])
    options = ("--asterisk", tmp_path / "sounds", "--scripts", tmp_path / "list.gz")
    monkeypatch.setattr("sys.argv", ["unseen_voices.py", *map(str, (tmp_path / "out", *options))])
    (tmp_path / "out").mkdir()
    assert unseen_voices.main() == cli.DONE
    with (tmp_path / "out" / "texts.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["path"]: row["text"] for row in csv.DictReader(file)}
    assert rows == {"flite-slt/a.wav": "Words.", "en_X_f_A/hi.wav": "Good morning."}
