"""tools/synthetic_voices.py: sentences out of WordNet, each for one voice, in the letters Kokoro knows."""

import csv
import random
import shutil

import numpy as np
import pytest
import soundfile

from common import cli
from tools import synthetic_voices

GLOSSES = """00001 n | a thing; "the cat sat on the old red mat"; "too short to be said"
00002 v | to do; "She asked whether anybody had seen the key."; "he paid 5 pounds for a pair of shoes"
00003 v | to ask; "She asked whether anybody had seen the key."
"""
SAID = ["She asked whether anybody had seen the key.", "the cat sat on the old red mat."]


@pytest.fixture
def wordnet(tmp_path):
    folder = tmp_path / "wordnet"
    folder.mkdir()
    (folder / "data.noun").write_text(GLOSSES, encoding="utf-8")
    return folder


@pytest.fixture
def arguments(tmp_path, wordnet, monkeypatch):
    """main()'s arguments for two voices and a speaker who makes a second of tone of whatever it is given."""
    voices = tmp_path / "voices"
    voices.mkdir()
    for name in ("af_ann", "bm_bob"):
        np.zeros((510, 256), np.float32).tofile(voices / f"{name}.bin")

    class Tone:
        def __init__(self, model):
            pass

        def say(self, said, voice, speed):
            assert said and voice.shape == (510, 256)
            return np.sin(np.arange(synthetic_voices.RATE) / 10).astype(np.float32)

    monkeypatch.setattr(synthetic_voices, "Speaker", Tone)
    options = ("--model", "none.onnx", "--voices", voices, "--wordnet", wordnet, "--count")
    return lambda count: monkeypatch.setattr(
        "sys.argv", ["synthetic_voices.py", *map(str, (tmp_path / "out", *options, count))]
    )


def test_sentences_are_of_a_length_to_be_spoken_and_come_once(wordnet):
    assert synthetic_voices.sentences(wordnet) == SAID


def test_letters_are_those_kokoro_knows():
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs the program espeak-ng")
    said = synthetic_voices.letters("My choice now: take those jars home!", "en-us")
    assert set(said) <= set(synthetic_voices.LETTER_IDS) and said.endswith("!")
    # diphthongs and affricates are one letter each
    assert {"I", "Y", "W", "A", "O", "ʧ" if "ʧ" in said else "ʤ"} <= set(said) and "^" not in said


def test_each_voice_gets_sentences_of_its_own(tmp_path, arguments):
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs the program espeak-ng")
    arguments(1)
    assert synthetic_voices.main() == cli.DONE
    with (tmp_path / "out" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == ["af_ann/af_ann-000.flac", "bm_bob/bm_bob-000.flac"]
    assert sorted(row["text"] for row in rows) == SAID
    assert len({row["prompt"] for row in rows}) == 2
    assert all(soundfile.info(tmp_path / "out" / row["path"]).samplerate == 24000 for row in rows)


def test_blends_lie_between_two_voices(tmp_path):
    for name, value in (("af_ann", 0.0), ("bm_bob", 1.0)):
        np.full((510, 256), value, np.float32).tofile(tmp_path / f"{name}.bin")
    voices = synthetic_voices.cast(tmp_path, 3, random.Random(1))
    assert list(voices) == ["af_ann", "bm_bob", "blend-000", "blend-001", "blend-002"]
    assert voices["af_ann"][1] == "en-us" and voices["bm_bob"][1] == "en-gb"
    mixed = [styles for name, (styles, _) in voices.items() if name.startswith("blend")]
    low, high = synthetic_voices.SHARES
    assert all(m.shape == (510, 256) and low <= m.min() == m.max() <= high for m in mixed)
    assert len({float(m[0, 0]) for m in mixed}) == 3


def test_too_few_sentences_are_said_to_be_so(arguments):
    arguments(2)
    with pytest.raises(cli.UserError, match="2 sentences found, 4 needed"):
        synthetic_voices.main()


def test_silence_around_a_sentence_is_taken_off():
    class Session:
        def run(self, _, given):
            assert given["tokens"].tolist() == [[0, 43, 4, 0]] and given["style"].shape == (1, 256)
            return [np.r_[np.zeros(24000), np.ones(2400), np.zeros(24000)].astype(np.float32)]

    speaker = synthetic_voices.Speaker.__new__(synthetic_voices.Speaker)
    speaker.session = Session()
    wav = speaker.say("a.", np.zeros((510, 256), np.float32), 1.0)
    margin = int(synthetic_voices.MARGIN * synthetic_voices.RATE)
    assert abs(len(wav) - 2400 - 2 * margin) <= 1
