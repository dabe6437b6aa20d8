"""Products of matrices in bfloat16 during a conversion, where a processor computes in it.

They are most of the work, and take half of the time so; docs/performance.md has what that changes. What needs
single precision has it, as in a training with `--amp`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from common.devices import choose_amp


def choice(name: str, device: torch.device) -> torch.dtype | None:
    """`choose_amp` for conversions: on a GPU none, where it was not tried."""
    return choose_amp(name, device) if device.type == "cpu" else None


def lower(name: str, device: torch.device, *models: nn.Module) -> None:
    """Let `products` of these models and of all their parts be in the `choice`."""
    dtype = choice(name, device)
    for model in models:
        for part in model.modules():
            part.products = dtype


def products(model: nn.Module, like: Tensor) -> AbstractContextManager:
    """What a model computes in, on the device of `like`; where it was not lowered, what it is called in."""
    dtype = getattr(model, "products", None)
    return nullcontext() if dtype is None else torch.autocast(like.device.type, dtype=dtype)
