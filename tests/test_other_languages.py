"""tools/other_languages.py: a folder a language, in the letters Kokoro knows."""

import csv

import numpy as np
import pytest
import soundfile

from common import cli
from tools import other_languages as other


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    """main() with speakers who make a second of tone of whatever they are given, noted in the list."""
    names = {name for voices in other.VOICES.values() for name in voices} - {other.OPEN_JTALK}
    for name in names:
        np.zeros((510, 256), np.float32).tofile(tmp_path / f"{name}.bin")
    (tmp_path / "kokoro.onnx").touch()
    said, tone = [], np.sin(np.arange(other.RATE) / 10).astype(np.float32)

    class Tone:
        def __init__(self, model):
            pass

        def say(self, letters, voice, speed, numbers):
            said.append(letters)
            return tone

    monkeypatch.setattr(other, "Speaker", Tone)
    monkeypatch.setattr(other, "letters", lambda text, language: text)
    monkeypatch.setattr(other, "by_open_jtalk", lambda text: (tone, 48000))
    files = ("--model", tmp_path / "kokoro.onnx", "--voices", tmp_path)
    monkeypatch.setattr("sys.argv", ["other_languages.py", *map(str, (tmp_path / "out", *files))])
    return said


def test_every_voice_says_every_sentence_of_its_language(tmp_path, arguments):
    assert other.main() == cli.DONE
    assert len(arguments) == 2 * len(other.SENTENCES["ja"]) + 3 * len(other.SENTENCES["zh"])
    for language, voices in other.VOICES.items():
        with (tmp_path / "out" / language / "texts.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["text"] for row in rows] == list(other.SENTENCES[language]) * len(voices)
        assert all(soundfile.info(tmp_path / "out" / language / row["path"]).frames for row in rows)
    assert soundfile.info(tmp_path / "out" / "ja" / "mei-00.wav").samplerate == 48000
    arguments.clear()
    assert other.main() == cli.DONE and not arguments


def test_a_missing_voice_is_named(tmp_path, arguments):
    (tmp_path / "jm_kumo.bin").unlink()
    with pytest.raises(cli.UserError, match=r"jm_kumo\.bin: not found"):
        other.main()


def test_a_missing_package_is_named(arguments, monkeypatch):
    def missing(text):
        raise ModuleNotFoundError("No module named 'pyopenjtalk'", name="pyopenjtalk")

    monkeypatch.setattr(other, "by_open_jtalk", missing)
    with pytest.raises(cli.UserError, match="pyopenjtalk: not found; install it: .*pyopenjtalk-plus"):
        other.main()


@pytest.mark.parametrize(("language", "package"), [("ja", "pyopenjtalk"), ("zh", "pypinyin")])
def test_all_letters_of_the_sentences_are_known(language, package):
    pytest.importorskip("misaki")
    pytest.importorskip(package)
    for text in other.SENTENCES[language]:
        said = other.letters(text, language)
        assert len(said) > len(text) and not set(said) & set("_^-")
    assert ("↘" in said) == (language == "zh")


def test_letters_have_numbers_of_their_own():
    assert len(set(other.MORE_IDS.values())) == len(other.MORE_IDS)
    assert not set(other.MORE_IDS) & set(other.LETTER_IDS)
