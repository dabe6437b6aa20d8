"""HuBERT computes what the official model computes, alone, in padded batches, and at other sizes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from golden.make_state import make_state

from audio import HUBERT_PAD, UNIT_HOP
from hubert_pitdyn.masks import time_mask, valid_frames
from hubert_pitdyn.model import Hubert

GOLDEN = Path(__file__).parent / "golden" / "golden.npz"
TINY = {"classes": 40, "dim": 256, "conv_dim": 160, "heads": 4, "ff": 512, "layers": 3, "unit_dim": 64}


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def official():
    with torch.device("meta"):
        model = Hubert()
    model.load_state_dict(make_state("hubert-soft"), strict=True, assign=True)
    return model.eval().requires_grad_(False)


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return Hubert(**TINY).eval()


def noise(batch: int, units: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(batch, 1, units * UNIT_HOP, generator=generator)


def padded_batch(lengths: list[int]) -> torch.Tensor:
    wav = noise(len(lengths), max(lengths) // UNIT_HOP)
    for item, length in zip(wav, lengths, strict=True):
        item[:, length:] = 0
        item *= 1 + length % 7  # levels differ, as the GroupNorm must not mix them
    return wav


def largest(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).detach().abs().max())


def test_every_tensor_of_the_golden_file(official, golden):
    conv, layers = official.hidden(golden["wav"])
    units = official.units(golden["wav"])
    assert largest(conv[..., ::8].transpose(1, 2), golden["hubert_soft.features"]) < 1e-4
    assert largest(layers[:, :, 1, ::8], golden["hubert_soft.layer1"]) < 1e-4
    assert largest(layers[:, :, 7, ::8], golden["hubert_soft.layer7"]) < 1e-4
    assert largest(units, golden["hubert_soft.units"]) < 1e-4
    assert largest(official(golden["wav"]), golden["hubert_soft.logits"]) < 1e-4
    assert torch.equal(official.encode(golden["wav"], layer=7), layers[:, :, 7])
    assert torch.equal(units, official.units(golden["wav"]))


def test_padded_items_equal_single_ones(official):
    lengths = [640, 4800, 16000]
    wav = padded_batch(lengths)
    logits = official(wav, torch.tensor(lengths))
    for i, length in enumerate(lengths):
        alone = official(wav[i : i + 1, :, :length])
        assert largest(logits[i : i + 1, : length // UNIT_HOP], alone) < 1e-4


def test_every_output_of_a_padded_batch_equals_single_calls(tiny):
    lengths = [640, 32000, 6400, 320]
    wav, sizes = padded_batch(lengths), torch.tensor(lengths)
    with torch.no_grad():
        batch = [tiny.features(wav, sizes), tiny.hidden(wav, sizes)[1], tiny.distribution(wav, sizes)]
        for i, length in enumerate(lengths):
            alone = wav[i : i + 1, :, :length]
            single = [tiny.features(alone), tiny.hidden(alone)[1], tiny.distribution(alone)]
            for together, lone in zip(batch, single, strict=True):
                assert largest(together[i : i + 1, : length // UNIT_HOP], lone) < 1e-4


def test_padding_without_lengths_is_seen(tiny):
    """The comparison above can fail: without lengths, zeros move the result by far more than 1e-4."""
    wav = padded_batch([640, 16000])
    with torch.no_grad():
        assert largest(tiny(wav)[:1, :2], tiny(wav[:1, :, :640])) > 1e-2


def test_older_names_load(official):
    state = make_state("hubert-soft")
    new = "positional_embedding.conv.parametrizations.weight.original"
    state["positional_embedding.conv.weight_g"] = state.pop(new + "0")
    state["positional_embedding.conv.weight_v"] = state.pop(new + "1")
    with torch.device("meta"):
        model = Hubert()
    model.load_state_dict(state, strict=True, assign=True)
    conv, expected = model.positional_embedding.conv, official.positional_embedding.conv
    assert torch.equal(conv.weight, expected.weight)


def test_logits_are_cosines_over_a_tenth(tiny):
    wav = noise(2, 9)
    with torch.no_grad():
        units, logits = tiny.units(wav), tiny(wav)
        cosine = torch.cosine_similarity(units.unsqueeze(2), tiny.label_embedding.weight, dim=-1)
    assert logits.shape == (2, 9, TINY["classes"])
    assert largest(logits, cosine / 0.1) < 1e-4


def test_label_units_are_expected_embeddings(tiny):
    wav = noise(1, 9)
    torch.manual_seed(0)
    labelled = Hubert(**TINY, unit_kind="label").eval()
    with torch.no_grad():
        probabilities = labelled.distribution(wav)
        assert largest(labelled.units(wav), probabilities @ labelled.label_embedding.weight) == 0
        assert largest(probabilities.sum(-1), torch.ones(1, 9)) < 1e-5
        assert largest(labelled.units(wav), tiny.units(wav)) > 1e-2


def test_mask_hides_exactly_its_frames(tiny):
    """Whatever the projection says of a masked frame, the transformer sees the mask vector there."""
    wav, mask = noise(1, 20), torch.zeros(1, 20, dtype=torch.bool)
    mask[:, 5:9] = True
    with torch.no_grad():
        assert largest(tiny(wav, mask=torch.zeros_like(mask)), tiny(wav)) == 0
        hidden = tiny.encode(wav, mask=mask)
        tiny.feature_projection.register_forward_hook(lambda _m, _i, out: out + mask.unsqueeze(-1))
        assert largest(tiny.encode(wav, mask=mask), hidden) == 0
        assert largest(tiny.encode(wav), hidden) > 1e-2


def test_dropout_is_the_only_randomness(tiny):
    wav = noise(2, 12)
    with torch.no_grad():
        assert torch.equal(tiny(wav), tiny(wav))
        tiny.train()
        assert not torch.equal(tiny(wav), tiny(wav))
        torch.manual_seed(3)
        still = Hubert(**TINY, dropout=0.0).train()
        assert torch.equal(still(wav), still.eval()(wav))


def test_every_weight_gets_a_finite_gradient(tiny):
    lengths = torch.tensor([640, 8000])
    wav, mask = padded_batch(lengths.tolist()), torch.zeros(2, 25, dtype=torch.bool)
    mask[:, 1] = True
    valid = valid_frames(lengths, 25)
    tiny.train()(wav, lengths, mask)[valid].square().mean().backward()
    for name, parameter in tiny.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_padding_gets_no_gradient(tiny):
    lengths = torch.tensor([640, 8000])
    wav = padded_batch(lengths.tolist()).requires_grad_()
    tiny(wav, lengths)[valid_frames(lengths, 25)].square().sum().backward()
    end = 640 + HUBERT_PAD  # zeros that the item alone is padded with, too
    assert wav.grad[0, :, :end].abs().max() > 0
    assert wav.grad[0, :, end:].abs().max() == 0


def test_bf16_autocast_stays_close(tiny):
    wav, lengths = padded_batch([3200, 9600]), torch.tensor([3200, 9600])
    with torch.no_grad():
        exact = tiny(wav, lengths)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough, units = tiny(wav, lengths), tiny.units(wav, lengths)
    assert rough.dtype == units.dtype == torch.float32
    assert largest(rough[1], exact[1]) < 0.3  # of logits within -10 .. 10
    tiny.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tiny(wav, lengths)[1].square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in tiny.parameters() if p.grad is not None)


def test_sizes_and_layers_out_of_range_are_refused(tiny):
    with pytest.raises(ValueError, match="multiple of heads 5"):
        Hubert(**{**TINY, "heads": 5})
    with pytest.raises(ValueError, match="unit_kind"):
        Hubert(**TINY, unit_kind="pitch")
    with pytest.raises(ValueError, match="layers 0 to 3"):
        tiny.encode(noise(1, 2), layer=4)


def test_time_mask_covers_the_expected_share():
    mask = time_mask(64, 250, generator=torch.Generator().manual_seed(0))
    assert mask.shape == (64, 250) and mask.dtype == torch.bool
    assert abs(float(mask.float().mean()) - (1 - np.exp(-0.8))) < 0.04
    again = time_mask(64, 250, generator=torch.Generator().manual_seed(0))
    assert torch.equal(mask, again)
    edges = torch.diff(mask.int(), dim=1, prepend=torch.zeros(64, 1, dtype=torch.int32)) == 1
    starts = edges[:, :241].nonzero()
    assert all(mask[b, n : n + 10].all() for b, n in starts.tolist())


@pytest.mark.parametrize("frames", [1, 2, 5, 19])
def test_time_mask_of_short_clips(frames):
    mask = time_mask(200, frames, generator=torch.Generator().manual_seed(1))
    assert mask.shape == (200, frames)
    assert 0.3 < float(mask.float().mean()) < 0.95
