"""HiFi-GAN generator: log-mel [B, 128, T] -> wav [B, 1, 160T], on the time grid of audio.log_mel.

Kong, Kim, Bae: "HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech
Synthesis", NeurIPS 2020; with the default sizes, names and numbers are those of Soft-VC's hifigan models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from audio import N_MELS
from bands import LOW
from common.layers import reach

SLOPE = 0.1  # of the leaky ReLUs, but not of the last one: the official models were trained with 0.01 there
LAST_SLOPE = 0.01
INIT_STD = 0.01


class HifiGan(nn.Module):
    """Upsampling convolutions with a bank of dilated residual blocks after each.

    rates: upsampling factors, kernels: their kernel sizes; rate and kernel differ by an even number, so
    that frame j stays centred on its samples. Built with weight norm, for training; call
    remove_weight_norm() before inference. Raises ValueError for sizes that do not fit together.
    """

    conditioned_on_f0 = False
    band = LOW
    level_db: float | None = None

    def at_16_khz(self) -> HifiGan:
        """Itself, which has no other rate."""
        return self

    def __init__(
        self,
        n_mels: int = N_MELS,
        channels: int = 512,
        rates: Sequence[int] = (10, 4, 2, 2),
        kernels: Sequence[int] = (20, 8, 4, 4),
        resblock_kernels: Sequence[int] = (3, 7, 11),
        resblock_dilations: Sequence[int] = (1, 3, 5),
    ):
        super().__init__()
        _check_sizes(channels, rates, kernels, resblock_kernels)
        self.rates = tuple(rates)
        widths = [channels >> stage for stage in range(len(rates) + 1)]
        self.bank = len(resblock_kernels)
        self.conv_pre = _normed(nn.Conv1d(n_mels, channels, 7, padding=3))
        self.ups = nn.ModuleList(
            _normed(nn.ConvTranspose1d(wide, slim, kernel, rate, padding=(kernel - rate) // 2))
            for wide, slim, rate, kernel in zip(widths, widths[1:], rates, kernels, strict=False)
        )
        self.resblocks = nn.ModuleList(
            ResBlock(width, kernel, resblock_dilations) for width in widths[1:] for kernel in resblock_kernels
        )
        self.conv_post = _normed(nn.Conv1d(widths[-1], 1, 7, padding=3))

    @property
    def reach(self) -> int:
        """Mel frames either side that have to do with a sample."""
        frames, rate = reach(self.conv_pre), 1  # of the stages so far; samples a frame that they give
        for stage, up in enumerate(self.ups):
            bank = self.resblocks[stage * self.bank : (stage + 1) * self.bank]
            frames += -(-up.kernel_size[0] // self.rates[stage]) / rate
            rate *= self.rates[stage]
            frames += max(map(reach, bank)) / rate
        return math.ceil(frames + reach(self.conv_post) / rate)

    def forward(self, mel: Tensor, f0: Tensor | None = None, voiced: Tensor | None = None) -> Tensor:
        """mel [B, n_mels, T] -> wav [B, 1, T * product of rates] in -1 .. 1."""
        x = self.conv_pre(mel)
        for stage, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, SLOPE))
            bank = self.resblocks[stage * self.bank : (stage + 1) * self.bank]
            x = sum(block(x) for block in bank) / self.bank
        return torch.tanh(self.conv_post(F.leaky_relu(x, LAST_SLOPE)))

    def remove_weight_norm(self) -> HifiGan:
        """Fold the norms into plain weights, for inference; returns self. A second call does nothing."""
        for module in self.modules():
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight")
        return self


class ResBlock(nn.Module):
    """Pairs of a dilated and a plain convolution, each pair with a shortcut: [B, C, T] -> [B, C, T]."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]):
        super().__init__()
        self.convs1 = nn.ModuleList(_same_conv(channels, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_same_conv(channels, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            y = dilated(F.leaky_relu(x, SLOPE))
            x = x + plain(F.leaky_relu(y, SLOPE))
        return x


def _check_sizes(channels: int, rates: Sequence[int], kernels: Sequence[int], bank: Sequence[int]) -> None:
    if len(rates) != len(kernels) or any(k < r or (k - r) % 2 for r, k in zip(rates, kernels, strict=False)):
        raise ValueError(f"rates {rates} and kernels {kernels}: each kernel is its rate plus an even number")
    if channels % 2 ** len(rates):
        raise ValueError(
            f"channels {channels} must be a multiple of {2 ** len(rates)}: each rate halves them"
        )
    if not bank or any(kernel % 2 == 0 for kernel in bank):
        raise ValueError(f"resblock_kernels {bank}: expected odd numbers")


def _same_conv(channels: int, kernel: int, dilation: int) -> nn.Module:
    padding = dilation * (kernel - 1) // 2
    return _normed(nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=padding))


def _normed(conv: nn.Module) -> nn.Module:
    nn.init.normal_(conv.weight, std=INIT_STD)
    return weight_norm(conv)
