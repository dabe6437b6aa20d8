"""A vocoder that works at frame rate: magnitudes and phases of an inverse STFT, log-mel to wav.

Siuzdak, "Vocos: Closing the gap between time-domain and Fourier-based neural vocoders for high-quality
audio synthesis", ICLR 2024. No layer runs at the rate of samples, which makes it fast on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audio import MEL_HOP, MEL_MEAN, MEL_STD, N_MELS
from convnext import Block

WINDOW = 4 * MEL_HOP  # samples
LOG_MAX = 4.6  # of a magnitude; a sine at full scale has ln 160 = 5.1, speech at the training level 4 at most
INIT_STD = 0.02


class IstftGenerator(nn.Module):
    """ConvNeXt blocks on mel frames, then for each a spectrum whose windows are added up.

    dim: channels; blocks: how many. log-mel [B, n_mels, T] -> wav [B, 1, 160T], on the grid of audio.log_mel.
    """

    def __init__(self, n_mels: int = N_MELS, dim: int = 384, blocks: int = 8):
        super().__init__()
        self.embed = nn.Conv1d(n_mels, dim, 7, padding=3)
        self.norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(Block(dim) for _ in range(blocks))
        self.last_norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, WINDOW + 2)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=INIT_STD)
                nn.init.zeros_(module.bias)

    def forward(self, mel: Tensor) -> Tensor:
        """mel [B, n_mels, T] -> wav [B, 1, 160T], cut to -1 .. 1."""
        x = self.norm(self.embed((mel - MEL_MEAN) / MEL_STD).transpose(1, 2).to(mel.dtype))
        for block in self.blocks:
            x = block(x)
        # A phase of half precision would be wrong by tenths of a radian, and FFTs want whole floats.
        with torch.autocast(mel.device.type, enabled=False):
            log_magnitude, phase = self.head(self.last_norm(x)).chunk(2, dim=-1)
            spectrum = torch.polar(log_magnitude.clamp(max=LOG_MAX).exp(), phase)
            return self.overlap_add(spectrum).clamp(-1, 1)

    def overlap_add(self, spectrum: Tensor) -> Tensor:
        """Spectra [B, T, WINDOW/2 + 1] of windows centred on 160j + 80 -> wav [B, 1, 160T].

        torch.istft puts its frames on 160j and drops what lies outside the first and last centre.
        """
        frames = torch.fft.irfft(spectrum, WINDOW, dim=-1)
        # Not a buffer: weights that are loaded into a model without memory do not bring one.
        window = torch.hann_window(WINDOW, dtype=frames.dtype, device=frames.device)
        frames, power = frames * window, window.square().expand(1, frames.shape[1], -1)
        total, weight = (_fold(x, frames.shape[1]) for x in (frames, power))
        cut = (WINDOW - MEL_HOP) // 2
        return (total[..., cut:-cut] / weight[..., cut:-cut]).squeeze(2)

    def remove_weight_norm(self) -> IstftGenerator:
        """There is none to fold; every vocoder has this call before inference."""
        return self


def _fold(frames: Tensor, count: int) -> Tensor:
    """Windows [B, T, WINDOW] added up every hop: [B, 1, 1, 160 (T - 1) + WINDOW]."""
    length = MEL_HOP * (count - 1) + WINDOW
    return nn.functional.fold(frames.transpose(1, 2), (1, length), (1, WINDOW), stride=(1, MEL_HOP))
