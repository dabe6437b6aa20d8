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
import soxr

from audio import MEL_F_MAX, MEL_HOP, N_MELS, SAMPLE_RATE, UNIT_HOP, Prepared, at_rate, log_magnitudes
from common.preset_rules import band_fault

# Hz, bands in which it counts how much of a voice is harmonics and how much noise.
VOICE_HZ = ((500.0, 2000.0), (2000.0, 4000.0), (4000.0, 6000.0), (6000.0, 7800.0))
HIGH_MEAN = -7.4  # natural log; where rows above 8 kHz lie at an active level of -26 dB
STEP_HZ, WINDOW = 250.0, 2048  # of `bandwidth`: bands, and samples of its frames
ACTIVE_DB = 30.0  # below the loudest frame: what is softer is pause
LEAST_DB = -75.0  # of the speech's power, in one band
ROUNDING_DB = -109.0  # re full scale, in one band: 5 dB above what dithered rounding to 16 bits leaves there
GAP_HZ = 3000.0  # without sound, behind which there is no voice
_BLOCK = 512 * WINDOW  # samples that are worked on at once


@dataclass(frozen=True)
class Band:
    """rate: Hz, of what is given out; high_bands: rows of the mel in high_hz, made with high_n_fft samples.

    The defaults are a voice of 16 kHz, which has none.
    """

    rate: int = SAMPLE_RATE
    high_bands: int = 0
    high_hz: tuple[float, float] = (MEL_F_MAX, 20000.0)
    high_n_fft: int = 2048

    def __post_init__(self) -> None:
        """Raises ValueError for what does not go together, as a damaged checkpoint may have it."""
        object.__setattr__(self, "high_hz", tuple(self.high_hz))  # a list, as a file holds it
        if fault := band_fault(**asdict(self)):
            raise ValueError(fault)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Band:
        """That of a preset's table [audio], or of a checkpoint's config.model; other keys do not matter."""
        given = {name: table[name] for name in cls.__dataclass_fields__ if name in table}
        return cls(**given)

    @property
    def is_wide(self) -> bool:
        return self.high_bands > 0

    @property
    def sizes(self) -> dict[str, Any]:
        """What a checkpoint's config.model holds of it, to be rebuilt by `of`; of 16 kHz nothing."""
        return {**asdict(self), "high_hz": list(self.high_hz)} if self.is_wide else {}

    @property
    def words(self) -> str:
        """For messages."""
        if not self.is_wide:
            return f"none, {self.rate} Hz"
        low, high = self.high_hz
        return (
            f"{self.high_bands} rows of {low:g} to {high:g} Hz, {self.high_n_fft} samples at {self.rate} Hz"
        )

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


def same_span(prepared: Prepared, wav: np.ndarray, rate: int) -> np.ndarray:
    """What a prepared wav has of its source, of the whole source [S] at `rate`: float32 [at_rate(320 N)].

    The ends agree to half a sample at `rate`.
    """
    start, kept, size = (at_rate(count, rate) for count in (prepared.start, prepared.kept, len(prepared.wav)))
    part = wav[start : start + min(kept, size)]
    return np.pad(np.asarray(part, dtype=np.float32), (0, size - len(part)))


def lowered(wav: np.ndarray, band: Band) -> np.ndarray:
    """[unit N] at the rate of a band -> [320N] at 16 kHz, by the resampler of recordings; itself where it has
    that rate."""
    if not band.is_wide:
        return wav
    count = len(wav) // band.unit * UNIT_HOP
    low = soxr.resample(wav, band.rate, SAMPLE_RATE, quality="HQ")[:count]
    return np.pad(low, (0, count - len(low)))


def bandwidth(wav: np.ndarray, rate: int) -> float:
    """Up to which Hz a recording [S] holds sound, whatever its sample rate says: half the rate at most.

    Its edge is where bands of 250 Hz end that are audible in one of twenty frames of its speech: not LEAST_DB
    below that speech as a whole, and not as faint as the rounding of 16-bit files. Files that were written at
    a higher rate than they were recorded at hold less than that above their edge, but for what a bad
    resampler mirrors there, beyond a gap.
    """
    blocks = (wav[first : first + _BLOCK] for first in range(0, max(1, len(wav)), _BLOCK))
    powers = np.concatenate([_powers(block, rate) for block in blocks])
    total = powers.sum(axis=1)
    active = total > total.max(initial=0.0) * 10 ** (-ACTIVE_DB / 10)
    if not active.any():
        return 0.0
    least = max(total[active].mean() * 10 ** (LEAST_DB / 10), 10 ** (ROUNDING_DB / 10))
    audible = np.flatnonzero(np.percentile(powers[active], 95, axis=0) > least)
    if not len(audible):
        return 0.0
    gaps = np.flatnonzero(np.diff(audible) * STEP_HZ > GAP_HZ)
    last = audible[gaps[0]] if len(gaps) else audible[-1]
    return float(min(rate / 2, (last + 1) * STEP_HZ))


def _powers(wav: np.ndarray, rate: int) -> np.ndarray:
    """Power [frames, bands of STEP_HZ] of [S], in frames of WINDOW samples."""
    wav = np.pad(np.asarray(wav, dtype=np.float64), (0, -len(wav) % WINDOW)).reshape(-1, WINDOW)
    window = np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(wav * window)) ** 2 * (2 / (WINDOW * np.square(window).sum()))
    first = np.searchsorted(np.arange(power.shape[1]) * rate / WINDOW, np.arange(0, rate / 2, STEP_HZ))
    return np.add.reduceat(power, first, axis=1)
