"""What a vocoder is trained on: spectral distance, and the output of its discriminators."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor

from audio import LOG_FLOOR, SAMPLE_RATE, mel_filters
from vocoder.discriminators import Output
from vocoder.frames import BIN_HZ, window_samples
from vocoder.high_half import JOIN, TOP

RESOLUTIONS = ((64, 8), (128, 16), (256, 32), (512, 64), (1024, 128), (2048, 192))  # window, mel bands
WIDE_RESOLUTIONS = ((256, 40), (512, 64), (1024, 96), (2048, 160), (4096, 256))  # the same above 16 kHz
HIGH_RESOLUTIONS = ((256, 12), (512, 20), (1024, 32), (2048, 48), (4096, 64))  # from HIGH on
HIGH = BIN_HZ * (JOIN - 8)  # Hz, 7.2 kHz: from here on a loss of the upper half looks
FINE_SECONDS = (0.064, 0.128)  # windows in which harmonics stand apart
FAINTEST = 1e-6  # amplitude in a single bin of these windows
TONAL_SECONDS, TONAL_HZ = 0.064, 1000.0  # window, and band in which one harmonic of any voice lies


def spectral(generated: Tensor, real: Tensor, rate: int = SAMPLE_RATE, lowest: float = 0.0) -> Tensor:
    """Mean absolute difference of log-mels [B, 1, S], over several resolutions, from `lowest` Hz to 20 kHz.

    Kumar et al., "High-Fidelity Audio Compression with Improved RVQGAN", NeurIPS 2023, who found that many
    resolutions, short windows too, keep attacks sharp.
    """
    resolutions = RESOLUTIONS
    if rate != SAMPLE_RATE:
        resolutions = HIGH_RESOLUTIONS if lowest else WIDE_RESOLUTIONS
    distances = [
        (_log_mel(generated, *filters, rate, lowest) - _log_mel(real, *filters, rate, lowest)).abs().mean()
        for filters in resolutions
    ]
    return torch.stack(distances).mean()


def _log_mel(wav: Tensor, window: int, bands: int, rate: int, lowest: float) -> Tensor:
    with torch.autocast(wav.device.type, enabled=False):
        filters = mel_filters(window, bands) if rate == SAMPLE_RATE else _filters(window, bands, rate, lowest)
        return (filters.to(wav.device) @ _magnitudes(wav, window)).clamp(min=LOG_FLOOR).log()


@cache
def _filters(window: int, bands: int, rate: int, lowest: float) -> Tensor:
    """[bands, window / 2 + 1], of the form of `mel_filters`."""
    top = min(TOP, rate / 2)
    made = torchaudio.functional.melscale_fbanks(
        window // 2 + 1, lowest, top, bands, rate, norm="slaney", mel_scale="slaney"
    )
    return made.T.contiguous()


def _magnitudes(wav: Tensor, window: int) -> Tensor:
    """[B, 1, S] -> [B, window / 2 + 1, T']."""
    shape = torch.hann_window(window, device=wav.device)
    return torch.stft(wav.squeeze(1).float(), window, window // 4, window=shape, return_complex=True).abs()


def _amplitudes(wav: Tensor, window: int) -> Tensor:
    """`_magnitudes`, of a sine its amplitude, at least FAINTEST: below lies what rounding leaves."""
    return (4 / window * _magnitudes(wav, window)).clamp(min=FAINTEST)


def fine(generated: Tensor, real: Tensor, rate: int = SAMPLE_RATE, lowest: float = 0.0) -> Tensor:
    """Mean absolute difference of log-magnitudes [B, 1, S] in windows so long that harmonics stand apart.

    A mel band above 3 kHz is wider than harmonics lie apart, so `spectral` takes lines for the breath that
    fills the gaps between them; and of two ways to fill a band it likes the one that draws no random numbers.
    """
    windows = [window_samples(seconds, rate) for seconds in FINE_SECONDS]
    return torch.stack([_fine(generated, real, window, rate, lowest) for window in windows]).mean()


def _fine(generated: Tensor, real: Tensor, window: int, rate: int, lowest: float) -> Tensor:
    with torch.autocast(generated.device.type, enabled=False):
        one, other = (_in_range(_amplitudes(x, window), rate, lowest) for x in (generated, real))
        return (one.log() - other.log()).abs().mean()


def periodicity(generated: Tensor, real: Tensor, rate: int = SAMPLE_RATE, lowest: float = 0.0) -> Tensor:
    """Mean absolute difference of the `tonality` of waves [B, 1, S]."""
    return (tonality(generated, rate, lowest) - tonality(real, rate, lowest)).abs().mean()


def tonality(wav: Tensor, rate: int = SAMPLE_RATE, lowest: float = 0.0) -> Tensor:
    """How far sound is gathered in lines, [B, 1, S] -> [B, bands of TONAL_HZ, T'] in nepers.

    The mean square over the square of the mean, of the magnitudes in one band: of noise about 0.24 at every
    draw, of harmonics far more (the norms of Hoyer, "Non-negative matrix factorization with sparseness
    constraints", 2004). Spectral flatness, a mean of logarithms, served as well below 8 kHz; above, networks
    met it by notches that stood still, a dark line in each band.
    """
    window = window_samples(TONAL_SECONDS, rate)
    width = round(TONAL_HZ * window / rate)
    with torch.autocast(wav.device.type, enabled=False):
        magnitudes = _in_range(_amplitudes(wav, window), rate, lowest).transpose(1, 2)
        power, mean = (F.avg_pool1d(x, width, width // 2) for x in (magnitudes.square(), magnitudes))
        return (power.log() - 2 * mean.log()).transpose(1, 2)


def _in_range(magnitudes: Tensor, rate: int, lowest: float) -> Tensor:
    """The bins [B, bins, T'] from `lowest` Hz to 20 kHz."""
    step = rate / 2 / (magnitudes.shape[1] - 1)
    return magnitudes[:, int(lowest / step) : int(min(TOP, rate / 2) / step) + 1]


def within(wav: Tensor, highest: Tensor, rate: int, lowest: float = 0.0) -> Tensor:
    """[B, 1, S] without what lies below `lowest` Hz or above `highest` [B] Hz."""
    spectrum = torch.fft.rfft(wav.float(), dim=-1)
    hertz = torch.arange(spectrum.shape[-1], device=wav.device) * (rate / wav.shape[-1])
    kept = (hertz >= lowest) & (hertz <= highest.reshape(-1, 1, 1))
    return torch.fft.irfft(spectrum * kept, wav.shape[-1], dim=-1)


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
