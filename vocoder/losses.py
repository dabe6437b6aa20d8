"""What a vocoder is trained on: spectral distance, and the verdicts of its discriminators."""

from __future__ import annotations

import torch
from torch import Tensor

from audio import LOG_FLOOR, mel_filters
from vocoder.discriminators import Verdict

RESOLUTIONS = ((64, 8), (128, 16), (256, 32), (512, 64), (1024, 128), (2048, 192))  # window, mel bands


def spectral(made: Tensor, real: Tensor) -> Tensor:
    """Mean absolute difference of log-mels [B, 1, S], over several resolutions.

    Kumar et al., "High-Fidelity Audio Compression with Improved RVQGAN", NeurIPS 2023, who found that many
    resolutions, short windows too, keep attacks sharp.
    """
    distances = [
        (_log_mel(made, *resolution) - _log_mel(real, *resolution)).abs().mean() for resolution in RESOLUTIONS
    ]
    return torch.stack(distances).mean()


def _log_mel(wav: Tensor, window: int, bands: int) -> Tensor:
    shape = torch.hann_window(window, device=wav.device)
    with torch.autocast(wav.device.type, enabled=False):
        spectrum = torch.stft(
            wav.squeeze(1).float(), window, window // 4, window=shape, return_complex=True
        ).abs()
        return torch.log(torch.clamp(mel_filters(window, bands).to(wav.device) @ spectrum, min=LOG_FLOOR))


def halves(verdicts: list[Verdict]) -> tuple[list[Verdict], list[Verdict]]:
    """Verdicts on a batch of real and made waves, one after the other, as those on each."""
    parts = [
        [(scores.chunk(2)[side], [f.chunk(2)[side] for f in features]) for scores, features in verdicts]
        for side in (0, 1)
    ]
    return parts[0], parts[1]


def discriminator_loss(real: list[Verdict], made: list[Verdict]) -> Tensor:
    """Least squares (Mao et al. 2017): real waves are to score 1, made ones 0. A mean over discriminators."""
    errors = [(1 - r).square().mean() + m.square().mean() for (r, _), (m, _) in zip(real, made, strict=True)]
    return torch.stack(errors).mean()


def adversarial(made: list[Verdict]) -> Tensor:
    """How far made waves are from scoring 1. A mean over discriminators."""
    return torch.stack([(1 - scores).square().mean() for scores, _ in made]).mean()


def feature_matching(real: list[Verdict], made: list[Verdict]) -> Tensor:
    """Mean absolute difference of the features, over all layers of all discriminators."""
    pairs = [pair for (_, r), (_, m) in zip(real, made, strict=True) for pair in zip(r, m, strict=True)]
    return torch.stack([(r.detach() - m).abs().mean() for r, m in pairs]).mean()
