"""Long inputs in overlapping windows, for a transformer that knows only so many places in time.

Frame k is taken from window max(0, (k - OVERLAP) // HOP), whatever the length of its item or of the batch, so
that an item of a padded batch gets what it gets alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SIZE = 1500  # units in a window: 30 s
OVERLAP = 200  # units at either end of a window that another one gives, where there is one
HOP = SIZE - 2 * OVERLAP


def count(frames: int) -> int:
    """How many windows so many frames take."""
    return max(1, -(-(frames - OVERLAP) // HOP))


def cut(x: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """x [B, N, E], valid bool [B, N] or None (all) -> windows [B * W, M, E], and which frames in them are.

    One window is the input itself. A window that lies behind its item is all valid: attention to nothing is
    not defined, and nobody reads it.
    """
    batch, frames = x.shape[:2]
    windows = count(frames)
    if windows == 1:
        return x, valid
    if valid is None:
        valid = torch.ones(batch, frames, dtype=torch.bool, device=x.device)
    behind = (windows - 1) * HOP + SIZE - frames
    pieces = F.pad(x, (0, 0, 0, behind)).unfold(1, SIZE, HOP)  # [B, W, E, M]
    inside = F.pad(valid, (0, behind)).unfold(1, SIZE, HOP).flatten(0, 1)
    return pieces.transpose(2, 3).flatten(0, 1), inside | ~inside.any(dim=1, keepdim=True)


def joined(x: Tensor, frames: int) -> Tensor:
    """What was made of the windows, [B * W, M, E] -> [B, frames, E]."""
    windows = count(frames)
    if windows == 1:
        return x
    pieces = x.unflatten(0, (-1, windows))
    parts = [pieces[:, 0, : OVERLAP + HOP]]
    parts += [pieces[:, w, OVERLAP : OVERLAP + HOP] for w in range(1, windows)]
    return torch.cat(parts, dim=1)[:, :frames]
