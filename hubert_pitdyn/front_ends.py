"""What turns a wav into the input of HuBERT's transformer: features every 20 ms, and their places in time.

Letters as in model.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from audio import HUBERT_PAD, MEL_HOP, UNIT_HOP, mel_filters

KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)  # product UNIT_HOP; receptive field UNIT_HOP + 2 * HUBERT_PAD

# The first convolution gives more frames than UNIT_HOP / STRIDES[0] a unit: its input is padded.
FRAMES_BEYOND = (2 * HUBERT_PAD - KERNELS[0]) // STRIDES[0] + 1

MEL_WINDOW, MELS = 400, 80  # samples and bands of Whisper's log-mel
MEL_RANGE = 8.0  # decades of power below the loudest
MEL_PEAK = 1.2  # log10 power at which the loudest is put, as in Whisper's input for speech at usual levels
NORMS = ("recording", "fixed")  # after the first convolution
PERIODS = 10000.0  # longest over shortest period of the sinusoids


class Context(NamedTuple):
    """Of which recording a wav is a piece, so that it gives what the whole would give there.

    left, right: units at its ends that are its neighbours', for the convolutions to see, and no result.
    known: by network, what `measured` of its feature extractor gave for the recording.
    """

    left: int
    right: int
    known: Mapping[Any, Any]


class FixedNorm(nn.Module):
    """One gain and one offset for each channel, whatever else a recording holds.

    Tensors have the names and shapes of the GroupNorm in whose place it stands; see `fix_norm`.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def folded(self, weight: Tensor) -> Tensor:
        """Weights [C, K] of the convolution before it -> [C, K + 1] with the gain, and with the offset as the
        weight of a constant."""
        return torch.cat([weight * self.weight.unsqueeze(-1), self.bias.unsqueeze(-1)], dim=1)


