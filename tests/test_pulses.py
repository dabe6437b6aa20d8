"""Pulses of the harmonic vocoder: their phases, their spectrum, how long they stay exact."""

import math

import numpy as np
import pytest
import torch

from audio import MEL_HOP, SAMPLE_RATE
from vocoder.pulses import BAND, pulse_train


def last_pulses(f0: torch.Tensor, samples: int) -> torch.Tensor:
    """The last pulses at f0 [1, T], their turns summed up in doubles, each frame's less its whole ones."""
    hertz = torch.nn.functional.interpolate(f0.double().unsqueeze(1), scale_factor=MEL_HOP, mode="linear")
    inside = hertz.reshape(-1, MEL_HOP).cumsum(-1) / SAMPLE_RATE
    before, starts = 0.0, []
    for turns in inside[:, -1].tolist():
        starts.append(before)
        before = (before + turns) % 1
    angle = math.pi * (torch.tensor(starts, dtype=torch.float64).unsqueeze(-1) + inside).flatten()
    count = torch.floor(BAND / torch.nn.functional.interpolate(f0[None], scale_factor=MEL_HOP, mode="linear"))
    angle, count = angle[-samples:], count.flatten()[-samples:].double()
    divisor = angle.sin()
    peak = divisor.abs() < 1e-6
    kernel = ((2 * count + 1) * angle).sin() / torch.where(peak, 1.0, divisor)
    return (torch.where(peak, 2 * count + 1, kernel) - 1) / 2


@pytest.mark.parametrize("octaves", [0.0, 1.5])
def test_phases_are_exact_after_ten_minutes(octaves):
    frames = torch.arange(10 * 60 * SAMPLE_RATE // MEL_HOP)
    f0 = (203.7 * 2 ** (octaves * torch.sin(frames / 70.0))).float().unsqueeze(0)
    made, expected = pulse_train(f0).flatten(), last_pulses(f0, 30 * SAMPLE_RATE)
    assert made.dtype == torch.float32
    error = (made[-len(expected) :] - expected).square().mean() / expected.square().mean()
    assert 10 * math.log10(float(error)) < -80


def test_pulses_are_the_sum_of_all_harmonics():
    f0 = torch.full((1, 20), 230.0)
    made = pulse_train(f0)
    turns = torch.cumsum(torch.full((20 * MEL_HOP,), 230.0 / SAMPLE_RATE, dtype=torch.float64), 0)
    expected = sum(torch.cos(2 * math.pi * k * turns) for k in range(1, int(BAND / 230) + 1))
    assert float((made[0] - expected).abs().max()) < 1e-3


def test_pulses_glide_with_the_pitch_and_stay_below_the_band():
    made = pulse_train(torch.linspace(100, 1200, 200).unsqueeze(0)).flatten()
    for second in (0.4, 1.6):
        piece = made[int(second * SAMPLE_RATE) :][:1600] * torch.hann_window(1600)
        spectrum = np.abs(np.fft.rfft(piece.numpy(), 16 * 1600))
        hz = np.arange(len(spectrum)) * SAMPLE_RATE / (16 * 1600)
        f0 = 100 + 1100 * (second + 0.05) / 2
        peak = hz[np.argmax(spectrum * (hz < 1.4 * f0))]
        assert peak == pytest.approx(f0, rel=0.03)
        assert spectrum[hz > BAND + 150].max() < 0.05 * spectrum.max()


def test_the_pulses_last_a_song():
    """After a minute their turns are still exact: the last second sounds as the first."""
    made = pulse_train(torch.full((1, 6000), 200.0)).flatten()
    assert float((made[:SAMPLE_RATE] - made[-SAMPLE_RATE:]).abs().max()) < 1e-2
