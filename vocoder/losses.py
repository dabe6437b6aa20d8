"""What a vocoder is trained on: spectral distance, and the output of its discriminators."""

from __future__ import annotations

import torch
from torch import Tensor

from audio import LOG_FLOOR, mel_filters
from vocoder.discriminators import Output

RESOLUTIONS = ((64, 8), (128, 16), (256, 32), (512, 64), (1024, 128), (2048, 192))  # window, mel bands


def spectral(generated: Tensor, real: Tensor) -> Tensor:
    """Mean absolute difference of log-mels [B, 1, S], over several resolutions.

    Kumar et al., "High-Fidelity Audio Compression with Improved RVQGAN", NeurIPS 2023, who found that many
    resolutions, short windows too, keep attacks sharp.
    """
    distances = [
        (_log_mel(generated, *resolution) - _log_mel(real, *resolution)).abs().mean()
        for resolution in RESOLUTIONS
    ]
    return torch.stack(distances).mean()


def _log_mel(wav: Tensor, window: int, bands: int) -> Tensor:
    shape = torch.hann_window(window, device=wav.device)
    with torch.autocast(wav.device.type, enabled=False):
        spectrum = torch.stft(
            wav.squeeze(1).float(), window, window // 4, window=shape, return_complex=True
        ).abs()
        return torch.log(torch.clamp(mel_filters(window, bands).to(wav.device) @ spectrum, min=LOG_FLOOR))


def halves(outputs: list[Output]) -> tuple[list[Output], list[Output]]:
    """Outputs for a batch of real and then synthesised waves, as those for each half."""
    parts = [
        [(scores.chunk(2)[side], [f.chunk(2)[side] for f in features]) for scores, features in outputs]
        for side in (0, 1)
    ]
    return parts[0], parts[1]


def discriminator_loss(real: list[Output], generated: list[Output]) -> Tensor:
    """Least squares (Mao et al. 2017): real waves score 1, generated ones 0. Mean over discriminators."""
    pairs = zip(real, generated, strict=True)
    errors = [(1 - r).square().mean() + g.square().mean() for (r, _), (g, _) in pairs]
    return torch.stack(errors).mean()


def adversarial(generated: list[Output]) -> Tensor:
    """How far generated waves are from scoring 1. A mean over discriminators."""
    return torch.stack([(1 - scores).square().mean() for scores, _ in generated]).mean()


def feature_matching(real: list[Output], generated: list[Output]) -> Tensor:
    """Mean absolute difference of the features, over all layers of all discriminators."""
    pairs = [pair for (_, r), (_, g) in zip(real, generated, strict=True) for pair in zip(r, g, strict=True)]
    return torch.stack([(r.detach() - g).abs().mean() for r, g in pairs]).mean()
