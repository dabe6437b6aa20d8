"""What a wide vocoder has above that of 16 kHz: a trunk of its own, and a wave of another rate.

Windows have 40 ms and bins 25 Hz at every rate (see frames.py), so the spectra of the model of 16 kHz are the
lower bins of those of any rate, and are taken as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audio import LOG_FLOOR, MEL_HOP
from bands import Band
from vocoder.breath import NOTHING, gains
from vocoder.envelope import Envelope, envelope
from vocoder.excitation import UNKNOWN, filtered, pulse_envelope
from vocoder.frames import BIN_HZ, Trunk, Windows, initialise
from vocoder.pulses import pulse_train

JOIN = 296  # bins: from here on, 7.4 kHz, before the roll-off of resamplers that models of 16 kHz have learnt
PULSES_START = -2.0  # nepers of fresh pulses to the noise: up here voices are breath
GATE = 0.5  # nepers over which sound begins, and above the floor of a mel where it does
TOP = 20000.0  # Hz; above there is silence: nothing is known of it, and fresh filters would hiss
EDGE = 2  # bins below TOP that are silent, too: no loss sees all of them
OF_NYQUIST = 0.975  # and above this part of half the rate, for its resamplers


class HighHalf(nn.Module):
    """log-mel [B, n_mels, T], the high rows last -> the bins from JOIN on of a wave at the rate of `band`.

    dim: channels; blocks: how many.
    """

    def __init__(self, band: Band, n_mels: int, dim: int, blocks: int):
        super().__init__()
        self.windows, self.top = Windows(band.hop), min(TOP, OF_NYQUIST * band.rate / 2)
        self.count = int(self.top / BIN_HZ) - EDGE - JOIN  # bins
        self.band = band
        self.trunk = Trunk(dim, blocks, n_mels)
        self.filters = nn.Linear(dim, 3 * self.count)  # relative to the level that the mel has there
        self.told = nn.Embedding(3, dim, padding_idx=UNKNOWN)  # of the voicing; as in HarmonicGenerator
        initialise(self)
        nn.init.zeros_(self.told.weight)
        nn.init.constant_(self.filters.bias[: self.count], PULSES_START)

    def hidden(self, mel: Tensor, voicing: Tensor | None) -> Tensor:
        """[B, n_mels, T] and voicing [B, T] or None -> [B, T, dim]."""
        return self.trunk(mel, None if voicing is None else self.told(voicing))

    def spectrum(
        self,
        mel: Tensor,
        hidden: Tensor,
        f0: Tensor,
        turns: Tensor,
        logits: Tensor,
        voicing: Tensor | None,
        noise: Tensor,
        breath: Sequence[float] = NOTHING,
    ) -> Tensor:
        """Pulses at f0 [B, T] in Hz and noise [B, hop T] as a mel and its `hidden` say: bins [B, T, count].

        turns: those of the pulses' frames; logits [B, T, 1]: of voicing; breath: see HarmonicGenerator.
        """
        hop, bins = self.windows.hop, slice(JOIN, JOIN + self.count)
        pulses = pulse_train(f0, turns, hop, self.top)
        if voicing is not None:
            pulses = pulses * pulse_envelope(voicing, f0, hop)
        pulses = self.windows.analyse(pulses)[..., bins] * logits.sigmoid()
        # Of variance one at each rate, noise is the thinner the more hertz it is spread over.
        noise = self.windows.analyse(noise)[..., bins] * math.sqrt(hop / MEL_HOP)
        level = self._envelope.levels(self._rows(mel))
        raised = gains(breath, JOIN, self.count)
        return filtered(pulses, noise, self.filters(hidden), voicing, level, raised)

    def gate(self, mel: Tensor) -> Tensor:
        """[B, n_mels, T] -> [B, T, count], 0 where rows are at the floor of a mel and 1 where there is sound.

        A recording that ends below 20 kHz says nothing of the bins above, so no training makes them silent.
        """
        open_ = ((self._rows(mel) - math.log(LOG_FLOOR) - GATE) / GATE).clamp(0, 1)
        return self._envelope.at_bins(open_)

    @property
    def _envelope(self) -> Envelope:
        return envelope(self.band, JOIN, self.count)

    def _rows(self, mel: Tensor) -> Tensor:
        """[B, n_mels, T] -> [B, T, high_bands]."""
        return mel[:, -self.band.high_bands :].transpose(1, 2)

    def joined(self, low: Tensor, high: Tensor) -> Tensor:
        """Bins [B, T, JOIN] of a model of 16 kHz and `spectrum` -> wave [B, 1, hop T]."""
        bins = torch.arange(JOIN, dtype=high.real.dtype, device=low.device)
        scale = torch.full_like(bins, self.windows.hop / MEL_HOP)
        low = low * torch.polar(scale, 2 * math.pi * self.windows.late / self.windows.size * bins)
        silent = self.windows.bins - JOIN - self.count
        return self.windows.overlap_add(F.pad(torch.cat([low, high], dim=-1), (0, silent)))
