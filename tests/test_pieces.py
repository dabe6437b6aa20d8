"""Mels and waves made piece after piece are those of the whole, and each stage states how far it reaches."""

import numpy as np
import pytest
import torch
from small_acoustic import PARALLEL, SMALL, build

from audio import MEL_HOP, N_MELS
from common.lookahead import lookahead
from vocoder import pieces
from vocoder.griffin_lim import GriffinLim
from vocoder.harmonic import HarmonicGenerator
from vocoder.hifigan import HifiGan
from vocoder.istft import IstftGenerator

SIZES = {"n_mels": N_MELS, "dim": 16, "blocks": 2}


def decibels(found, wanted):
    assert found.shape == wanted.shape
    return 20 * np.log10(float((found - wanted).norm() / wanted.norm()) + 1e-12)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def cut(x, size, dim):
    return list(x.split(size, dim=dim))


def harmonic(**more):
    torch.manual_seed(0)
    model = HarmonicGenerator(**SIZES, pitch_dim=8, pitch_blocks=1, **more).eval()
    with torch.no_grad():
        model.head.weight.mul_(20)
        model.pitch_head.weight.mul_(50)
    return model


def hifigan():
    torch.manual_seed(0)
    model = HifiGan(N_MELS, channels=32, resblock_kernels=(3, 5)).eval().remove_weight_norm()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    return model


def istft():
    torch.manual_seed(0)
    return IstftGenerator(**SIZES).eval()


def wide():
    return harmonic(rate=44100, high_bands=32, high_dim=8, high_blocks=1)


VOCODERS = {
    "harmonic": harmonic,
    "wide": wide,
    "hifigan": hifigan,
    "istft": istft,
    "griffin_lim": lambda: GriffinLim(n_iter=4),
}


def mels(frames, n_mels=N_MELS):
    return -4 + 1.5 * random(1, n_mels, frames)


def melody(frames):
    """F0 with glides in Hz, and voicing with gaps."""
    at = torch.arange(frames)[None]
    return 180.0 + 60 * torch.sin(at / 37), (at % 90) < 70


@pytest.mark.parametrize("name", VOCODERS)
@torch.inference_mode()
def test_a_vocoder_gives_the_whole_piece_by_piece(name):
    vocoder = VOCODERS[name]()
    mel = mels(700, vocoder.band.n_mels)
    f0, voiced = melody(700)
    whole = vocoder(mel, f0, voiced)
    parts = zip(*(cut(x, 150, -1) for x in (mel, f0, voiced)), strict=True)
    found = list(pieces.synthesise(vocoder, parts))
    assert len(found) > 3 and decibels(torch.cat(found, dim=-1), whole) < -80


@torch.inference_mode()
def test_pulses_go_on_at_a_predicted_pitch_too():
    vocoder, mel = harmonic(), mels(700)
    parts = ((x, None, None) for x in cut(mel, 150, -1))
    found = torch.cat(list(pieces.synthesise(vocoder, parts)), dim=-1)
    assert decibels(found, vocoder(mel)) < -40  # the last digits of its F0 add up


@pytest.mark.parametrize("name", VOCODERS)
@torch.inference_mode()
def test_what_lies_beyond_a_vocoders_reach_changes_nothing(name):
    vocoder = VOCODERS[name]()
    mel = mels(200, vocoder.band.n_mels)
    f0, voiced = melody(200)
    other = mel.clone()
    other[..., 150:] = 2.0
    one, two = vocoder(mel, f0, voiced).flatten(), vocoder(other, f0, voiced).flatten()
    changed = one != two
    assert not changed[: vocoder.band.hop * (150 - vocoder.reach)].any() and changed.any()


def test_the_reach_of_a_vocoder_is_no_guess():
    """By the gradient of one sample, something nearly as far away as is stated has to do with it."""
    vocoder, mel = hifigan(), mels(80).requires_grad_()
    vocoder(mel)[0, 0, MEL_HOP * 40 + MEL_HOP // 2].backward()
    frames = torch.nonzero(mel.grad.abs().amax(dim=(0, 1)))
    assert vocoder.reach - 3 <= 40 - int(frames.min()) <= vocoder.reach
    assert vocoder.reach - 3 <= int(frames.max()) - 40 <= vocoder.reach


MODELS = {
    "parallel": PARALLEL,
    "autoregressive": SMALL,
    "autoregressive, frame": {**SMALL, "norm": "frame"},
    "parallel, instance": {**PARALLEL, "norm": "instance"},
}


@pytest.mark.parametrize("name", MODELS)
def test_mels_come_piece_by_piece_as_of_the_whole(name):
    model = build(**MODELS[name])
    units = random(1, 300, 24) * torch.linspace(0.2, 2, 300)[None, :, None]
    found = list(model.generate_pieces(lambda: cut(units, 70, 1)))
    assert len(found) == 5
    assert decibels(torch.cat(found, dim=1), model.generate(units)) < -80
    assert torch.equal(next(model.generate_pieces(lambda: [units])), model.generate(units))


@pytest.mark.parametrize("name", ["parallel", "autoregressive, frame"])
def test_what_lies_beyond_an_acoustic_models_reach_changes_nothing(name):
    model = build(**MODELS[name])
    units = random(1, 100, 24)
    other = units.clone()
    other[:, 60:] += 3.0
    one, two = model.generate(units), model.generate(other)
    changed = (one - two).abs().amax(dim=(0, 2)) > 1e-6
    first = int(torch.nonzero(changed).min()) // 2
    assert 60 - model.reach <= first < 60 - model.reach + 3


def test_what_is_live_waits_for_no_chunk():
    came = []

    def chunks():
        for chunk in torch.arange(20.0).split(5):
            came.append(chunk)
            yield (chunk,)

    waited = []
    for live in (True, False):
        came.clear()
        found = lookahead(chunks(), 2, 1, lambda parts, *_: parts[0], live)
        assert next(found).tolist() == [0, 1, 2]
        waited.append(len(came))
    assert waited == [1, 2] and list(lookahead([], 2, 1, None, live=True)) == []


def test_one_chunk_is_worked_on_as_it_is():
    x = torch.arange(5.0)
    seen = []
    assert [y.tolist() for y in lookahead([(x, None)], 3, 1, lambda parts, *_: seen.append(parts) or x)] == [
        x.tolist()
    ]
    assert seen[0][0] is x and seen[0][1] is None


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("sizes", [[1] * 20, [7, 7, 6], [3, 1, 1, 15], [20]])
def test_pieces_of_any_size_are_joined_without_gap(sizes, live):
    x = torch.arange(20.0)
    chunks = [(p,) for p in x.split(sizes)]
    found = torch.cat(list(lookahead(chunks, 4, 1, lambda parts, *_: parts[0], live)))
    assert torch.equal(found, x)
