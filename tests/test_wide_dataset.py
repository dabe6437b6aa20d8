"""Crops of waves at more than 16 kHz, and a vocoder of such a rate trained on them."""

import math

import numpy as np
import pytest
import torch
from conftest import ROOT, run_script
from test_train_vocoder import MICRO, vocoder_config

import audio
from audio import LOG_FLOOR, MEL_HOP, N_MELS, log_mel
from bands import Band, high_mel
from checkpoints import store
from preprocessing.data_folder import DataFolder
from preprocessing.wide_folder import WideFolder
from training.wide_dataset import WideWavDataset
from vocoder.discriminators import at_16_khz

BAND = Band(44100, 8)
TONE, LOUDER = 3000.0, 9000.0  # Hz


def tones(rate: int, seconds: float = 2.0) -> np.ndarray:
    """One below 8 kHz and one above, where the rate has room for it."""
    times = np.arange(int(seconds * rate)) / rate
    wav = 0.1 * np.sin(2 * np.pi * TONE * times)
    return (wav + 0.05 * np.sin(2 * np.pi * LOUDER * times) * (rate > 2 * LOUDER)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    made = DataFolder(tmp_path / "data" / "v")
    low = tones(16000)
    made.save_prepared("a", low)
    WideFolder(made, BAND).save("a", tones(44100) * (audio.PEAK_LIMIT / np.abs(low).max()), 13000.0)
    made.save("f0", "a", np.full(100, 200.0))
    return made


def peaks(wav: torch.Tensor) -> tuple[float, float]:
    """Hz of the loudest partial below and above 5 kHz, of [1, S] at 44.1 kHz."""
    wav = wav.flatten()
    size = 8 * len(wav)
    spectrum = torch.fft.rfft(wav * torch.hann_window(len(wav)), size).abs()
    hz = torch.arange(len(spectrum)) * 44100 / size
    return tuple(float(hz[(spectrum * part).argmax()]) for part in (hz < 5500, hz >= 5500))


def test_a_wide_crop_is_the_same_stretch_at_both_rates(folder):
    data = WideWavDataset(folder, ["a"], 0.6, -26.0, band=BAND, pitch=True)
    item = data[(0, (1, 2))]
    assert item["wavs"].shape == (1, 60 * 441) and item["mels"].shape == (136, 60) and len(item["f0"]) == 60
    assert float(item["bandwidth"]) == 13000.0
    low = at_16_khz(item["wavs"].unsqueeze(0), BAND)
    inner = slice(6, -6)
    assert (
        torch.allclose(item["mels"][:128, inner], log_mel(low)[0, :, inner], atol=0.05)
        or float((item["mels"][:128, inner] - log_mel(low)[0, :, inner]).abs().mean()) < 0.1
    )
    known = BAND.rows(13000.0)
    assert 0 < known < 8
    assert torch.allclose(item["mels"][128 : 128 + known], high_mel(item["wavs"][0], BAND)[:known])
    assert torch.all(item["mels"][128 + known :] == math.log(LOG_FLOOR))
    whole = data[(0, None)]
    assert audio.active_level(audio.loudness(at_16_khz(whole["wavs"][None], BAND).flatten().numpy())) == (
        pytest.approx(-26.0, abs=0.2)
    )
    batch = data.collate([item, whole])
    assert batch["wavs"].shape == (2, 1, 200 * 441) and batch["bandwidth"].tolist() == [13000.0, 13000.0]


def test_a_crop_played_at_another_speed_ends_at_8_khz_as_a_recording_does(tmp_path):
    wide = np.random.default_rng(0).normal(0, 0.05, 3 * 44100).astype(np.float32)
    low = audio.to_mono(wide[:, None], 44100, 16000)
    noise = DataFolder(tmp_path / "v")
    noise.save_prepared("noise", low)
    WideFolder(noise, BAND).save("noise", wide * (audio.PEAK_LIMIT / np.abs(low).max()), 20000.0)
    known, played = (
        WideWavDataset(noise, ["noise"], 1.0, -26.0, band=BAND, speed_octaves=octaves)[(0, (1, 3))]["mels"]
        for octaves in (0.0, 0.7)
    )
    last = slice(N_MELS - 4, N_MELS)
    assert float((played[last] - known[last]).mean(dim=1).abs().max()) < 0.15


def test_another_speed_moves_all_of_a_wide_crop_and_its_bandwidth(folder):
    data = WideWavDataset(folder, ["a"], 0.6, -26.0, band=BAND, speed_octaves=0.7, pitch=True)
    speeds = set()
    for seed in range(8):
        item = data[(0, (1, seed))]
        speed = float(item["bandwidth"]) / 13000.0
        frames = item["mels"].shape[-1]
        assert item["wavs"].shape[-1] == frames * 441 and len(item["f0"]) == frames
        assert peaks(item["wavs"]) == pytest.approx((TONE * speed, LOUDER * speed), rel=0.01)
        assert float(item["f0"][5]) == pytest.approx(200 * speed, rel=1e-3)
        row = item["mels"][:128, frames // 2].argmax()
        expected = log_mel(tone_at(TONE * speed))[:, 20].argmax()
        assert abs(int(row) - int(expected)) <= 1
        speeds.add(round(speed, 2))
    assert len(speeds) > 5


def tone_at(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(40 * MEL_HOP) / 16000).astype(np.float32)


def test_a_wide_vocoder_is_trained_above_one_of_16_khz(workspace):
    """Warm start, its lower half left alone; resumed; what the file and its card say."""
    low = vocoder_config(workspace, "harmonic")
    run_script("train_vocoder.py", "data/songs", "w/low", "--config", low, "--steps", 2, cwd=workspace)
    config = workspace / "wide-micro.toml"
    wide = (ROOT / "configs" / "wide.toml").as_posix()
    text = MICRO.format(generator="harmonic").replace(
        "pitch_blocks = 1\n", "pitch_blocks = 1\nhigh_dim = 8\nhigh_blocks = 1\n"
    )
    text = text.replace("[train.vocoder]\n", "[train.vocoder]\nadversarial_after_warmstart = 2\n")
    config.write_text(f'extends = "{wide}"\n[labels.pit]\ntracker = "yin"\n{text}', encoding="utf-8")
    run_script(
        "preprocess.py", "songs", "--mel", "--config", config, cwd=workspace, expect=1
    )  # one is broken
    given = ("train_vocoder.py", "data/songs", "w/wide", "--config", config, "--device", "cpu")
    done = run_script(*given, cwd=workspace, expect=2)
    assert "it needs" in done.stderr or "give one: --warmstart" in done.stderr
    run_script(*given, "--warmstart", "w/low/model-best.pt", "--steps", 3, cwd=workspace)
    run = workspace / "w" / "wide"
    run_script(*given, "--resume", run / "model-3.pt", "--steps", 4, cwd=workspace)
    made, before = store.load(run / "model-4.pt"), store.load(workspace / "w" / "low" / "model-best.pt")
    for name, tensor in before["model"].items():
        assert torch.equal(made["model"][name], tensor), name
    assert made["card"]["rate"] == 44100 and made["card"]["high"] == 32
    assert made["config"]["model"]["rate"] == 44100 and "rate" not in before["config"]["model"]
