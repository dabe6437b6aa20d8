"""Discriminators of a vocoder's waves: by period, and by spectrogram at several resolutions.

Periods: HiFi-GAN (see generator.py), with as many channels as the preset says. Spectrograms: Jang et al.,
"UnivNet: A Neural Vocoder with Multi-Resolution Spectrogram Discriminators", Interspeech 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from audio import LOG_FLOOR, MEL_HOP, SAMPLE_RATE
from bands import Band
from vocoder.frames import window_samples

SLOPE = 0.1
LOWEST = 7000.0  # Hz; from here on discriminators look at what lies above 8 kHz
GAIN = 20.0  # brings waves at the training level (RMS about .05) to the size that suits fresh weights
LOG_MEAN, LOG_STD = -3.6, 2.1  # of their magnitudes, roughly, for the same reason

Output = tuple[Tensor, list[Tensor]]  # scores, of any shape, and the features of the layers before them


class PeriodDiscriminator(nn.Module):
    """Looks at every `period`-th sample: wav [B, 1, S] -> Output."""

    def __init__(self, period: int, channels: int, depth: int = 4):
        super().__init__()
        self.period = period
        widths = [1, *(min(channels * 4**layer, channels * 16) for layer in range(depth))]
        self.convs = nn.ModuleList(
            _conv(a, b, (5, 1), (3, 1), padding=(2, 0)) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.last = _conv(widths[-1], 1, (3, 1), padding=(1, 0))

    def forward(self, wav: Tensor) -> Output:
        wav = F.pad(GAIN * wav, (0, -wav.shape[-1] % self.period), mode="reflect")
        return _score(wav.unflatten(-1, (-1, self.period)), self.convs, self.last)


class SpectrogramDiscriminator(nn.Module):
    """Looks at log magnitudes of windows of `window` samples: wav [B, 1, S] -> Output. first: bin of the
    lowest one."""

    def __init__(self, window: int, channels: int, depth: int = 4, first: int = 0):
        super().__init__()
        self.first = first
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        widths = [1, *[channels] * depth]
        # Every layer halves the axis of frequency; time stays.
        self.convs = nn.ModuleList(
            _conv(a, b, (9, 3), (2, 1), padding=(4, 1)) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.last = _conv(channels, 1, 3, padding=1)

    def forward(self, wav: Tensor) -> Output:
        size = len(self.window)
        with torch.autocast(wav.device.type, enabled=False):
            spectrum = torch.stft(
                wav.squeeze(1).float(), size, size // 4, window=self.window, return_complex=True
            )
            log_magnitude = spectrum[:, self.first :].abs().clamp(min=LOG_FLOOR).log()
        return _score((log_magnitude.unsqueeze(1) - LOG_MEAN) / LOG_STD, self.convs, self.last)


class Discriminators(nn.Module):
    """All of them: wav [B, 1, S] at 16 kHz -> the Output of each."""

    def __init__(
        self,
        periods: Sequence[int] = (2, 3, 5, 7, 11),
        windows: Sequence[int] = (2048, 1024, 512),
        period_channels: int = 32,
        spectrogram_channels: int = 32,
    ):
        super().__init__()
        self.members = nn.ModuleList(
            [
                *(PeriodDiscriminator(period, period_channels) for period in periods),
                *(SpectrogramDiscriminator(window, spectrogram_channels) for window in windows),
            ]
        )

    def forward(self, wav: Tensor) -> list[Output]:
        return [member(wav) for member in self.members]


class HighDiscriminators(nn.Module):
    """Spectrograms above 7 kHz at the rate of a band, wav [B, 1, hop T] -> the Output of each; periods of
    single samples say nothing there."""

    def __init__(self, band: Band, windows: Sequence[int] = (2048, 1024, 512), channels: int = 32):
        """windows: in samples at 16 kHz, as those of the others."""
        super().__init__()
        sizes = [window_samples(window / SAMPLE_RATE, band.rate) for window in windows]
        self.members = nn.ModuleList(
            SpectrogramDiscriminator(size, channels, first=int(LOWEST * size / band.rate)) for size in sizes
        )

    def forward(self, wav: Tensor) -> list[Output]:
        return [member(wav) for member in self.members]


class BothHalves(nn.Module):
    """Discriminators of waves [B, 1, hop T] at the rate of a band: those of 16 kHz on the lower half, where
    that is trained, and HighDiscriminators."""

    def __init__(self, band: Band, low: bool, windows: Sequence[int] = (2048, 1024, 512), **sizes):
        super().__init__()
        self.band = band
        self.low = Discriminators(windows=windows, **sizes) if low else None
        self.high = HighDiscriminators(band, windows, sizes.get("spectrogram_channels", 32))

    def forward(self, wav: Tensor) -> list[Output]:
        below = [] if self.low is None else self.low(at_16_khz(wav, self.band))
        return [*below, *self.high(wav)]


def at_16_khz(wav: Tensor, band: Band) -> Tensor:
    """[B, 1, hop T] at the rate of a band -> [B, 1, 160T], exact but where the wave's ends meet."""
    samples = wav.shape[-1] // band.hop * MEL_HOP
    spectrum = torch.fft.rfft(wav.float(), dim=-1)[..., : samples // 2 + 1]
    return torch.fft.irfft(spectrum * (samples / wav.shape[-1]), samples, dim=-1)


def _conv(*sizes, **more) -> nn.Module:
    """A convolution whose fresh weights keep the size of what goes through; torch's own let it fade away."""
    conv = nn.Conv2d(*sizes, **more)
    nn.init.kaiming_normal_(conv.weight, a=SLOPE)
    nn.init.zeros_(conv.bias)
    return weight_norm(conv)


def _score(x: Tensor, convs: nn.ModuleList, last: nn.Module) -> Output:
    features = []
    for conv in convs:
        x = F.leaky_relu(conv(x), SLOPE)
        features.append(x)
    return last(x), features
