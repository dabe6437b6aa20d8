"""Acoustic model of one voice, units to log-mel: the encoder of Soft-VC, and its decoder or a parallel one.

Architecture: van Niekerk et al., "A Comparison of Discrete and Soft Speech Units for Improved Voice
Conversion", ICASSP 2022. With the defaults tensor names and shapes are those of the official checkpoints, so
these load strictly.
Letters: B batch, N units of 20 ms, T = 2N mel frames of 10 ms.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from acoustic.generate import decode
from audio import MEL_HOP, MEL_MEAN, MEL_STD, N_MELS, UNIT_HOP
from bands import Band
from common.layers import Block, reach

UPSAMPLING = UNIT_HOP // MEL_HOP
NO_NORM = -1  # none of the encoder's norms


class PreNet(nn.Module):
    """Two linear layers with ReLU and dropout, [..., in_dim] to [..., out_dim]."""

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, dropout: float):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(in_dim, hidden_dim),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, out_dim),
            nn.ReLU(),
            nn.Dropout(dropout),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class InstanceNorm(nn.Module):
    """Instance normalisation over the valid frames only.

    nn.InstanceNorm1d has no mask, so the padding of a batch would leak into every frame; it also refuses
    inputs of a single frame, which here come out as zeros.
    """

    def __init__(self, eps: float = 1e-5):
        super().__init__()
        self.eps = eps

    def forward(self, x: torch.Tensor, mask: torch.Tensor, known=None) -> torch.Tensor:
        """Normalise x [B, C, T]; mask [B, 1, T] is 1 on valid frames, 0 on padding, which comes out as 0.

        known: mean and variance [2, C] of the whole of which x is a piece.
        """
        # Sums over hundreds of frames lose too much in half precision.
        x, mask = x.float(), mask.float()
        if known is not None:
            mean, variance = known.to(x).unsqueeze(-1)
            return (x - mean) * mask * torch.rsqrt(variance + self.eps)
        frames = mask.sum(-1, keepdim=True)
        mean = (x * mask).sum(-1, keepdim=True) / frames
        centred = (x - mean) * mask
        variance = centred.square().sum(-1, keepdim=True) / frames
        return centred * torch.rsqrt(variance + self.eps)


class FrameNorm(InstanceNorm):
    """Normalisation of each frame over its channels, with neither mean nor variance over time.

    Instance normalisation takes the mean of every channel over the utterance away: whatever is the same
    throughout it, a held note or a speaker's register, does not reach the decoder.
    """

    def forward(self, x: torch.Tensor, mask: torch.Tensor, known=None) -> torch.Tensor:
        """As InstanceNorm's; nothing has to be known of the whole."""
        x = x.float()
        centred = x - x.mean(1, keepdim=True)
        return centred * torch.rsqrt(centred.square().mean(1, keepdim=True) + self.eps) * mask


NORMS = {"instance": InstanceNorm, "frame": FrameNorm}


