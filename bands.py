"""What a voice has above 8 kHz: its sample rate, and the rows of its mel there.

Beside audio.py, which stays the 16 kHz of every voice: units, labels, levels and the first 128 rows of a mel
mean the same at any rate. Only the rows here are made of the wave at the voice's own rate. All models and
rooms take that rate, the rows and their edges from one `Band`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from audio import MEL_F_MAX, MEL_HOP, N_MELS, SAMPLE_RATE, UNIT_HOP, at_rate, log_magnitudes

HIGH_MEAN = -7.4  # natural log; where rows above 8 kHz lie at an active level of -26 dB


@dataclass(frozen=True)
class Band:
    """rate: Hz, of what is given out; high_bands: rows of the mel in high_hz, made with high_n_fft samples.

    The defaults are a voice of 16 kHz, which has none.
    """

    rate: int = SAMPLE_RATE
    high_bands: int = 0
    high_hz: tuple[float, float] = (MEL_F_MAX, 20000.0)
    high_n_fft: int = 2048

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Band:
        """That of a preset's table [audio], or of a checkpoint's config.model; other keys do not matter."""
        given = {name: table[name] for name in cls.__dataclass_fields__ if name in table}
        if "high_hz" in given:
            given["high_hz"] = tuple(given["high_hz"])
        return cls(**given)

    @property
    def is_wide(self) -> bool:
        return self.high_bands > 0

    @property
    def sizes(self) -> dict[str, Any]:
        """What a checkpoint's config.model holds of it, to be rebuilt by `of`; of 16 kHz nothing."""
        return {**asdict(self), "high_hz": list(self.high_hz)} if self.is_wide else {}

    @property
    def unit(self) -> int:
        """Samples between units: 882 at 44.1 kHz."""
        return at_rate(UNIT_HOP, self.rate)

    @property
    def hop(self) -> int:
        """Samples between mel frames: 441 at 44.1 kHz."""
        return at_rate(MEL_HOP, self.rate)

    @property
    def n_mels(self) -> int:
        """Rows of a whole mel: 128, then those above 8 kHz."""
        return N_MELS + self.high_bands

    def rows(self, bandwidth: float) -> int:
        """How many rows above 8 kHz lie whole within a recording's bandwidth (Hz)."""
        return int((edges(self)[2:] <= bandwidth).sum())


LOW = Band()  # of every voice of 16 kHz


@cache
def filters(band: Band):
    """[high_bands, high_n_fft/2 + 1]: Slaney scale, Slaney (area) norm, as the rows below have them."""
    import torch  # noqa: PLC0415  see audio.log_magnitudes
    import torchaudio  # noqa: PLC0415

    with torch.inference_mode(False):  # kept from a conversion, they must serve a training, too
        return torchaudio.functional.melscale_fbanks(
            band.high_n_fft // 2 + 1,
            *band.high_hz,
            band.high_bands,
            band.rate,
            norm="slaney",
            mel_scale="slaney",
        ).T.contiguous()


def edges(band: Band) -> np.ndarray:
    """Hz [high_bands + 2]: row i begins at edge i, is at its highest at i + 1 and ends at i + 2.

    Above 1 kHz the Slaney scale is a logarithm.
    """
    return np.geomspace(*band.high_hz, band.high_bands + 2)


def high_mel(wav, band: Band):
    """Log-mel above 8 kHz: natural log of mel magnitudes, clamped at 1e-5, frame j centred on hop·(j + 1/2).

    wav: tensor or array [S] at band.rate, or a batch [B, 1, S], S a multiple of band.hop and more than half
    of high_n_fft. Returns a float32 tensor [high_bands, T] ([B, high_bands, T] for a batch), T = S / hop.
    """
    mel = log_magnitudes(wav, filters(band), band.hop)
    return mel if getattr(wav, "ndim", 1) == 3 else mel.squeeze(0)


def whole_mel(low, high):
    """Rows below 8 kHz [..., 128, T] and above [..., high_bands, T] as one mel [..., n_mels, T]."""
    import torch  # noqa: PLC0415

    return torch.cat([torch.as_tensor(low), torch.as_tensor(high)], dim=-2)
