"""[N, 768]: the order of its parts, one run of a shared trunk, padded batches, buckets."""

import numpy as np
import pytest
import torch

from hubert_pitdyn.front_ends import Context, FeatureExtractor, LogMelExtractor
from hubert_pitdyn.heads import Head, TrunkHead, levels
from hubert_pitdyn.model import Hubert
from hubert_pitdyn.units import Analysis, PitDynEncoder, length_buckets

SIZES = {"dim": 32, "conv_dim": 16, "heads": 2, "ff": 64, "layers": 2, "pos_kernel": 16, "pos_groups": 4}


@pytest.fixture(scope="module", params=["waveform", "log_mel"])
def encoders(request):
    """The same content encoder with light heads on it, and with whole label models."""
    torch.manual_seed(0)
    content = Hubert(classes=8, front_end=request.param, **SIZES).eval()
    heads = [TrunkHead(content, Head(k, 2, 32, content.conv_dim, channels=32, depth=2)) for k in (100, 64)]
    whole = [Hubert(classes=k, unit_kind="label", **SIZES) for k in (100, 64)]
    return PitDynEncoder(content, *heads), PitDynEncoder(content, *whole)


@pytest.mark.parametrize("which", [0, 1])
def test_content_pit_dyn_in_this_order(encoders, which):
    encoder = encoders[which]
    wav = torch.randn(1, 1, 3200) * 0.1
    units = encoder(wav)
    assert units.shape == (1, 10, 768)
    for part, model in enumerate((encoder.content, encoder.pit, encoder.dyn)):
        assert torch.allclose(units[..., 256 * part : 256 * (part + 1)], model.units(wav), atol=1e-5)


def test_a_unit_is_the_expected_label_embedding(encoders):
    encoder = encoders[0]
    pit = torch.zeros(1, 1, 100)
    pit[..., 3], pit[..., 4] = 0.25, 0.75
    dyn = torch.nn.functional.one_hot(torch.tensor([[7]]), 64).float()
    units = encoder.embed(Analysis(torch.zeros(1, 1, 256), pit, dyn))[0, 0]
    table = encoder.pit.label_embedding.weight
    assert torch.allclose(units[256:512], 0.25 * table[3] + 0.75 * table[4], atol=1e-6)
    assert torch.equal(units[512:], encoder.dyn.label_embedding.weight[7])


def test_a_loudness_head_shares_the_run_of_the_pitch_model():
    torch.manual_seed(1)
    content = Hubert(classes=8, front_end="log_mel", **SIZES).eval()
    pit = Hubert(classes=100, unit_kind="label", norm="fixed", **SIZES).eval()
    dyn = TrunkHead(pit, Head(64, 2, 32, pit.conv_dim, channels=32, depth=2, level=True)).eval()
    encoder = PitDynEncoder(content, pit, dyn)
    calls = []
    pit.feature_extractor.register_forward_hook(lambda *_: calls.append(1))
    wavs, lengths = torch.randn(2, 1, 3200) * 0.1, torch.tensor([3200, 1600])
    wavs[1, :, 1600:] = 0
    together = encoder.analyse(wavs, lengths)
    assert len(calls) == 1
    for row, size in enumerate((10, 5)):
        alone = wavs[row : row + 1, :, : 320 * size]
        apart = content.units(alone), pit.distribution(alone), dyn.distribution(alone)
        for one, other in zip(together, apart, strict=True):
            assert torch.allclose(one[row : row + 1, :size], other, atol=1e-4)


def test_a_loudness_head_is_given_the_levels_of_the_wav_and_of_no_neighbour():
    wav = torch.randn(2, 1, 3200) * 0.1
    wav[1, 0, 320:384] = 0.0
    found = levels(wav)
    assert found.shape == (2, 10, 5) and found.isfinite().all()
    assert float(found[1, 1, 0]) == pytest.approx(-6) and float(found[1, 1, 1:].min()) > -1
    assert torch.allclose(levels(2 * wav)[0], found[0] + 0.60206, atol=1e-4)
    assert torch.equal(levels(wav, Context(2, 1, {})), found[:, 2:-1])
    torch.manual_seed(1)
    pit = Hubert(classes=100, unit_kind="label", norm="fixed", **SIZES).eval()
    with_levels, without = (
        Head(64, 2, 32, pit.conv_dim, depth=2, level=level).eval() for level in (True, False)
    )
    hidden = pit.hidden(wav)
    assert not torch.allclose(with_levels(*hidden, found), with_levels(*hidden, found + 1), atol=1e-3)
    assert torch.equal(without(*hidden, found), without(*hidden, found + 1))


def test_heads_share_one_run_of_the_trunk(encoders):
    runs = []
    for encoder in encoders:
        calls = []
        modules = {m for part in (encoder.content, encoder.pit, encoder.dyn) for m in part.modules()}
        extractors = [m for m in modules if isinstance(m, FeatureExtractor | LogMelExtractor)]
        hooks = [m.register_forward_hook(lambda *_, calls=calls: calls.append(1)) for m in extractors]
        encoder(torch.randn(1, 1, 1600))
        runs.append(len(calls))
        for hook in hooks:
            hook.remove()
    assert runs == [1, 3]


@pytest.mark.parametrize("which", [0, 1])
def test_a_padded_batch_gives_what_single_wavs_give(encoders, which):
    encoder = encoders[which]
    wavs = [torch.randn(n * 320) * 0.1 for n in (2, 17, 40)]
    lengths = torch.tensor([len(w) for w in wavs])
    batch = torch.nn.utils.rnn.pad_sequence(wavs, batch_first=True).unsqueeze(1)
    together = encoder(batch, lengths)
    for row, wav in enumerate(wavs):
        alone = encoder(wav.reshape(1, 1, -1))[0]
        assert torch.allclose(together[row, : len(wav) // 320], alone, atol=1e-4)


def test_distributions_sum_to_one(encoders):
    analysis = encoders[0].analyse(torch.randn(2, 1, 3200))
    for p in (analysis.pit, analysis.dyn):
        assert np.allclose(p.sum(-1).numpy(), 1, atol=1e-5)


def test_buckets_hold_each_name_once_within_the_budget():
    rng = np.random.default_rng(0)
    sizes = {f"n{i}": int(s) for i, s in enumerate(rng.integers(1, 50, 200))} | {"huge": 500}
    buckets = list(length_buckets(sizes, 100, most=8))
    assert sorted(n for b in buckets for n in b) == sorted(sizes)
    assert ["huge"] in buckets
    assert all(len(b) * max(sizes[n] for n in b) <= 100 and len(b) <= 8 for b in buckets if b != ["huge"])
