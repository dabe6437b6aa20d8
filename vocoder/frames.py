"""What the vocoders that work at frame rate share: a trunk on mel frames, windows of a wave, their sum.

No layer runs at the rate of samples, which makes them fast on a CPU: Siuzdak, "Vocos: Closing the gap between
time-domain and Fourier-based neural vocoders for high-quality audio synthesis", ICLR 2024.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audio import MEL_HOP, MEL_MEAN, MEL_STD, N_MELS
from common.layers import Block

WINDOW = 4 * MEL_HOP  # samples
BINS = WINDOW // 2 + 1
WINDOW_REACH = -(-WINDOW // 2 // MEL_HOP)  # frames either side of a sample whose windows hold it
INIT_STD = 0.02


class Trunk(nn.Module):
    """ConvNeXt blocks on mel frames: log-mel [B, n_mels, T] -> [B, T, dim].

    condition [B, T, dim] is added to what the first layer makes of the mel.
    """

    def __init__(self, dim: int, blocks: int, n_mels: int = N_MELS):
        super().__init__()
        self.embed = nn.Conv1d(n_mels, dim, 7, padding=3)
        self.norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(Block(dim) for _ in range(blocks))
        self.last_norm = nn.LayerNorm(dim)

    def forward(self, mel: Tensor, condition: Tensor | None = None) -> Tensor:
        x = self.embed((mel - MEL_MEAN) / MEL_STD).transpose(1, 2).to(mel.dtype)
        x = self.norm(x if condition is None else x + condition)
        for block in self.blocks:
            x = block(x)
        return self.last_norm(x)


def initialise(model: nn.Module) -> None:
    """Small normal weights and no bias, for every convolution and linear layer."""
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.Linear):
            nn.init.trunc_normal_(module.weight, std=INIT_STD)
            nn.init.zeros_(module.bias)


def analyse(wav: Tensor) -> Tensor:
    """Wave [B, 160T] -> spectra [B, T, BINS] of windows centred on 160j + 80."""
    pad = (WINDOW - MEL_HOP) // 2
    frames = F.pad(wav, (pad, pad)).unfold(-1, WINDOW, MEL_HOP)
    return torch.fft.rfft(frames * _window(wav), dim=-1)


def overlap_add(spectrum: Tensor) -> Tensor:
    """Spectra [B, T, BINS] of windows centred on 160j + 80 -> wave [B, 1, 160T]; undoes `analyse`.

    torch.istft puts its frames on 160j and drops what lies outside the first and last centre.
    """
    frames = torch.fft.irfft(spectrum, WINDOW, dim=-1)
    window = _window(frames)
    frames, power = frames * window, window.square().expand(1, frames.shape[1], -1)
    total, weight = (_fold(x, frames.shape[1]) for x in (frames, power))
    cut = (WINDOW - MEL_HOP) // 2
    return (total[..., cut:-cut] / weight[..., cut:-cut]).squeeze(2)


def _window(like: Tensor) -> Tensor:
    # Not a buffer: weights that are loaded into a model without memory do not bring one.
    return torch.hann_window(WINDOW, dtype=like.dtype, device=like.device)


def _fold(frames: Tensor, count: int) -> Tensor:
    """Windows [B, T, WINDOW] added up every hop: [B, 1, 1, 160 (T - 1) + WINDOW]."""
    length = MEL_HOP * (count - 1) + WINDOW
    return F.fold(frames.transpose(1, 2), (1, length), (1, WINDOW), stride=(1, MEL_HOP))