class FeatureExtractor(nn.Module):
    """Seven convolutions, wav [B, 1, S] -> [B, N, C]; unit k is centred on sample 320k + 160.

    norm: after the first, one of NORMS. "recording" is HuBERT's, over the time of each recording. "fixed" is
    for wavs that all have one level: a crop keeps its loudness, and no moment of a recording changes another.

    On a CPU the first convolution takes a third of its time as one product of matrices, with a fixed norm in
    it; for the others, neither that nor channels-last layout beat plain convolutions.
    """

    def __init__(self, dim: int, norm: str = "recording"):
        super().__init__()
        for i, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
            self.add_module(f"conv{i}", nn.Conv1d(dim if i else 1, dim, kernel, stride, bias=False))
        self.norm0 = FixedNorm(dim) if norm == "fixed" else nn.GroupNorm(dim, dim)

    def forward(self, wav: Tensor, lengths: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        """known: what `measured` gives of the recording of which `wav` is a piece."""
        if isinstance(self.norm0, FixedNorm):
            x = F.gelu(first_convolution(wav, self.norm0.folded(self.conv0.weight[:, 0])))
        else:
            x = F.gelu(self._normalise(first_convolution(wav, self.conv0.weight[:, 0]), lengths, known))
        for i in range(1, len(KERNELS)):
            x = F.gelu(getattr(self, f"conv{i}")(x))
        return x.transpose(1, 2)

    def measure(self, wav: Tensor, left: int, right: int) -> Tensor | None:
        """[3, C]: sums and squares of the first convolution over a piece's own time, and its frames.

        wav [1, 1, S]; left, right: as in `Context`.
        """
        if isinstance(self.norm0, FixedNorm):
            return None
        x = first_convolution(wav, self.conv0.weight[:, 0])
        unit = UNIT_HOP // STRIDES[0]
        x = x[0, :, unit * left : x.shape[2] - unit * right - (FRAMES_BEYOND if right else 0)]
        # Doubles, which not every GPU has, for what is added up over hours.
        variance, mean = (part.cpu().double() for part in torch.var_mean(x, dim=1, correction=0))
        count = torch.full_like(mean, x.shape[1])
        return torch.stack([count * mean, count * (variance + mean.square()), count])

    @staticmethod
    def joined(one: Tensor | None, other: Tensor | None) -> Tensor | None:
        """What `measure` gives for two pieces together."""
        return None if one is None else one + other

    @staticmethod
    def measured(whole: Tensor | None) -> Tensor | None:
        """Mean and variance over a whole recording, [2, C], of its pieces' measures joined."""
        if whole is None:
            return None
        total, squares, count = whole
        mean = total / count
        return torch.stack([mean, (squares / count - mean.square()).clamp(min=0.0)]).float()

    def _normalise(self, x: Tensor, lengths: Tensor | None, known: Tensor | None) -> Tensor:
        """GroupNorm over time, each item over its own frames: [B, C, L] -> [B, C, L].

        No later frame needs care: a unit's receptive field ends where its item's padding ends.
        """
        if known is not None:
            x = x.float()  # as the measures are
            return F.batch_norm(x, *known.to(x), self.norm0.weight, self.norm0.bias, eps=self.norm0.eps)
        if lengths is None:
            return self.norm0(x)
        frames = [
            (n + 2 * HUBERT_PAD - KERNELS[0]) // STRIDES[0] + 1 for n in torch.as_tensor(lengths).tolist()
        ]
        items = [self.norm0(x[b : b + 1, :, :n]) for b, n in enumerate(frames)]
        return torch.cat([F.pad(item, (0, x.shape[2] - item.shape[2])) for item in items])


def first_convolution(wav: Tensor, weight: Tensor) -> Tensor:
    """wav [B, 1, S], padded here -> [B, C, L] by weights [C, K], or [C, K + 1] with an offset."""
    frames = F.pad(wav[:, 0], (HUBERT_PAD, HUBERT_PAD)).unfold(1, KERNELS[0], STRIDES[0])  # [B, L, K]
    ones = F.pad(frames, (0, weight.shape[1] - KERNELS[0]), value=1.0)
    return weight @ ones.transpose(1, 2)


@torch.no_grad()
def fix_norm(extractor: FeatureExtractor, wavs: Iterable[Tensor]) -> None:
    """Turn the tensors of a GroupNorm, which a "fixed" norm holds, into what that does on average.

    wavs: [1, 1, S] each, as the encoder is given them.
    """
    sums = [
        torch.stack([x.sum(dim=(0, 2)), x.square().sum(dim=(0, 2)), torch.full((x.shape[1],), x.shape[2])])
        for x in (first_convolution(wav, extractor.conv0.weight[:, 0]).double() for wav in wavs)
    ]
    total, squares, count = torch.stack(sums).sum(dim=0)
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=1e-10).sqrt()
    norm = extractor.norm0
    norm.weight.div_(deviation)
    norm.bias.sub_(mean * norm.weight)


class FeatureProjection(nn.Module):
    """Conv output [B, N, C] -> [B, N, E]."""

    def __init__(self, conv_dim: int, dim: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(conv_dim)
        self.projection = nn.Linear(conv_dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.projection(self.norm(x)))


class PositionalEmbedding(nn.Module):
    """Position by a wide grouped convolution, [B, N, E] -> [B, N, E], to be added to its input."""

    def __init__(self, dim: int, kernel: int, groups: int, gelus: int = 1):
        super().__init__()
        self.gelus = gelus
        self.conv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=groups)
        nn.init.normal_(self.conv.weight, std=(4 / (kernel * dim)) ** 0.5)
        nn.init.zeros_(self.conv.bias)
        self.conv = weight_norm(self.conv, dim=2)

    def forward(self, x: Tensor) -> Tensor:
        # An even kernel gives one frame too many. One GELU: the second one of 2022 ruins official weights.
        y = self.conv(x.transpose(1, 2))[:, :, : x.shape[1]]
        for _ in range(self.gelus):
            y = F.gelu(y)
        return y.transpose(1, 2)


