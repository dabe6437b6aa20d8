"""What vocoders at frame rate share, windows of a wave; and the iSTFT generator."""

import pytest
import torch
from test_vocoder import harmonic, random_mel

from audio import MEL_HOP
from vocoder import IstftGenerator
from vocoder.frames import Windows


def small() -> IstftGenerator:
    torch.manual_seed(0)
    model = IstftGenerator(dim=32, blocks=2)
    torch.nn.init.normal_(model.head.weight, std=0.1)  # fresh weights would be of one sound
    return model


@pytest.mark.parametrize("hop", [160, 441, 480])
def test_spectra_of_windows_add_up_to_the_wave_they_came_from(hop):
    """Of an odd hop, too; and a window has 40 ms and a bin 25 Hz."""
    windows, wav = Windows(hop), harmonic(220, seconds=0.5)[: 15 * hop]
    spectra = windows.analyse(wav.unsqueeze(0))
    back = windows.overlap_add(spectra)
    assert spectra.shape == (1, 15, windows.bins) and windows.bins == 2 * hop + 1
    assert back.shape == (1, 1, len(wav))
    assert float((back.flatten() - wav).abs().max()) < 1e-5


@pytest.mark.parametrize("hop", [160, 441, 480])
def test_a_window_is_centred_on_its_frame(hop):
    """A click in the middle of frame 7 is in the windows either side as much, but for half a sample."""
    windows, wav = Windows(hop), torch.zeros(1, 15 * hop)
    wav[0, 7 * hop + hop // 2] = 1.0
    energy = windows.analyse(wav).abs().square().sum(-1)[0]
    assert int(energy.argmax()) == 7 and windows.late in (0.0, 0.5)
    assert float(energy[8] / energy[6]) == pytest.approx(1.0, abs=8 / hop)


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
        model.head.bias[Windows().bins :] += 300
        plain = model(mel)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model(mel)
    assert mixed.dtype == torch.float32
    assert float((mixed - plain).square().mean() / plain.square().mean()) < 0.02
