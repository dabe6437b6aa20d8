"""A voice of 16 kHz as the beginning of one with rows of mel above 8 kHz, and rows without recordings."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from acoustic.model import AcousticModel
from audio import LOG_FLOOR, MEL_MEAN, MEL_STD, N_MELS
from bands import HIGH_MEAN

LAST = "decoder.proj"  # the only layer that rows of mel have to do with


def widen(state: dict[str, Tensor], high_bands: int) -> dict[str, Tensor]:
    """Weights of 128 rows -> of 128 + high_bands: the first stay, those above are HIGH_MEAN throughout."""
    weight, bias = state[f"{LAST}.weight"], state[f"{LAST}.bias"]
    above = weight.new_zeros(high_bands, weight.shape[1])
    level = bias.new_full((high_bands,), (HIGH_MEAN - MEL_MEAN) / MEL_STD)
    grown = {f"{LAST}.weight": torch.cat([weight, above]), f"{LAST}.bias": torch.cat([bias, level])}
    return {**state, **grown}


@torch.no_grad()
def silence_from(model: AcousticModel, rows: int) -> None:
    """Rows above 8 kHz from row `rows` on are silence, whatever the units: no recording holds sound there.

    A loss that leaves them out gives them no gradient, and so they stay as they began.
    """
    model.decoder.proj.weight[N_MELS + rows :] = 0.0
    model.decoder.proj.bias[N_MELS + rows :] = (math.log(LOG_FLOOR) - MEL_MEAN) / MEL_STD
