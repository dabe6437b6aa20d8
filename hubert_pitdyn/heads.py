"""Light heads that read labels from a frozen trunk: trained in minutes, and HuBERT runs once, not thrice."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audio import UNIT_HOP
from hubert_pitdyn.front_ends import Context
from hubert_pitdyn.masks import valid_frames
from hubert_pitdyn.model import Hubert, label_logits

PIECES = 5  # of a unit, whose levels a head may be given: 4 ms each
SILENCE, SPEECH = 1e-8, 1e-2  # power re full scale: below the first there is no sound; about that of speech


def levels(wav: Tensor, context: Context | None = None) -> Tensor:
    """wav [B, 1, 320N] at the level of encoders -> log10 of its power in each unit's pieces [B, N, 5].

    0 is about speech. In a context, without the neighbours' units.
    """
    pieces = wav[:, 0].unflatten(-1, (-1, PIECES, UNIT_HOP // PIECES))
    found = (pieces.float().square().mean(dim=-1).clamp(min=SILENCE) / SPEECH).log10()
    return found if context is None else found[:, context.left : found.shape[1] - context.right]


class Head(nn.Module):
    """Label distribution of each unit from the hidden features of one trunk.

    A softmax-weighted mix of all transformer layers and the convolution output, then a few residual
    convolutions. A mix alone is weaker than one with convolutions on top (arXiv 2406.12209), and the
    convolution output is where pitch and loudness have not been discarded yet. level: with the levels of the
    wav, too. A trunk that was trained for pitch knows them roughly, and a norm of each frame takes them away.
    """

    def __init__(
        self,
        classes: int,
        layers: int,
        dim: int,
        conv_dim: int,
        channels: int = 256,
        kernel: int = 5,
        depth: int = 3,
        dropout: float = 0.1,
        unit_dim: int = 256,
        level: bool = False,
    ) -> None:
        super().__init__()
        self.level = nn.Linear(PIECES, channels) if level else None
        self.mix = nn.Parameter(torch.zeros(layers + 1))
        self.conv_norm = nn.LayerNorm(conv_dim)
        self.from_conv = nn.Linear(conv_dim, channels)
        self.from_layers = nn.Linear(dim, channels)
        self.blocks = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, padding="same") for _ in range(depth)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(depth + 1))
        self.dropout = nn.Dropout(dropout)
        self.proj = nn.Linear(channels, unit_dim)
        self.label_embedding = nn.Embedding(classes, unit_dim)

    def forward(
        self, conv: Tensor, layers: Tensor, levels: Tensor | None = None, valid: Tensor | None = None
    ) -> Tensor:
        """conv [B,N,conv_dim], layers [B,N,L+1,dim], levels [B,N,5], valid [B,N] bool -> logits [B,N,K].

        Frames that are not valid are zeroed before each convolution: a batch gives what single calls give.
        """
        hidden = F.layer_norm(layers, layers.shape[-1:])
        mixed = torch.einsum("l,bnld->bnd", self.mix.softmax(0), hidden)
        x = self.from_conv(self.conv_norm(conv)) + self.from_layers(mixed)
        if self.level is not None:
            x = x + self.level(levels)
        for block, norm in zip(self.blocks, self.norms[:-1], strict=True):
            y = norm(x) if valid is None else norm(x) * valid.unsqueeze(-1)
            x = x + self.dropout(F.gelu(block(y.transpose(1, 2)).transpose(1, 2)))
        return label_logits(self.proj(self.norms[-1](x)), self.label_embedding.weight)


class TrunkHead(nn.Module):
    """A head together with the trunk it reads, with the interface of a whole label HuBERT."""

    unit_kind = "label"

    def __init__(self, trunk: Hubert, head: Head) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.label_embedding = head.label_embedding

    def distribution(self, wav: Tensor, lengths: Tensor | None = None) -> Tensor:
        """wav [B,1,S] -> class probabilities [B,N,K]."""
        return self.distribution_from(self.trunk.hidden(wav, lengths), wav, lengths)

    def distribution_from(
        self,
        hidden: tuple[Tensor, Tensor],
        wav: Tensor,
        lengths: Tensor | None = None,
        context: Context | None = None,
    ) -> Tensor:
        """The same from what the trunk's `hidden` gave the caller for these arguments."""
        conv, layers = hidden
        known = None if self.head.level is None else levels(wav, context)
        valid = valid_frames(lengths, conv.shape[1], conv.device)
        return self.head(conv, layers, known, valid).float().softmax(dim=-1)

    def units(self, wav: Tensor, lengths: Tensor | None = None) -> Tensor:
        """wav [B,1,S] -> soft label units [B,N,256]."""
        return self.distribution(wav, lengths) @ self.label_embedding.weight