class LogMelExtractor(nn.Module):
    """Whisper's log-mel and its two convolutions, wav [B, 1, S] -> [B, N, E].

    Mel frame j is centred on sample 160j + 160, so that unit k, centred on mel frame 2k, is on 320k + 160.
    The loudest moment of each item is put at one level: gain changes nothing, as with HuBERT's front end.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.conv0 = nn.Conv1d(MELS, dim, 3, padding=1)
        self.conv1 = nn.Conv1d(dim, dim, 3, stride=2, padding=1)

    def forward(self, wav: Tensor, lengths: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        """known: what `measured` gives of the recording of which `wav` is a piece."""
        x = F.gelu(self.conv0(whisper_log_mel(wav.squeeze(1), lengths, known)))
        return F.gelu(self.conv1(x)).transpose(1, 2)

    @staticmethod
    def measure(wav: Tensor, left: int, right: int) -> Tensor:
        """The loudest moment of a piece's own time, in log10 of mel power; as FeatureExtractor.measure."""
        log = _log_power(wav.squeeze(1))
        frames = UNIT_HOP // MEL_HOP
        return log[..., frames * left : log.shape[2] - frames * right].amax()

    @staticmethod
    def joined(one: Tensor, other: Tensor) -> Tensor:
        """As FeatureExtractor.joined."""
        return torch.maximum(one, other)

    @staticmethod
    def measured(whole: Tensor) -> Tensor:
        """The loudest moment of a whole recording."""
        return whole


def whisper_log_mel(wav: Tensor, lengths: Tensor | None = None, peak: Tensor | None = None) -> Tensor:
    """wav [B, S] -> log10 of mel power, [B, 80, T], scaled as in Whisper (Radford et al. 2022, section 2.2).

    Cut 8 decades below each item's maximum, which is put at 1.2; (x + 4) / 4. Zeros beyond an item's length.
    peak: the maximum of the recording of which `wav` is a piece.
    """
    with torch.autocast(wav.device.type, enabled=False):
        log = _log_power(wav)
        if lengths is None:
            return _scaled(log, log.amax(dim=(1, 2), keepdim=True) if peak is None else peak)
        frames = torch.as_tensor(lengths, device=wav.device).view(-1, 1, 1) // MEL_HOP
        inside = torch.arange(log.shape[2], device=wav.device) < frames
        peak = log.masked_fill(~inside, -torch.inf).amax(dim=(1, 2), keepdim=True)
        return _scaled(log, peak) * inside


def _log_power(wav: Tensor) -> Tensor:
    """wav [B, S] -> log10 of mel power, [B, 80, T]."""
    padded = F.pad(wav.float(), (HUBERT_PAD, MEL_WINDOW // 2))
    window = torch.hann_window(MEL_WINDOW, device=wav.device)
    spectrum = torch.stft(padded, MEL_WINDOW, MEL_HOP, window=window, center=False, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    return (mel_filters(MEL_WINDOW, MELS).to(wav.device) @ power).clamp(min=1e-10).log10()


def _scaled(log: Tensor, peak: Tensor) -> Tensor:
    return ((log - peak).clamp(min=-MEL_RANGE) + MEL_PEAK + 4) / 4


class SinusoidalPositions(nn.Module):
    """Position by sines and cosines, [B, N, E] -> [1, N, E], to be added to its input.

    While training, items begin anywhere in the `size` frames that the model may see at once: crops are short,
    and later places must not be forgotten.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        frames, half = x.shape[1], x.shape[2] // 2
        first = int(torch.randint(max(1, self.size - frames + 1), ())) if self.training else 0
        rates = torch.exp(torch.arange(half, device=x.device) * (-math.log(PERIODS) / (half - 1)))
        angles = torch.arange(first, first + frames, device=x.device).unsqueeze(1) * rates
        return torch.cat([angles.sin(), angles.cos()], dim=1).unsqueeze(0).to(x.dtype)
