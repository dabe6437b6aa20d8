"""What the vocoders that work at frame rate share: a trunk on mel frames, windows of a wave, their sum.

No layer runs at the rate of samples, which makes them fast on a CPU: Siuzdak, "Vocos: Closing the gap between
time-domain and Fourier-based neural vocoders for high-quality audio synthesis", ICLR 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audio import MEL_HOP, MEL_MEAN, MEL_STD, N_MELS, SAMPLE_RATE
from common.layers import Block
from common.precision import products

HOPS = 4  # of a window
WINDOW_REACH = HOPS // 2  # frames either side of a sample whose windows hold it
FRAME_RATE = SAMPLE_RATE // MEL_HOP  # frames per second
BIN_HZ = FRAME_RATE // HOPS  # from one bin to the next, at any rate
BLUR = 17  # bins, wider than the harmonics of all but the highest voices lie apart
INIT_STD = 0.02
SMOOTH = {8 * 2**a * 3**b * 5**c for a in range(12) for b in range(8) for c in range(6)}  # samples


def blurred(bins: Tensor) -> Tensor:
    """[B, T, bins] averaged over frequency, so that no harmonic is left in them."""
    edge = BLUR // 2
    return F.avg_pool1d(F.pad(bins, (edge, edge), mode="replicate"), BLUR, stride=1)


def window_samples(seconds: float, rate: int) -> int:
    """About so long a window, of no other factors than 2, 3 and 5: a Fourier transform of 2824 samples, which
    is 8 times a prime, takes nearly twice the time of one of 2880."""
    return min(SMOOTH, key=lambda count: (abs(count - seconds * rate), count))


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
        with products(self, mel):
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


@dataclass(frozen=True)
class Windows:
    """Windows of a wave, four hops each, which add up to it; frame j is centred on hop (j + 1/2).

    hop: samples between frames, of 10 ms at any rate. So a window has 40 ms and a bin 25 Hz, and bin k means
    the same at each of them. Of an odd hop the windows lie half a sample late.
    """

    hop: int = MEL_HOP

    @property
    def size(self) -> int:
        """Samples of a window."""
        return HOPS * self.hop

    @property
    def bins(self) -> int:
        """Of its spectrum, 0 Hz and half of the rate included."""
        return self.size // 2 + 1

    @property
    def late(self) -> float:
        """Samples by which the centres of windows are behind those of their frames."""
        return (self.size - self.hop) / 2 - self._pads[0]

    @property
    def _pads(self) -> tuple[int, int]:
        """Samples of the outer windows before and behind the wave."""
        left = (self.size - self.hop) // 2
        return left, self.size - self.hop - left

    def analyse(self, wav: Tensor) -> Tensor:
        """Wave [B, hop T] -> spectra [B, T, bins]."""
        frames = F.pad(wav, self._pads).unfold(-1, self.size, self.hop)
        return torch.fft.rfft(frames * self._shape(wav), dim=-1)

    def overlap_add(self, spectrum: Tensor) -> Tensor:
        """Spectra [B, T, bins] -> wave [B, 1, hop T]; undoes `analyse`.

        torch.istft puts its frames on hop j and drops what lies outside the first and last centre.
        """
        frames = torch.fft.irfft(spectrum, self.size, dim=-1)
        shape = self._shape(frames)
        frames, power = frames * shape, shape.square().expand(1, frames.shape[1], -1)
        total, weight = (self._fold(x) for x in (frames, power))
        left, right = self._pads
        return (total[..., left:-right] / weight[..., left:-right]).squeeze(2)

    def _shape(self, like: Tensor) -> Tensor:
        # Not a buffer: weights that are loaded into a model without memory do not bring one.
        return torch.hann_window(self.size, dtype=like.dtype, device=like.device)

    def _fold(self, frames: Tensor) -> Tensor:
        """Windows [B, T, size] added up every hop: [B, 1, 1, hop (T - 1) + size]."""
        length = self.hop * (frames.shape[1] - 1) + self.size
        return F.fold(frames.transpose(1, 2), (1, length), (1, self.size), stride=(1, self.hop))
