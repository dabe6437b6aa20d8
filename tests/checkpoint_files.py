"""Small checkpoints of ours, and synthetic files of the official models' names and shapes, for tests."""

import importlib.util
from pathlib import Path

import pytest
import torch

from checkpoints import hashes
from common.cli import UserError

GOLDEN = Path(__file__).parent / "golden"
TINY_HUBERT = {
    "classes": 7,
    "dim": 32,
    "conv_dim": 16,
    "heads": 2,
    "ff": 48,
    "layers": 2,
    "pos_kernel": 8,
    "pos_groups": 2,
    "unit_dim": 12,
}
TINY_ACOUSTIC = {"in_dim": 36, "prenet_dim": 16, "conv_dim": 16, "mel_prenet_dim": 8, "lstm_dim": 24}
TINY_VOCODER = {"channels": 32}


def load_make_state():
    spec = importlib.util.spec_from_file_location("make_state", GOLDEN / "make_state.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_state


make_state = load_make_state()


def old_names(state):
    return {hashes.canonical(name): tensor for name, tensor in state.items()}


def prefixed(state):
    return {f"module.{name}": tensor for name, tensor in state.items()}


def tiny(kind, **extra):
    """A small checkpoint of ours and the model it was made of."""
    from acoustic.model import AcousticModel
    from hubert_pitdyn.model import Hubert
    from vocoder.hifigan import HifiGan

    build, sizes = {"acoustic": (AcousticModel, TINY_ACOUSTIC), "hifigan": (HifiGan, TINY_VOCODER)}.get(
        kind, (Hubert, TINY_HUBERT)
    )
    torch.manual_seed(0)
    if kind in ("hubert-pits", "hubert-dyns"):
        sizes = {**sizes, "unit_kind": "label"}
    model = build(**sizes).eval().requires_grad_(False)  # with gradients on, torch rounds differently
    config = {"model": sizes, "toml": {}}
    data = {"kind": kind, "model": model.state_dict(), "config": config, "labels": None, "card": {}, **extra}
    return data, model


def sentence(call, *args):
    with pytest.raises(UserError) as error:
        call(*args)
    text = str(error.value)
    assert "\n" not in text and len(text) < 400 and str(args[0]) in text
    return text.replace(str(args[0]), "FILE")
