"""How an acoustic model is called in training: with the true mel before each frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def shift_right(mels: Tensor) -> Tensor:
    """Teacher input of the decoder: each frame of [B,T,128] sees the one before, the first sees zeros."""
    return torch.cat([torch.zeros_like(mels[:, :1]), mels[:, :-1]], dim=1)


def predict(model: nn.Module, batch: dict[str, Tensor], beside: str = "") -> Tensor:
    """Teacher-forced mels [B,T,128]. beside: what the names of the tensors begin with."""
    units, mels, lengths, valid = (batch[beside + name] for name in ("units", "mels", "lengths", "valid"))
    return model(units, shift_right(mels), None if bool(valid.all()) else lengths)
