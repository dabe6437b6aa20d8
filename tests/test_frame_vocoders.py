"""What vocoders at frame rate share, windows of a wave; and the iSTFT generator."""

import torch
from test_vocoder import harmonic, random_mel

from audio import MEL_HOP
from vocoder import IstftGenerator
from vocoder.frames import WINDOW, analyse, overlap_add


def small() -> IstftGenerator:
    torch.manual_seed(0)
    model = IstftGenerator(dim=32, blocks=2)
    torch.nn.init.normal_(model.head.weight, std=0.1)  # fresh weights would be of one sound
    return model


def test_spectra_of_windows_add_up_to_the_wave_they_came_from():
    """Frame j is centred on 160j + 80, and its Hann window is the other half of a perfect reconstruction."""
    wav = harmonic(220, seconds=0.5)
    back = overlap_add(analyse(wav.unsqueeze(0)))
    assert back.shape == (1, 1, len(wav))
    assert float((back.flatten() - wav).abs().max()) < 1e-5


def test_istft_frames_stay_in_place():
    model, frame = small().double(), 30
    mel = random_mel(1, 61).double()
    other = mel.clone()
    other[:, :, frame] += 1
    with torch.no_grad():
        moved = (model(mel) - model(other)).flatten().abs().nonzero().flatten()
    assert abs(float(moved.min() + moved.max()) / 2 - (frame * MEL_HOP + (MEL_HOP - 1) / 2)) <= 1


def test_istft_length_batch_range_and_gradient():
    model, mel = small(), random_mel(3, 7)
    wav = model(mel)
    assert wav.shape == (3, 1, 7 * MEL_HOP) and float(wav.detach().abs().max()) <= 1
    with torch.no_grad():
        single = torch.cat([model(item.unsqueeze(0)) for item in mel])
    assert float((wav - single).detach().abs().max()) < 1e-5
    wav.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_phases_keep_their_precision_under_autocast():
    """A phase of hundreds of radians, rounded to bfloat16, would be any phase."""
    model, mel = small(), random_mel(1, 8)
    with torch.no_grad():
        model.head.bias[WINDOW // 2 + 1 :] += 300
        plain = model(mel)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model(mel)
    assert mixed.dtype == torch.float32
    assert float((mixed - plain).square().mean() / plain.square().mean()) < 0.02
