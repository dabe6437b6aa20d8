"""A decoder that makes all mel frames at once, from the encoder's frames alone.

The autoregressive decoder is given the true previous frame while it is trained. That frame tells its pitch,
so the units' pitch goes unheard, and a conversion follows a pitch of its own making.
"""

import torch
from torch import nn

from audio import N_MELS

# Log-mels of speech at the training level lie around here, so that training begins near them.
MEL_MEAN, MEL_STD = -6.0, 2.2
KERNEL = 7  # frames
EXPANSION = 3


class Block(nn.Module):
    """A residual block as in ConvNeXt (Liu et al., CVPR 2022): [B, T, dim] -> [B, T, dim]."""

    def __init__(self, dim: int):
        super().__init__()
        self.depthwise = nn.Conv1d(dim, dim, KERNEL, padding=KERNEL // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.wide = nn.Linear(dim, EXPANSION * dim)
        self.back = nn.Linear(EXPANSION * dim, dim)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """mask [B, T, 1] is 1 on valid frames."""
        y = self.depthwise((x * mask).transpose(1, 2)).transpose(1, 2)
        return x + self.back(nn.functional.gelu(self.wide(self.norm(y))))


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
