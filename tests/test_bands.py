"""What lies above 8 kHz: frames and rows where they say they are, and how far a recording really goes."""

import numpy as np
import pytest
import soxr
import torch

import audio
import bands
from bands import LOW, Band, bandwidth, high_mel, same_span
from common.presets import load_config

WIDE = Band(44100, 32)


def noise(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """Bursts of white noise, float32 [S]."""
    wav = np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate))
    return (wav * (np.sin(np.arange(len(wav)) * 20 / rate) > 0)).astype(np.float32)


@pytest.mark.parametrize("rate", [16000, 24000, 32000, 44100, 48000])
def test_a_unit_and_a_mel_frame_have_whole_samples(rate):
    band = LOW if rate == 16000 else Band(rate, 8, (8000, rate / 2), 4 * (rate // 100))
    assert (band.unit, band.hop) == (rate // 50, rate // 100)
    for units in (1, 7, 12345):
        assert audio.at_rate(320 * units, rate) == units * band.unit
    assert audio.at_rate(1, rate) == round(rate / 16000)


@pytest.mark.parametrize("rate", [24000, 44100, 48000])
def test_a_click_is_in_the_middle_of_its_frame(rate):
    band = Band(rate, 8, (8000, rate / 2), 4 * (rate // 100))
    wav = np.zeros(40 * band.hop, np.float32)
    wav[20 * band.hop + band.hop // 2] = 1.0
    found = high_mel(wav, band).exp().sum(0)
    assert found.shape == (40,) and found.argmax() == 20
    sides = found[20 - 1] / found[20 + 1]
    assert sides == pytest.approx(1.0, abs=0.03)  # an odd hop has no sample in the middle


def test_a_batch_gives_what_its_items_give():
    wavs = np.stack([noise(0.4, 44100, seed)[: 882 * 20] for seed in (1, 2)])
    found = high_mel(torch.from_numpy(wavs).unsqueeze(1), WIDE)
    assert found.shape == (2, 32, 40) and found.dtype == torch.float32
    torch.testing.assert_close(found[1], high_mel(wavs[1], WIDE), atol=1e-5, rtol=0)


def test_a_tone_is_in_the_row_of_its_frequency():
    edges = bands.edges(WIDE)
    for row in (0, 15, 31):
        wav = 0.1 * np.sin(2 * np.pi * edges[row + 1] * np.arange(882 * 10) / 44100)
        assert (high_mel(wav, WIDE).argmax(0) == row).all()
    assert (edges[0], edges[-1]) == pytest.approx((8000, 20000)) and (np.diff(edges) > 0).all()


def test_a_row_counts_where_all_of_it_is_within_the_bandwidth():
    edges = bands.edges(WIDE)
    assert [WIDE.rows(hz) for hz in (0, 8000, edges[2] - 1, edges[2] + 1, 20000.5, 22050)] == [
        0,
        0,
        0,
        1,
        32,
        32,
    ]


def test_what_goes_into_a_checkpoint_gives_the_band_back():
    preset = Band.of(load_config("configs/wide.toml")["audio"])
    assert preset == Band(44100, 32, [8000.0, 20000.0], 2048) and Band.of(preset.sizes) == preset
    assert LOW.sizes == {} and Band.of(load_config("configs/tiny.toml")["audio"]) == LOW


@pytest.mark.parametrize(
    "sizes", [{"rate": 22050, "high_bands": 3}, {"rate": 44100}, {"high_bands": 3}, {"rate": 1}]
)
def test_bands_that_cannot_be_are_refused(sizes):
    with pytest.raises(ValueError, match="expected"):
        Band(**sizes)


@pytest.mark.parametrize("edge", [8000, 12000, 16000])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_the_bandwidth_is_that_of_the_sound_and_not_of_the_file(edge, rate):
    wav = soxr.resample(noise(2, 2 * edge), 2 * edge, rate, quality="HQ")
    for made in (wav, wav * 0.02, np.round(wav * 0.05 * 32767) / 32767):
        assert 0.94 * edge <= bandwidth(made, rate) <= 1.02 * edge


def test_the_bandwidth_of_all_there_is_and_of_nothing():
    assert bandwidth(noise(1, 48000), 48000) == 24000 and bandwidth(noise(1, 44100), 44100) == 22050
    assert bandwidth(np.zeros(48000), 48000) == 0 and bandwidth(np.zeros(0), 48000) == 0
    assert bandwidth(noise(0.01, 48000), 48000) > 20000


def test_what_a_bad_resampler_mirrors_above_a_gap_does_not_count():
    from scipy.signal import resample_poly

    voice = soxr.resample(noise(2, 12000), 12000, 16000)  # ends at 6 kHz, and is mirrored from 10 to 16 kHz
    assert bandwidth(resample_poly(voice, 3, 1), 48000) < 7000


def test_rounding_and_a_pause_add_no_bandwidth():
    wav = np.concatenate([soxr.resample(noise(1, 16000), 16000, 48000), np.zeros(48000)]) * 0.01
    hiss = np.random.default_rng(1).uniform(-1, 1, (2, len(wav))).sum(0) / 2 / 32767
    assert bandwidth(np.round((wav + hiss) * 32767) / 32767, 48000) <= 8250


def test_a_prepared_wav_has_the_same_span_at_another_rate():
    low = np.concatenate([np.zeros(12345), 0.3 * np.sin(np.arange(20000) * 0.3), np.zeros(8000)])
    wide = soxr.resample(low, 16000, 44100, quality="VHQ")
    prepared = audio.prepare(low.astype(np.float32))
    found = same_span(prepared, wide, 44100)
    assert len(found) == prepared.units * 882 and prepared.start > 12000
    back = soxr.resample(found, 44100, 16000, quality="VHQ")
    inner = slice(400, -1000)
    assert np.abs(back[inner] - prepared.wav[inner]).max() < 0.3 * 0.3 * 0.5 * 16000 / 44100 + 1e-3


def test_what_is_restored_at_a_rate_has_the_sources_length():
    prepared = audio.Prepared(np.ones(320 * 4, np.float32), 1000, 1200, 5001)
    for rate in (16000, 44100, 48000):
        made = prepared.restore(np.ones(audio.at_rate(1280, rate), np.float32), rate)
        assert len(made) == round(5001 * rate / 16000)
        on = np.flatnonzero(made)
        assert abs(on[0] - 1000 * rate / 16000) <= 0.5 and abs(len(on) - 1200 * rate / 16000) <= 0.5


def test_a_wav_is_written_at_its_rate(tmp_path):
    import soundfile

    audio.save(tmp_path / "x.wav", np.zeros(441, np.float32), rate=44100)
    assert soundfile.info(tmp_path / "x.wav").samplerate == 44100
    assert len(audio.load(tmp_path / "x.wav", rate=48000)) == 480
