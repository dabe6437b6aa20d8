"""The harmonic vocoder: the pitch that it predicts or is given, voicing, noise, what devices lack."""

import math

import numpy as np
import pytest
import torch
from test_vocoder import random_mel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from audio import MEL_HOP, SAMPLE_RATE
from vocoder import HarmonicGenerator, excitation
from vocoder.excitation import (
    HIGH_VOICE,
    LOW_VOICE,
    UNKNOWN,
    UNVOICED,
    VOICED,
    _distance,
    blurred,
    pulse_envelope,
    unvoiced_near_voiced,
)
from vocoder.frames import Windows
from vocoder.harmonic import HIGHEST, LOWEST, PITCHES, hertz, pitch_loss, place

BINS = Windows().bins
EDGE, FADE = round(excitation.EDGE * MEL_HOP), round(excitation.FADE * MEL_HOP)  # samples


class Portable(TorchDispatchMode):
    """Refuses what Apple's GPUs lack."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert "cummax" not in str(func)
        made = func(*args, **(kwargs or {}))
        found = [x.dtype for x in tree_leaves(made) if isinstance(x, torch.Tensor)]
        assert torch.float64 not in found and torch.complex128 not in found, func
        return made


@pytest.mark.parametrize("band", [{}, {"rate": 44100, "high_bands": 8}])
def test_a_wave_is_made_without_doubles(band):
    model = HarmonicGenerator(dim=16, blocks=1, pitch_dim=16, pitch_blocks=1, **band).eval()
    f0, voiced = torch.full((1, 40), 200.0), torch.arange(40)[None] > 20
    mel = torch.randn(1, model.band.n_mels, 40)
    with torch.no_grad(), Portable():
        model(mel, f0, voiced)
        model(mel)


def test_distances_to_a_change_of_voicing_are_counted_in_samples():
    marked = torch.zeros(2, 3000, dtype=torch.bool)
    marked[0, [5, 900, 904]] = True
    found = _distance(marked, float(FADE))
    places = torch.arange(3000)
    nearest = torch.stack([(places - at).abs() for at in (5, 900, 904)]).amin(0)
    assert torch.equal(found[0], nearest.clamp(max=FADE).float()) and bool((found[1] == FADE).all())


def certain(f0: torch.Tensor, voicing: float) -> torch.Tensor:
    """Logits [..., PITCHES + 1] of a pitch in Hz and of its voicing."""
    pitch = -((torch.arange(PITCHES) - place(f0).unsqueeze(-1)) ** 2) / 2
    return torch.cat([pitch, torch.full_like(pitch[..., :1], voicing)], dim=-1)


def test_pitch_there_and_back():
    f0 = torch.tensor([[LOWEST + 10, 97.0, 440.0, HIGHEST - 100]])
    assert torch.allclose(hertz(certain(f0, 0.0)), f0, rtol=1e-3)


def test_pitch_loss_counts_where_pitch_is_known():
    f0 = torch.tensor([[200.0, 200.0, 0.0, 2 * HIGHEST]])
    voiced = torch.tensor([[True, False, False, True]])
    blank = math.log(PITCHES) + math.log(2)
    logits = torch.zeros(1, 4, PITCHES + 1)
    assert float(pitch_loss(logits, f0, voiced)) == pytest.approx(blank, rel=1e-4)
    logits[:, 2:, :PITCHES] = torch.randn(1, 2, PITCHES)
    assert float(pitch_loss(logits, f0, voiced)) == pytest.approx(blank, rel=1e-4)
    logits[0, 0] = certain(f0[0, 0], 0.0)
    assert float(pitch_loss(logits, f0, voiced)) < blank - 1
    assert float(pitch_loss(logits, torch.zeros(1, 4), voiced)) == pytest.approx(math.log(2))
    logits[..., PITCHES] = torch.where(voiced, 20.0, -20.0)
    assert float(pitch_loss(logits, torch.zeros(1, 4), voiced)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("voicing", [20.0, -20.0])
def test_harmonic_vocoder_goes_by_the_pitch_it_predicts(voicing):
    """Fresh weights with a pitch head that says 300 Hz: it comes out, or noise where that is unvoiced."""
    torch.manual_seed(0)
    model = HarmonicGenerator(dim=16, blocks=1, pitch_dim=8, pitch_blocks=1).eval()
    with torch.no_grad():
        model.pitch_head.bias.copy_(certain(torch.tensor(300.0), voicing))
        model.pitch_head.weight.zero_()
        wav = model(random_mel(1, 100)).flatten()
    spectrum = np.abs(np.fft.rfft(wav.numpy() * np.hanning(len(wav))))
    low = spectrum[: 450 * len(wav) // SAMPLE_RATE]
    tonal = low.max() > 20 * np.median(low)
    assert tonal == (voicing > 0)
    if tonal:
        assert low.argmax() * SAMPLE_RATE / len(wav) == pytest.approx(300, abs=2)


def test_harmonic_vocoder_goes_by_the_pitch_it_is_given():
    """It predicts 300 Hz; given that it does the same, and given 200 Hz it goes by that."""
    torch.manual_seed(0)
    model = HarmonicGenerator(dim=16, blocks=1, pitch_dim=8, pitch_blocks=1).eval()
    mel = random_mel(1, 100)
    with torch.no_grad():
        model.pitch_head.bias.copy_(certain(torch.tensor(300.0), 20.0))
        model.pitch_head.weight.zero_()
        predicted = hertz(certain(torch.full((1, 100), 300.0), 20.0))
        voiced = torch.ones(1, 100, dtype=torch.bool)
        own, same = model(mel), model(mel, predicted, voiced)
        other = model(mel, torch.full((1, 100), 200.0), voiced)
    assert torch.allclose(own, same, atol=1e-5)
    spectrum = np.abs(np.fft.rfft(other.flatten().numpy() * np.hanning(other.numel())))
    low = spectrum[: 250 * other.numel() // SAMPLE_RATE]
    assert low.argmax() * SAMPLE_RATE / other.numel() == pytest.approx(200, abs=2)


def test_no_pulse_sounds_on_frames_given_as_unvoiced():
    """A window after the last voiced frame there is nothing but noise, whatever the mel sounds like."""
    torch.manual_seed(0)
    model = HarmonicGenerator(dim=16, blocks=1, pitch_dim=8, pitch_blocks=1).eval()
    mel, half = random_mel(1, 100), torch.arange(100)[None] < 50
    with torch.no_grad():
        model.pitch_head.bias.copy_(certain(torch.tensor(300.0), 20.0))
        model.pitch_head.weight.zero_()
        given = torch.full((1, 100), 300.0)
        none, some = (model(mel, given, voiced).flatten() for voiced in (half & ~half, half))
        nothing = model(mel, torch.zeros(1, 100), half & ~half).flatten()
    assert torch.isfinite(nothing).all() and torch.allclose(nothing, none, atol=1e-5)
    pulses = (some - none).abs()
    before, after = pulses[: 49 * MEL_HOP].mean(), pulses[56 * MEL_HOP :].max()
    assert before > 0.01 and after < 1e-5


def test_a_high_voice_swells_and_dies_away_within_its_own_frames():
    given = torch.full((1, 40), UNVOICED)
    given[0, 10:20], given[0, 21:22], given[0, 30:] = VOICED, VOICED, UNKNOWN
    strength = pulse_envelope(given, torch.full((1, 40), 2 * HIGH_VOICE))[0]
    predicted = (given[0] != UNVOICED).repeat_interleave(MEL_HOP)
    assert torch.equal(strength > 0, predicted)
    first, last, rise = 10 * MEL_HOP, 20 * MEL_HOP, torch.arange(1, FADE + 1) / FADE
    assert torch.allclose(strength[first : first + FADE], rise)
    assert torch.allclose(strength[last - FADE : last], rise.flip(0))
    assert torch.all(strength[first + FADE : last - FADE] == 1)
    assert strength[21 * MEL_HOP : 22 * MEL_HOP].max() == pytest.approx(MEL_HOP / 2 / FADE)
    assert strength[-1] == 1  # a crop's end is no end of a voice


def test_a_low_voice_swells_about_the_edges_of_its_frames_and_others_between():
    given = torch.full((1, 40), UNVOICED)
    given[0, 10:20] = VOICED
    low, between = (
        pulse_envelope(given, torch.full((1, 40), f0))[0]
        for f0 in (LOW_VOICE / 2, (LOW_VOICE * HIGH_VOICE) ** 0.5)
    )
    first = 10 * MEL_HOP
    assert (
        low[first - EDGE - 1] == 0 and low[first + EDGE] == 1 and low[first] == pytest.approx(0.5, abs=0.01)
    )
    edge = slice(first - EDGE, first + EDGE)
    assert torch.allclose(low[edge] + low[edge].flip(0), torch.ones(2 * EDGE), atol=0.01)
    assert between[first - EDGE] == 0 < between[first] < low[first]
    assert between[first + EDGE] < 1 == between[first + FADE]


def test_given_voicing_reaches_the_noise_too_and_what_is_predicted_does_not():
    torch.manual_seed(0)
    model = HarmonicGenerator(dim=16, blocks=1, pitch_dim=8, pitch_blocks=1).eval()
    mel, given = random_mel(1, 60), torch.full((1, 60), 300.0)
    none, every = (torch.full((1, 60), voiced) for voiced in (False, True))
    with torch.no_grad():
        before, own = model(mel, given, none), model(mel)
        model.told.weight[UNVOICED] = torch.randn(16)
        assert not torch.allclose(model(mel, given, none), before, atol=1e-3)
        assert torch.equal(model(mel), own)
        voiced = model(mel, given, every)
        model.told.weight[VOICED] = torch.randn(16)
        assert not torch.allclose(model(mel, given, every), voiced, atol=1e-3)


def test_noise_beside_a_voice_has_no_harmonics_and_other_noise_is_left_alone():
    given = torch.full((1, 40), UNVOICED)
    given[0, 10:20], given[0, 30:] = VOICED, UNKNOWN
    near = unvoiced_near_voiced(given)[0]
    assert near.nonzero().flatten().tolist() == [6, 7, 8, 9, 20, 21, 22, 23]
    comb = torch.cos(2 * math.pi * torch.arange(BINS) * 25 / 250).expand(1, 1, -1)  # harmonics of 250 Hz
    slope = torch.linspace(0, -4, BINS).expand(1, 1, -1)
    assert float((blurred(comb + slope) - slope)[..., 20:-20].abs().max()) < 0.2
    assert blurred(comb).shape == comb.shape


def test_half_of_the_training_waves_are_given_their_pitch():
    """It predicts 300 Hz; of many waves about half have the 200 Hz that they are given."""
    torch.manual_seed(0)
    model = HarmonicGenerator(dim=16, blocks=1, pitch_dim=8, pitch_blocks=1).train()
    mel, every = random_mel(1, 100).expand(40, -1, -1), torch.ones(40, 100, dtype=torch.bool)
    with torch.no_grad():
        model.pitch_head.bias.copy_(certain(torch.tensor(300.0), 20.0))
        model.pitch_head.weight.zero_()
        wavs, _ = model.with_pitch_loss(mel, torch.full((40, 100), 200.0), every)
    spectra = np.abs(np.fft.rfft(wavs[:, 0].numpy() * np.hanning(wavs.shape[-1])))
    peaks = spectra[:, : 350 * wavs.shape[-1] // SAMPLE_RATE].argmax(1) * SAMPLE_RATE / wavs.shape[-1]
    given, predicted = np.abs(peaks - 200) < 3, np.abs(peaks - 300) < 3
    assert np.all(given | predicted) and 10 < given.sum() < 30


def test_harmonic_vocoder_draws_its_noise_anew_only_in_training():
    model, mel = HarmonicGenerator(dim=16, blocks=1, pitch_dim=8, pitch_blocks=1), random_mel(2, 30)
    with torch.no_grad():
        assert not torch.equal(model.train()(mel), model(mel))
        one, two = model.eval()(mel), model(mel)
    assert torch.equal(one, two) and one.shape == (2, 1, 30 * MEL_HOP)


def test_harmonic_vocoder_passes_a_gradient_to_every_weight():
    model = HarmonicGenerator(dim=16, blocks=2, pitch_dim=8, pitch_blocks=1)
    mel, f0, voiced = random_mel(16, 30), torch.full((16, 30), 200.0), torch.arange(30).expand(16, -1) < 20
    wav, loss = model.with_pitch_loss(mel, f0, voiced)  # some of sixteen are given it
    (wav.square().mean() + loss).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
