"""A vocoder that draws magnitudes and phases of an inverse STFT, as Vocos does (see frames.py)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audio import N_MELS
from bands import LOW
from common.layers import reach
from vocoder.frames import WINDOW_REACH, Trunk, Windows, initialise

LOG_MAX = 4.6  # of a magnitude; a sine at full scale has ln 160 = 5.1, speech at the training level 4 at most

WINDOWS = Windows()


class IstftGenerator(nn.Module):
    """ConvNeXt blocks on mel frames, then for each a spectrum whose windows are added up.

    dim: channels; blocks: how many. log-mel [B, n_mels, T] -> wav [B, 1, 160T], on the grid of audio.log_mel.
    """

    conditioned_on_f0 = False
    band = LOW
    level_db: float | None = None

    def at_16_khz(self) -> IstftGenerator:
        """Itself, which has no other rate."""
        return self

    def __init__(self, n_mels: int = N_MELS, dim: int = 384, blocks: int = 8):
        super().__init__()
        self.trunk = Trunk(dim, blocks, n_mels)
        self.head = nn.Linear(dim, 2 * WINDOWS.bins)
        initialise(self)

    @property
    def reach(self) -> int:
        """Mel frames either side that have to do with a sample."""
        return reach(self.trunk) + WINDOW_REACH

    def forward(self, mel: Tensor, f0: Tensor | None = None, voiced: Tensor | None = None) -> Tensor:
        """mel [B, n_mels, T] -> wav [B, 1, 160T], cut to -1 .. 1."""
        x = self.trunk(mel)
        # A phase of half precision would be wrong by tenths of a radian, and FFTs need single precision.
        with torch.autocast(mel.device.type, enabled=False):
            log_magnitude, phase = self.head(x.to(mel.dtype)).chunk(2, dim=-1)
            spectrum = torch.polar(log_magnitude.clamp(max=LOG_MAX).exp(), phase)
            return WINDOWS.overlap_add(spectrum).clamp(-1, 1)

    def remove_weight_norm(self) -> IstftGenerator:
        """There is none to fold; every vocoder has this call before inference."""
        return self
