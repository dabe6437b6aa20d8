"""Which frames of a batch count, and which are hidden in training. Letters as in model.py."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from audio import UNIT_HOP


def valid_frames(lengths: Tensor | None, frames: int, device: torch.device | None = None) -> Tensor | None:
    """lengths [B] in samples -> bool [B, N], true on the units inside each item (None stays None)."""
    if lengths is None:
        return None
    counts = torch.as_tensor(lengths, device=device) // UNIT_HOP
    return torch.arange(frames, device=device) < counts.unsqueeze(1)


def time_mask(
    batch: int,
    frames: int,
    probability: float = 0.8,
    span: int = 10,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Random spans to hide in training -> bool [B, N], as wav2vec 2.0 (Baevski et al., 2020) draws them.

    Each frame starts a span of `span` frames with chance probability / span. Starts differ but spans
    overlap, so that about 1 - exp(-probability) of the frames are hidden. In clips shorter than two spans
    a span is half the clip. The generator is a CPU one.
    """
    span = max(1, min(span, frames // 2))
    places = frames - span + 1
    counts = (probability * frames / span + torch.rand(batch, generator=generator)).long()
    order = torch.rand(batch, places, generator=generator).argsort(dim=1)
    starts = (order < counts.unsqueeze(1)).float()
    return F.max_pool1d(F.pad(starts, (span - 1, span - 1)), span, stride=1) > 0
