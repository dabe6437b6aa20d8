"""The harmonic vocoder at more than 16 kHz: its lower half is that of 16 kHz, and what lies above."""

import math
from argparse import Namespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from audio import LOG_FLOOR, MEL_HOP, N_MELS, SAMPLE_RATE
from bands import LOW, Band, edges
from common.cli import UserError
from training.vocoder import keep_low, mels_of
from vocoder import HarmonicGenerator, losses
from vocoder.discriminators import BothHalves, at_16_khz
from vocoder.envelope import envelope
from vocoder.frames import BIN_HZ, window_samples
from vocoder.high_half import JOIN, TOP
from vocoder.pulses import pulse_train

WIDE = {"rate": 44100, "high_bands": 32}
SIZES = {"dim": 16, "blocks": 1, "pitch_dim": 8, "pitch_blocks": 1, "high_dim": 16, "high_blocks": 1}


def wide(**more) -> HarmonicGenerator:
    """Fresh weights whose sound follows the mel, softly enough that nothing is cut."""
    torch.manual_seed(0)
    model = HarmonicGenerator(**SIZES, **{**WIDE, **more}).eval()
    with torch.no_grad():
        for head in (model.head, model.high.filters):
            head.weight.mul_(20)
            head.bias[: 2 * len(head.bias) // 3].sub_(3.0)
    return model


def flat(pulses: float, noise: float) -> HarmonicGenerator:
    """Filters that are the mel's level, and so many nepers at all frequencies."""
    model = HarmonicGenerator(**SIZES, **WIDE, relative=True).eval()
    with torch.no_grad():
        for head in (model.head, model.high.filters):
            head.weight.zero_()
            head.bias.zero_()
            count = len(head.bias) // 3
            head.bias[:count], head.bias[count : 2 * count] = pulses, noise
    return model


def level_mel(frames: int, nepers: float) -> torch.Tensor:
    """[1, 160, frames] of noise through filters of so many nepers."""
    rows = torch.cat([envelope(band, 0, 1).offsets for band in (LOW, Band(**WIDE))])
    return (rows + nepers)[None, :, None].expand(1, -1, frames).clone()


def given(frames: int, n_mels: int = 160):
    """mel, F0 with a glide in Hz, voicing with a gap."""
    mel = torch.randn(1, n_mels, frames, generator=torch.Generator().manual_seed(2))
    mel[:, N_MELS:] -= 6.0  # nothing is cut: up here the mel itself says how loud
    f0, voiced = torch.linspace(150, 300, frames)[None], torch.ones(1, frames, dtype=torch.bool)
    voiced[:, frames // 2 : frames // 2 + 10] = False
    return mel, f0, voiced


def spectrum(wav: torch.Tensor, rate: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Hz, and amplitudes of [S] there; its ends, where windows lack their neighbours, count less."""
    wav = wav.flatten()
    shape = 2 * torch.hann_window(len(wav))
    return torch.fft.rfftfreq(len(wav), 1 / rate), torch.fft.rfft(shape * wav) / len(wav)


@pytest.mark.parametrize("rate", [24000, 32000, 44100, 48000])
@torch.inference_mode()
def test_the_lower_half_is_the_wave_of_16_khz(rate):
    model = wide(rate=rate, high_hz=(8000.0, min(20000.0, rate / 2)), high_n_fft=1024)
    above = model(*given(120))
    below = model.at_16_khz()(*given(120))
    assert above.shape == (1, 1, 120 * rate // 100) and below.shape == (1, 1, 120 * MEL_HOP)
    assert model.band == LOW
    hz, amplitudes = spectrum(above, rate)
    wanted_hz, wanted = spectrum(below, SAMPLE_RATE)
    low = wanted_hz < BIN_HZ * (JOIN - 4)
    error = (amplitudes[: len(wanted)][low] - wanted[low]).abs().square().sum()
    assert 10 * math.log10(float(error / wanted[low].abs().square().sum())) < -40


@torch.inference_mode()
def test_a_model_of_16_khz_is_the_wide_one_without_its_upper_half():
    model = wide()
    mel, f0, voiced = given(60)
    small = HarmonicGenerator(**SIZES).eval()
    small.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("high.")})
    assert torch.equal(small(mel[:, :128], f0, voiced), model.at_16_khz()(mel, f0, voiced))
    assert torch.equal(small(mel[:, :128]), model(mel))


@torch.inference_mode()
def test_at_16_khz_what_lies_above_the_join_follows_the_mel_as_what_lies_below_does():
    model = flat(pulses=-20.0, noise=0.0)
    with torch.no_grad():
        unused = model.head.bias.unflatten(0, (3, -1))[:, JOIN:]
        unused += 3.0  # as random weights that no loss has seen
    hz, amplitudes = spectrum(model.at_16_khz()(level_mel(200, -4.0)), SAMPLE_RATE)
    powers = [
        float(amplitudes[(hz > low) & (hz < high)].abs().square().mean())
        for low, high in ((6400, 7200), (7500, 7900))
    ]
    assert abs(10 * math.log10(powers[1] / powers[0])) < 2


@torch.inference_mode()
def test_the_upper_half_follows_its_rows_and_ends_at_20_khz():
    model = wide()
    mel, f0, voiced = given(120)
    other = mel.clone()
    other[:, 128:] += 2
    hz, changed = spectrum(model(mel, f0, voiced) - model(other, f0, voiced), 44100)
    power = changed.abs().square()
    total = power.sum()
    inside = (hz > BIN_HZ * (JOIN - 3)) & (hz < TOP + 3 * BIN_HZ)
    assert power[inside].sum() > (1 - 1e-4) * total > 0


@torch.inference_mode()
def test_rows_at_the_floor_are_silent_whatever_the_filters_say():
    model, (mel, f0, voiced) = wide(), given(120)
    mel[:, 128 + 16 :] = math.log(LOG_FLOOR)
    hz, amplitudes = spectrum(model(mel, f0, voiced), 44100)
    top = edges(model.band)[17]  # the middle of the first silent row
    power = amplitudes.abs().square()
    assert power[hz > top + 150].sum() < 1e-6 * power.sum() < power[(hz > 8000) & (hz < top - 1000)].sum()


@pytest.mark.parametrize("f0", [110.0, 440.0, 1250.0])
def test_pulses_have_all_harmonics_to_20_khz_and_no_aliases(f0):
    frames = 400  # whole periods of all three in whole seconds
    wav = pulse_train(torch.full((1, frames), f0), hop=441, band=TOP)
    hz, amplitudes = spectrum(wav, 44100)
    place = (hz / f0).round()
    distance = (hz - place * f0).abs()
    harmonic = (distance < 0.1) & (place > 0) & (hz <= TOP + 1)
    assert int(harmonic.sum()) == int(TOP / f0)
    assert torch.allclose(amplitudes[harmonic].abs(), torch.tensor(0.5), atol=2e-3)
    between = (distance > 1) | (hz > TOP + 1)
    assert float(amplitudes[between].abs().max()) < 0.5e-3  # 60 dB below


def test_pulses_of_every_rate_are_samples_of_one_wave():
    f0 = 200.0 + 80 * torch.sin(torch.arange(300)[None] / 20)
    low, high = pulse_train(f0), pulse_train(f0, hop=480, band=7800.0)
    assert torch.allclose(high[:, ::3], low, atol=2e-2 * float(low.max()))
    odd = pulse_train(f0, hop=441, band=7800.0)[:, ::441]
    assert torch.allclose(odd, low[:, ::MEL_HOP], atol=2e-2 * float(low.max()))


@torch.inference_mode()
def test_noise_is_as_dense_at_every_rate():
    """Of filters that are flat, without a voice, the noise has one density across the join."""
    model = flat(-30.0, 0.0)
    mel, f0, voiced = level_mel(500, -3.0), *given(500)[1:]
    hz, amplitudes = spectrum(model(mel, f0, torch.zeros_like(voiced)), 44100)
    power = amplitudes.abs().square()
    densities = [10 * torch.log10(power[(hz > a) & (hz < a + 3000)].mean()) for a in (500, 4000, 8000, 14000)]
    assert np.ptp([float(x) for x in densities]) < 0.3


@pytest.mark.parametrize("loud", [0.01, 0.1])
@torch.inference_mode()
def test_relative_filters_that_nobody_has_trained_give_noise_its_own_mel(loud):
    time = torch.arange(44100 * 2) / 44100
    wav = (
        loud
        * (1 + 0.7 * torch.sin(9 * time))
        * torch.randn(len(time), generator=torch.Generator().manual_seed(0))
    )
    mel = mels_of(wav[None, None], Band(**WIDE))
    voiced = torch.zeros(1, mel.shape[-1], dtype=torch.bool)
    made = flat(-30.0, 0.0)(mel, torch.full(voiced.shape, 100.0), voiced)
    difference = (mels_of(made, Band(**WIDE)) - mel)[..., 5:-5].mean((0, 2))
    assert float(difference[:128].abs().max()) < 0.3 and float(difference[:128].mean().abs()) < 0.05
    assert float(difference[128:].abs().max()) < 0.1


@torch.inference_mode()
def test_noise_and_pulses_meet_without_a_hole_or_a_bump():
    model = flat(0.0, 0.0)
    mel, voiced = level_mel(200, -4.0), given(200)[2]
    f0 = torch.full((1, 200), 100.0)
    hz, amplitudes = spectrum(model(mel, f0, torch.ones_like(voiced)), 44100)
    lines = [amplitudes[(hz - h).abs() < 3].abs().square().sum() for h in range(6500, 8500, 100)]
    decibels = 10 * torch.log10(torch.stack(lines))
    assert float((decibels - decibels.mean()).abs().max()) < 1.5


def test_every_weight_learns_and_a_frozen_lower_half_does_not():
    model = HarmonicGenerator(**SIZES, **WIDE)
    mel, f0, voiced = (x.expand(16, *x.shape[1:]) for x in given(30))
    wav, loss = model.with_pitch_loss(mel, f0, voiced)
    (wav.square().mean() + loss).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    low = {id(p) for part in model.low_parts() for p in part.parameters()}
    high = {id(p) for p in model.high.parameters()}
    assert low | high == {id(p) for p in model.parameters()} and not low & high


@pytest.mark.parametrize("low", ["finetuned", "frozen"])
def test_a_lower_half_that_is_kept_needs_another_vocoders_and_learns_unless_frozen(low):
    run, model = Mock(preset="p.toml", settings=Mock(low=low)), HarmonicGenerator(**SIZES, **WIDE)
    with pytest.raises(UserError, match=f'"{low}" keeps a trained lower half.*--warmstart'):
        keep_low(Namespace(warmstart=None, resume=None), model, run)
    with pytest.raises(UserError, match="at 16 kHz there is no other"):
        keep_low(Namespace(warmstart="v.pt", resume=None), HarmonicGenerator(**SIZES), run)
    keep_low(Namespace(warmstart="v.pt", resume=None), model, run)
    learns = {p.requires_grad for part in model.low_parts() for p in part.parameters()}
    assert learns == {low == "finetuned"} and all(p.requires_grad for p in model.high.parameters())


def test_a_band_knows_its_rate():
    assert wide().band == Band(44100, 32) and HarmonicGenerator(**SIZES).band == LOW


def breath(seed: int, rate: int = 44100) -> torch.Tensor:
    """Noise [1, 1, S] of one second."""
    return 0.1 * torch.randn(1, 1, rate, generator=torch.Generator().manual_seed(seed))


def lines(f0: float, rate: int = 44100) -> torch.Tensor:
    """Harmonics [1, 1, S] as loud as `breath` in every band."""
    wave = pulse_train(torch.full((1, 100), f0), hop=rate // 100, band=0.48 * rate)
    return (0.1 * wave / wave.square().mean().sqrt()).unsqueeze(1)


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 44100])
@pytest.mark.parametrize("name", ["fine", "periodicity"])
def test_a_long_window_tells_lines_from_breath_and_not_one_breath_from_another(name, rate):
    distance, real = getattr(losses, name), breath(0, rate)
    assert float(distance(real, real, rate)) == 0
    other, harmonic = (float(distance(x, real, rate)) for x in (breath(1, rate), lines(150.0, rate)))
    assert harmonic > {"fine": 2, "periodicity": 8}[name] * other


def test_tonality_is_that_of_noise_at_any_level_and_rate():
    means = [
        float(losses.tonality(gain * breath(0, rate), rate).mean())
        for gain in (1, 0.01)
        for rate in (16000, 44100)
    ]
    assert means == pytest.approx([math.log(4 / math.pi)] * 4, abs=0.03)


def test_what_lies_beyond_a_recordings_bandwidth_changes_no_gradient():
    made = breath(0).expand(2, -1, -1).clone().requires_grad_()
    real, other = breath(1).expand(2, -1, -1), breath(2).expand(2, -1, -1)
    highest = torch.tensor([8000.0, 20000.0])
    above = losses.within(other, torch.full((2,), 30000.0), 44100, 8100.0)  # what only the second may hold
    gradients = []
    for target in (real, real + above):
        wavs = (losses.within(x, highest, 44100) for x in (made, target))
        (found,) = torch.autograd.grad(losses.spectral(*wavs, 44100), made)
        gradients.append(found)
    assert torch.allclose(gradients[0][0], gradients[1][0], atol=1e-9)
    assert not torch.allclose(gradients[0][1], gradients[1][1], atol=1e-9)
    hz, felt = spectrum(gradients[0][0], 44100)
    assert felt[hz > 8100].abs().max() < 1e-3 * felt[hz < 7900].abs().max()


def test_the_loss_of_the_upper_half_does_not_look_below_it():
    real, below = breath(0), losses.within(breath(1), torch.tensor([6900.0]), 44100)
    cut = [losses.within(x, torch.tensor([20000.0]), 44100, losses.HIGH) for x in (real, real + below)]
    assert float(losses.spectral(*cut, 44100, losses.HIGH)) < 1e-4
    assert float(losses.spectral(real, real + below, 44100)) > 0.1


def test_discriminators_look_at_both_halves_or_above_alone():
    band, sizes = (
        Band(**WIDE),
        {"periods": [2], "windows": [512], "period_channels": 2, "spectrogram_channels": 2},
    )
    torch.manual_seed(0)
    both, above = BothHalves(band, True, **sizes), BothHalves(band, False, **sizes)

    def moved(discriminators, change) -> list[bool]:
        pairs = zip(discriminators(wav), discriminators(wav + change), strict=True)
        return [float((a[0] - b[0]).abs().mean() / a[0].std()) > 0.02 for a, b in pairs]

    wav, low, high = breath(0), *(breath(1) for _ in range(2))
    low = losses.within(low, torch.tensor([6000.0]), 44100)
    high = losses.within(high, torch.tensor([20000.0]), 44100, 9000.0)
    with torch.no_grad():
        assert moved(both, low) == [True, True, False] and moved(above, low) == [False]
        assert moved(both, high) == [False, False, True] and moved(above, high) == [True]


def test_a_wave_at_16_khz_is_that_of_its_lower_half():
    def tone(hertz: int, rate: int) -> torch.Tensor:
        return torch.sin(2 * math.pi * hertz / rate * torch.arange(rate, dtype=torch.float64)).float()

    wave = (tone(1000, 44100) + tone(12000, 44100)).reshape(1, 1, -1)
    assert torch.allclose(at_16_khz(wave, Band(**WIDE)).flatten(), tone(1000, SAMPLE_RATE), atol=1e-4)


@pytest.mark.parametrize("rate", [16000, 24000, 32000, 44100, 48000])
def test_windows_of_losses_and_discriminators_have_small_factors(rate):
    for seconds in (0.032, 0.064, 0.128):
        samples = left = window_samples(seconds, rate)
        for factor in (2, 3, 5):
            while left % factor == 0:
                left //= factor
        assert left == 1 and samples % 8 == 0 and abs(samples / rate / seconds - 1) < 0.03
