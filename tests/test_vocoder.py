"""The vocoders: HiFi-GAN computes what the official model computes; Griffin-Lim inverts the log-mel."""

from pathlib import Path

import numpy as np
import pytest
import torch
from golden.make_state import make_state

from audio import MEL_HOP, N_MELS, SAMPLE_RATE, log_mel
from vocoder.griffin_lim import GriffinLim
from vocoder.hifigan import HifiGan

GOLDEN = Path(__file__).parent / "golden" / "golden.npz"
TINY = {"channels": 64, "resblock_kernels": (3, 5), "resblock_dilations": (1, 3)}


@pytest.fixture(scope="module")
def official():
    return make_state("hifigan-hubert-soft")


@pytest.fixture(scope="module")
def griffin_lim():
    return GriffinLim()


@pytest.fixture
def tiny():
    """A small generator whose output follows the mel: fresh weights are so small that its bias drowns it."""
    torch.manual_seed(0)
    model = HifiGan(**TINY)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("original0"):
                parameter.copy_(1 + 0.1 * torch.rand_like(parameter))
    return model


def random_mel(batch: int, frames: int) -> torch.Tensor:
    return torch.randn(batch, N_MELS, frames, generator=torch.Generator().manual_seed(2))


def test_generator_agrees_with_the_golden_wav(official):
    with np.load(GOLDEN) as golden:
        mel = torch.from_numpy(golden["acoustic_soft.generate"]).transpose(1, 2)
        expected = torch.from_numpy(golden["hifigan.wav"])
    model = HifiGan()
    model.load_state_dict(official, strict=True)
    with torch.no_grad():
        wav = model.remove_weight_norm().eval()(mel)
    assert wav.shape == expected.shape == (1, 1, 32000)
    assert float((wav - expected).abs().max()) < 1e-4


def test_removing_weight_norm_changes_names_but_not_sound(tiny):
    mel = random_mel(1, 6)
    with torch.no_grad():
        before = tiny(mel)
        assert tiny.remove_weight_norm() is tiny
        assert float((tiny(mel) - before).abs().max()) < 1e-5
    tiny.remove_weight_norm()
    assert {name.rpartition(".")[2] for name in tiny.state_dict()} == {"weight", "bias"}


def test_small_generator_length_batch_and_gradient(tiny):
    mel = random_mel(3, 7)
    wav = tiny(mel)
    assert wav.shape == (3, 1, 7 * MEL_HOP)
    with torch.no_grad():
        single = torch.cat([tiny(item.unsqueeze(0)) for item in mel])
    assert float(single.std()) > 0.05
    assert float((wav - single).detach().abs().max()) < 1e-5
    wav.square().mean().backward()
    for name, parameter in tiny.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_generator_frames_stay_in_place(tiny):
    """A change in mel frame j moves samples around 160j + 80, as many before as after."""
    tiny.double()
    mel, frame = random_mel(1, 61).double(), 30
    other = mel.clone()
    other[:, :, frame] += 1
    with torch.no_grad():
        moved = (tiny(mel) - tiny(other)).flatten().abs().nonzero().flatten()
    middle = float(moved.min() + moved.max()) / 2
    assert abs(middle - (frame * MEL_HOP + (MEL_HOP - 1) / 2)) <= 1


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"kernels": (21, 8, 4, 4)}, "even number"),
        ({"rates": (10, 4, 4)}, "even number"),
        ({"channels": 40}, "multiple of 16"),
        ({"resblock_kernels": (3, 4)}, "odd"),
    ],
)
def test_generator_sizes_that_do_not_fit_are_refused(sizes, words):
    with pytest.raises(ValueError, match=words):
        HifiGan(**sizes)


def harmonic(f0: float, vibrato: float = 0.0, seconds: float = 1.0) -> torch.Tensor:
    """Harmonics of falling strength with a moving level, [S]; vibrato as a share of f0, at 5 Hz."""
    t = torch.arange(int(seconds * SAMPLE_RATE), dtype=torch.float64) / SAMPLE_RATE
    phase = 2 * torch.pi * f0 * t - vibrato * f0 / 5 * torch.cos(2 * torch.pi * 5 * t)
    tones = sum(torch.sin(n * phase) / n for n in range(1, int(7000 / f0)))
    return (0.1 * tones * (0.6 + 0.4 * torch.sin(2 * torch.pi * 3 * t))).float()


@pytest.mark.parametrize(("f0", "vibrato"), [(100, 0.0), (220, 0.03), (600, 0.05)])
def test_griffin_lim_gives_back_the_log_mel(griffin_lim, f0, vibrato):
    wav = harmonic(f0, vibrato)
    mel = log_mel(wav)
    out = griffin_lim(mel.unsqueeze(0)).flatten()
    difference = (log_mel(out) - mel).abs()
    assert float(difference[mel > mel.max() - 9].mean()) < 0.2  # nepers; 78 dB below the peak and up
    level = 10 * torch.log10(out.square().mean() / wav.square().mean())
    assert abs(float(level)) < 0.5  # dB


@pytest.mark.parametrize("place", [3000, 8003])
def test_griffin_lim_keeps_clicks_and_onsets_in_place(griffin_lim, place):
    click = torch.zeros(SAMPLE_RATE)
    click[place] = 0.8
    tone = harmonic(300)
    onset = torch.where(torch.arange(SAMPLE_RATE) < place, 0.0, tone)
    clicked, started = griffin_lim(torch.stack([log_mel(click), log_mel(onset)]))[:, 0]
    assert abs(int(clicked.abs().argmax()) - place) < MEL_HOP / 2
    power = started.square().unfold(0, 64, 1).mean(dim=1)
    first = int((power > power[place : place + 2000].mean() / 2).nonzero()[0]) + 32
    assert abs(first - place) < MEL_HOP / 2


def test_griffin_lim_batch_equals_singles_and_itself(griffin_lim):
    mels = torch.stack([log_mel(harmonic(f0, seconds=0.5)) for f0 in (150, 400)])
    state = torch.get_rng_state()
    batch = griffin_lim(mels)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(batch, griffin_lim(mels))
    singles = torch.cat([griffin_lim(mel.unsqueeze(0)) for mel in mels])
    # How products are rounded depends on the batch on some processors, and every iteration enlarges that.
    together, alone = (torch.stack([log_mel(wav[0]) for wav in wavs]) for wavs in (batch, singles))
    assert float((together - alone).abs().mean()) < 0.03 < 0.3 < float((alone[0] - alone[1]).abs().mean())


@pytest.mark.parametrize("frames", [2, 3, 7])
def test_griffin_lim_length_of_short_mels(griffin_lim, frames):
    noise = griffin_lim(random_mel(2, frames))
    assert noise.shape == (2, 1, frames * MEL_HOP)
    assert torch.isfinite(noise).all() and noise.abs().max() > 0
    silence = griffin_lim(torch.full((1, N_MELS, frames), -11.5))
    assert float(silence.abs().max()) < 1e-3


def test_more_iterations_come_closer():
    mel = log_mel(harmonic(180, 0.02))
    errors = [
        float(
            (log_mel(GriffinLim(n)(mel.unsqueeze(0)).flatten()).exp() - mel.exp()).norm() / mel.exp().norm()
        )
        for n in (4, 60)
    ]
    assert errors[1] < 0.6 * errors[0]
