"""tools/unseen_voices.py: what it writes, and what it says when a program is missing."""

import csv
import shutil

import numpy as np
import pytest
import soundfile

import cli
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
    assert unseen_voices.decode(voice, tmp_path / "out", 5) == 1
    wav, rate = soundfile.read(tmp_path / "out" / "hello.wav")
    assert rate == 16000 and abs(len(wav) - 3 * rate) < 400
    spectrum = np.abs(np.fft.rfft(wav))
    assert abs(spectrum.argmax() * rate / len(wav) - 300) < 3
