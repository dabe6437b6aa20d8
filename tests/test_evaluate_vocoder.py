"""evaluate.py vocoder: copies are made at the level of mels, come back at their own, and are measured."""

import json

import numpy as np
import pytest
import soundfile
from conftest import run_script, sing

import audio
from evaluation import copies, report
from evaluation.scorers import Scorers
from hubert_pitdyn import pitch


class Listener:
    """A vocoder that notes the mels it is given, and hums."""

    def __call__(self, mel, wav):
        import torch

        self.mel = mel
        return 0.5 * torch.sin(torch.arange(mel.shape[-1] * audio.MEL_HOP) / 10).reshape(1, 1, -1)


@pytest.mark.parametrize("gain", [0.1, 1.0])
def test_copies_are_made_at_one_level_and_come_back_at_their_own(gain):
    wav = np.concatenate(
        [np.zeros(4000, np.float32), gain * sing(150, 200, 1.0, 0), np.zeros(4000, np.float32)]
    )
    vocoder = Listener()
    made = copies.copy_of(vocoder, wav, -26.0)
    assert len(made) == len(wav) and not made[:3000].any() and not made[-3000:].any()
    own, its = (audio.active_level(audio.loudness(audio.prepare(x).wav)) for x in (wav, made))
    assert its == pytest.approx(own, abs=0.3)
    levelled = audio.set_level(audio.prepare(wav).wav, -26.0)
    assert float((vocoder.mel[0] - audio.log_mel(levelled)).abs().max()) < 1e-5


def test_a_perfect_copy_has_no_errors(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, sing(150, 200, 1.0, 0), 16000)
    found = copies.measure(lambda wav: wav, path, Scorers(lambda line: None), lambda line: None)
    assert found["gpe"] == found["vde"] == found["f0_rmse_cents"] == 0 and found["rtf"] >= 0
    worse = copies.measure(lambda wav: wav[::-1].copy(), path, Scorers(lambda line: None), lambda line: None)
    assert worse["f0_rmse_cents"] > 20


class Ears:
    language = "en"

    def transcript(self, wav):
        return "the cat"

    def dnsmos(self, wav):
        return 3.0


def test_words_count_where_they_are_known():
    wav = np.zeros(8000, np.float32)
    found = copies.scores(wav, Ears(), "The cat sat", lambda line: None)
    assert found["dnsmos"] == 3.0 and found["wer"] == pytest.approx(1 / 3) and "ap_8" in found
    assert np.isnan(copies.scores(wav, Ears(), None, lambda line: None)["wer"])


@pytest.mark.slow
def test_the_command_compares_vocoders_and_names_what_failed(tmp_path):
    for i in range(2):
        soundfile.write(tmp_path / f"{i}.wav", sing(150, 200, 0.6, i), 16000)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    arguments = ("griffin_lim", "--input", tmp_path, "--json", tmp_path / "out.json")
    done = run_script("evaluate.py", "vocoder", *arguments, cwd=tmp_path, expect=1)
    assert "griffin_lim" in done.stdout and "broken.wav" in done.stderr and "Traceback" not in done.stderr
    assert "mean over 2 recordings" in done.stdout and "best of 3" in done.stdout
    rows = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(rows["griffin_lim"]) == [str(tmp_path / f"{i}.wav") for i in range(2)]
    assert rows["griffin_lim"][str(tmp_path / "0.wav")]["gpe"] is not None


def test_means_are_over_the_recordings_that_all_vocoders_copied():
    one = {"a": {"gpe": 0.1}, "b": {"gpe": 0.3}}
    _, first, other = report.copies_table({"one": one, "other": {"a": {"gpe": 0.5}}}).splitlines()
    assert "10.00" in first and "50.00" in other


def test_a_vocoder_is_given_the_pitch_of_the_recording():
    class Recorder:
        conditioned_on_f0 = True

        def __call__(self, mel, f0, voiced):
            self.f0, self.voiced = f0, voiced
            return mel[:, :1, :1]

    vocoder, wav = Recorder(), sing(150, 150, 1.0, 0)[: 49 * audio.UNIT_HOP]
    mel = audio.log_mel(wav).unsqueeze(0)
    copies.by_mel_and_f0(vocoder, "yin", mel, wav)
    assert vocoder.f0.shape == vocoder.voiced.shape == (1, mel.shape[-1])
    assert vocoder.voiced[0].tolist() == np.repeat(pitch.track(wav, "yin") > 0, 2).tolist()
    assert float(vocoder.f0[0, 10:-10].log2().sub(np.log2(150)).abs().max()) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--given_f0", "--tell_pitch"])
def test_only_a_vocoder_conditioned_on_f0_is_given_it(tmp_path, option):
    soundfile.write(tmp_path / "a.wav", sing(150, 200, 0.6, 0), 16000)
    arguments = ("griffin_lim", option, "--input", tmp_path)
    done = run_script("evaluate.py", "vocoder", *arguments, cwd=tmp_path)
    assert "griffin_lim" in done.stdout and "given" not in done.stdout
