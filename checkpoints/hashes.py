"""Weights named by a hash of what a model computes with."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

HASH_DIGITS = 16  # hex digits that name a file or a set of weights


def state_hash(state: dict[str, Tensor]) -> str:
    """16 hex digits of names, types, shapes and contents of a state dict: what a model computes with.

    Independent of order, device, `module.`, of how weight norm is spelled and of whatever else a file holds.
    Voice cards name encoders, heads and vocoders by it. Take a vocoder's from its file
    (`file_format.weights_hash`), not from a loaded one: folding weight norm is arithmetic, which may round
    differently elsewhere.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(((canonical(n), t) for n, t in state.items()), key=lambda item: item[0]):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:HASH_DIGITS]


def canonical(name: str) -> str:
    """A parameter's name however it was wrapped and by whichever weight norm of torch it was made."""
    name = name.removeprefix("module.")
    name = name.replace(".parametrizations.weight.original0", ".weight_g")
    return name.replace(".parametrizations.weight.original1", ".weight_v")