class Encoder(nn.Module):
    """Units [B, N, in_dim] to one vector per mel frame [B, T, conv_dim]. norm: one of NORMS."""

    def __init__(self, in_dim: int, prenet_dim: int, conv_dim: int, dropout: float, norm: str = "instance"):
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"norm is one of {', '.join(NORMS)}, found {norm!r}")
        norm = NORMS[norm]
        self.prenet = PreNet(in_dim, prenet_dim, prenet_dim, dropout)
        self.convs = nn.Sequential(
            nn.Conv1d(prenet_dim, conv_dim, 5, padding=2),
            nn.ReLU(),
            norm(),
            nn.ConvTranspose1d(conv_dim, conv_dim, 2 * UPSAMPLING, UPSAMPLING, padding=UPSAMPLING // 2),
            nn.Conv1d(conv_dim, conv_dim, 5, padding=2),
            nn.ReLU(),
            norm(),
            nn.Conv1d(conv_dim, conv_dim, 5, padding=2),
            nn.ReLU(),
            norm(),
        )

    def forward(
        self, units: torch.Tensor, mask: torch.Tensor, known: Sequence | None = None, before: int = NO_NORM
    ) -> torch.Tensor:
        """Encode units [B, N, in_dim]; mask [B, 1, N] is 1 on valid units, 0 on padding.

        known: of each norm in turn what InstanceNorm takes. before: the norm whose input is returned.
        """
        x, norm = self.prenet(units).transpose(1, 2), 0
        for layer in self.convs:
            if isinstance(layer, InstanceNorm):
                if norm == before:
                    break
                # Autocast would leave fp32 here; casting back keeps a half-precision model consistent.
                x = layer(x, mask, known[norm] if known else None).to(x.dtype)
                norm += 1
            elif isinstance(layer, nn.ConvTranspose1d):
                x = layer(x * mask)
                mask = mask.repeat_interleave(UPSAMPLING, dim=-1)
            elif isinstance(layer, nn.Conv1d):
                x = layer(x * mask)
            else:
                x = layer(x)
        return x.transpose(1, 2)


class Decoder(nn.Module):
    """Three LSTMs, the last two residual, from encoder frames and the previous mel frame to a mel frame."""

    def __init__(self, conv_dim: int, mel_prenet_dim: int, lstm_dim: int, n_mels: int, dropout: float):
        super().__init__()
        self.prenet = PreNet(n_mels, mel_prenet_dim, mel_prenet_dim, dropout)
        self.lstm1 = nn.LSTM(conv_dim + mel_prenet_dim, lstm_dim, batch_first=True)
        self.lstm2 = nn.LSTM(lstm_dim, lstm_dim, batch_first=True)
        self.lstm3 = nn.LSTM(lstm_dim, lstm_dim, batch_first=True)
        self.proj = nn.Linear(lstm_dim, n_mels, bias=False)

    def forward(self, encoded: torch.Tensor, mels: torch.Tensor) -> torch.Tensor:
        """encoded [B, T, conv_dim], previous frames mels [B, T, n_mels] to predicted [B, T, n_mels]."""
        x = torch.cat((encoded, self.prenet(mels)), dim=-1)
        x, _ = self.lstm1(x)
        x = x + self.lstm2(x)[0]
        x = x + self.lstm3(x)[0]
        return self.proj(x)


class AcousticModel(nn.Module):
    """Units to log-mel. The defaults are the sizes of the three-part units (content, pitch, dynamics).

    decoder: "autoregressive" (mel_prenet_dim, lstm_dim) or "parallel" (blocks). norm: one of NORMS. high: of
    a voice with rows above 8 kHz the sizes of its `bands.Band`, which are added to n_mels; parallel only.
    level_db: active level of the recordings whose mels it makes, where that is known.
    """

    level_db: float | None = None

    def __init__(
        self,
        in_dim: int = 768,
        prenet_dim: int = 384,
        conv_dim: int = 512,
        mel_prenet_dim: int = 256,
        lstm_dim: int = 768,
        n_mels: int = N_MELS,
        dropout: float = 0.5,
        norm: str = "instance",
        decoder: str = "autoregressive",
        blocks: int = 4,
        **high: Any,
    ):
        super().__init__()
        if decoder not in ("autoregressive", "parallel"):
            raise ValueError(f"decoder is autoregressive or parallel, found {decoder!r}")
        self.parallel, self.band = decoder == "parallel", Band(**high)
        if self.band.is_wide and not self.parallel:
            raise ValueError("rows above 8 kHz are the parallel decoder's")
        self.kind = f"{decoder} decoder, {norm} norm"  # what weights of the same shapes do not tell
        self.encoder = Encoder(in_dim, prenet_dim, conv_dim, dropout, norm)
        if self.parallel:
            self.decoder = ParallelDecoder(conv_dim, blocks, n_mels + self.band.high_bands)
        else:
            self.decoder = Decoder(conv_dim, mel_prenet_dim, lstm_dim, n_mels, dropout)

    def forward(self, units: torch.Tensor, mels: torch.Tensor, lengths=None) -> torch.Tensor:
        """Predict every mel frame from the units and, autoregressive, the true previous frames.

        Args:
            units: [B, N, in_dim].
            mels: [B, T, n_mels] log-mel shifted by one frame: mels[:, 0] is zeros, mels[:, j] is frame j - 1.
                The parallel decoder does not look at it.
            lengths: [B] valid units of each item of a padded batch; None when all are full.
        Returns:
            log-mel [B, T, n_mels]; valid frames are what single calls give, padded frames are 0.
        Raises:
            ValueError: mels that are not T = 2N frames, or a length outside 1..N.
        """
        frames = UPSAMPLING * units.shape[1]
        if mels.shape[1] != frames:
            raise ValueError(f"{units.shape[1]} units need {frames} mel frames, got {mels.shape[1]}")
        mask = valid_mask(units, lengths)
        valid, encoded = _frame_mask(mask), self.encoder(units, mask)
        return self.decoder(encoded, valid if self.parallel else mels) * valid

    @torch.inference_mode()
    def generate(self, units: torch.Tensor, lengths=None) -> torch.Tensor:
        """Predict log-mel [B, T, n_mels] from units [B, N, in_dim], autoregressive from its own frames too.

        Dropout is off whatever the mode of the model, and the first previous frame is zeros. lengths, errors
        and padded frames are as in `forward`; autocast does not reach the autoregressive decoder.
        """
        mask = valid_mask(units, lengths)
        valid = _frame_mask(mask)
        with evaluating(self):
            encoded = self.encoder(units, mask)
            if self.parallel:
                return self.decoder(encoded, valid) * valid
        return decode(self.decoder, encoded) * valid

    @property
    def reach(self) -> int:
        """Units either side that have to do with a mel frame, but for the LSTMs' past."""
        first, *later = (layer for layer in self.encoder.convs if isinstance(layer, nn.Conv1d))
        frames = reach(*later, *(self.decoder.blocks if self.parallel else ()))
        return reach(first) + 1 + -(-frames // UPSAMPLING)  # 1: the transposed convolution

    def generate_pieces(
        self, pieces: Callable[[], Iterable[torch.Tensor]], live: bool = False
    ) -> Iterator[torch.Tensor]:
        """As `generate` of all units together: log-mels [1, T', n_mels] that follow one another.

        pieces(): units [1, N', in_dim] that follow one another, called again for each pass that an instance
        norm takes. live: mels are given before the next units are there, and such norms are of one piece.
        """
        from acoustic.pieces import generate  # noqa: PLC0415  which is made of this model's parts

        return generate(self, pieces, live)


def valid_mask(units: torch.Tensor, lengths=None) -> torch.Tensor:
    """[B, 1, N] in the type of units [B, N, D]: 1 on the first lengths[b] units (all when None), else 0.

    Raises ValueError for lengths that are not one integer in 1..N per item.
    """
    batch, count = units.shape[:2]
    if lengths is None:
        return units.new_ones(batch, 1, count)
    lengths = torch.as_tensor(lengths)
    if lengths.shape != (batch,):
        raise ValueError(f"lengths must hold {batch} numbers, one per item, got shape {tuple(lengths.shape)}")
    if lengths.min() < 1 or lengths.max() > count:
        raise ValueError(f"lengths must lie in 1..{count} units, got {lengths.tolist()}")
    positions = torch.arange(count, device=units.device)
    return (positions < lengths.to(units.device)[:, None, None]).to(units.dtype)


def _frame_mask(mask: torch.Tensor) -> torch.Tensor:
    """Unit mask [B, 1, N] to mel frame mask [B, T, 1]."""
    return mask.repeat_interleave(UPSAMPLING, dim=-1).transpose(1, 2)


@contextmanager
def evaluating(module: nn.Module):
    """Switch every submodule to eval mode, and back to its own mode afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


class ParallelDecoder(nn.Module):
    """Encoder frames [B, T, conv_dim] to log-mel [B, T, n_mels]."""

    def __init__(self, conv_dim: int, blocks: int, n_mels: int = N_MELS):
        super().__init__()
        self.blocks = nn.ModuleList(Block(conv_dim) for _ in range(blocks))
        self.norm = nn.LayerNorm(conv_dim)
        self.proj = nn.Linear(conv_dim, n_mels)

    def forward(self, encoded: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """mask [B, T, 1] is 1 on valid frames; what is beyond them reaches no other frame."""
        return MEL_MEAN + MEL_STD * self.proj(self.features(encoded, mask)).float()

    def features(self, encoded: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the last layer is given, [B, T, conv_dim]."""
        x = encoded
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)
