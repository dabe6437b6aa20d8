"""Acoustic models small enough for tests, with weights and inputs by seed."""

import torch

from acoustic.model import AcousticModel

TINY = {"prenet_dim": 256, "conv_dim": 256, "mel_prenet_dim": 128, "lstm_dim": 320}
PARALLEL = {
    "in_dim": 24,
    "prenet_dim": 20,
    "conv_dim": 28,
    "norm": "frame",
    "decoder": "parallel",
    "blocks": 2,
}
SMALL = {"in_dim": 24, "prenet_dim": 20, "conv_dim": 28, "mel_prenet_dim": 16, "lstm_dim": 36}


def build(seed=0, **sizes):
    torch.manual_seed(seed)
    return AcousticModel(**(sizes or SMALL)).eval()


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def distance(a, b):
    assert a.shape == b.shape
    return (a - b).abs().max().item()
