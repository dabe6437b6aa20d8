"""A decoder that makes all mel frames at once, from the encoder's frames alone.

The autoregressive decoder is given the true previous frame while it is trained. That frame tells its pitch,
so the units' pitch goes unheard, and a conversion follows a pitch of its own making.
"""

import torch
from torch import nn

from audio import MEL_MEAN, MEL_STD, N_MELS
from convnext import Block


class ParallelDecoder(nn.Module):
    """Encoder frames [B, T, conv_dim] to log-mel [B, T, n_mels]."""

    def __init__(self, conv_dim: int, blocks: int, n_mels: int = N_MELS):
        super().__init__()
        self.blocks = nn.ModuleList(Block(conv_dim) for _ in range(blocks))
        self.norm = nn.LayerNorm(conv_dim)
        self.proj = nn.Linear(conv_dim, n_mels)

    def forward(self, encoded: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """mask [B, T, 1] is 1 on valid frames; what is beyond them reaches no other frame."""
        x = encoded
        for block in self.blocks:
            x = block(x, mask)
        return MEL_MEAN + MEL_STD * self.proj(self.norm(x)).float()
