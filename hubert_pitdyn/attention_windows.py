"""Windows in which the transformer sees a long recording: cost grows with length, and not with its square.

Letters as in model.py. Results either side of a seam are as near to those of longer windows as any others.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 750  # units in a window, 15 s: with more, attention takes more time, with fewer, the overlap
WINDOW_OVERLAP = 25  # units at either end of a window that another one gives, where there is one
WINDOW_HOP = WINDOW - 2 * WINDOW_OVERLAP


def count_windows(frames: int) -> int:
    """How many windows so many frames take."""
    return max(1, -(-(frames - WINDOW_OVERLAP) // WINDOW_HOP))


def windows_of(frames: int) -> Iterator[tuple[int, int, int, int]]:
    """(first frame, end, first and end of those that it gives) of each window of so many frames."""
    last = count_windows(frames) - 1
    for number in range(last + 1):
        first = number * WINDOW_HOP
        gives = first + WINDOW_OVERLAP if number else 0
        end = frames if number == last else first + WINDOW_OVERLAP + WINDOW_HOP
        yield first, min(first + WINDOW, frames), gives, end


def cut_windows(x: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """x [B, N, E], valid bool [B, N] or None (all) -> windows [B * W, M, E], and which frames in them are.

    One window is the input itself. A window that lies behind its item is all valid: attention to nothing is
    not defined, and nobody reads it.
    """
    batch, frames = x.shape[:2]
    windows = count_windows(frames)
    if windows == 1:
        return x, valid
    if valid is None:
        valid = torch.ones(batch, frames, dtype=torch.bool, device=x.device)
    behind = (windows - 1) * WINDOW_HOP + WINDOW - frames
    pieces = F.pad(x, (0, 0, 0, behind)).unfold(1, WINDOW, WINDOW_HOP)  # [B, W, E, M]
    inside = F.pad(valid, (0, behind)).unfold(1, WINDOW, WINDOW_HOP).flatten(0, 1)
    return pieces.transpose(2, 3).flatten(0, 1), inside | ~inside.any(dim=1, keepdim=True)


def join_windows(x: Tensor, frames: int | None) -> Tensor:
    """What was made of the windows, [B * W, M, E] -> [B, frames, E]; None: x is one window alone."""
    windows = 1 if frames is None else count_windows(frames)
    if windows == 1:
        return x
    pieces = x.unflatten(0, (-1, windows))
    parts = [pieces[:, 0, : WINDOW_OVERLAP + WINDOW_HOP]]
    parts += [pieces[:, w, WINDOW_OVERLAP : WINDOW_OVERLAP + WINDOW_HOP] for w in range(1, windows)]
    return torch.cat(parts, dim=1)[:, :frames]
