"""Griffin-Lim: a vocoder without weights, log-mel [B, 128, T] -> wav [B, 1, 160T]."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import audio
from audio import MEL_HOP, N_FFT
from bands import LOW

# Against random phases and the momentum of .99 that Perraudin et al. propose, zero phases and .9 gave a
# smaller log-mel error and fewer voicing errors on speech and on harmonic sounds; and nothing is drawn.
MOMENTUM = 0.9
SPECTRUM_STEPS = 20  # more of them change the log-mel of the output by less than .001
EDGE = 3  # mel frames added at each end, about half a window
TINY = 1e-9  # magnitude


class GriffinLim(nn.Module):
    """Inverts audio.log_mel on its own time grid; deterministic.

    Griffin and Lim, "Signal estimation from modified short-time Fourier transform", 1984, with the
    momentum of Perraudin, Balazs and Sondergaard, "A fast Griffin-Lim algorithm", 2013.
    """

    conditioned_on_f0 = False
    band = LOW
    level_db: float | None = None

    def at_16_khz(self) -> GriffinLim:
        """Itself, which has no other rate."""
        return self

    def __init__(self, n_iter: int = 60):
        super().__init__()
        self.n_iter = n_iter
        self.register_buffer("filters", audio.mel_filters().clone(), persistent=False)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    @property
    def reach(self) -> int:
        """Mel frames either side that have to do with a sample: windows reach further with each iteration."""
        return (self.n_iter + 1) * -(-N_FFT // MEL_HOP)

    @torch.no_grad()
    def forward(self, mel: Tensor, f0: Tensor | None = None, voiced: Tensor | None = None) -> Tensor:
        """mel [B, 128, T] (natural log of magnitude) -> wav [B, 1, 160T]."""
        # Centred transforms have frame i on sample 160i; with the added frames, ours sit on 160j + 80 of
        # what is left after cutting all but half a hop of the additions.
        mel = F.pad(mel.float(), (EDGE, EDGE), mode="replicate")
        wav = self._with_phase(self._spectrum(mel.exp()))
        cut = EDGE * MEL_HOP - MEL_HOP // 2
        return wav[:, None, cut : wav.shape[-1] - cut]

    def _spectrum(self, mel: Tensor) -> Tensor:
        """Mel magnitudes [B, 128, T] -> non-negative linear magnitudes [B, 513, T].

        Multiplicative updates that lower the Kullback-Leibler divergence of the mels (Lee and Seung, 2001).
        The clamped pseudo-inverse and least squares leave the weak bands wrong: log-mel errors of .24 and
        .03 before any phase is sought, against .003.
        """
        weight = self.filters.sum(dim=0).clamp(min=TINY).unsqueeze(-1)
        spectrum = mel.new_ones(mel.shape[0], self.filters.shape[1], mel.shape[2])
        for _ in range(SPECTRUM_STEPS):
            ratio = mel / (self.filters @ spectrum).clamp(min=TINY)
            spectrum = spectrum * (self.filters.T @ ratio) / weight
        return spectrum

    def _with_phase(self, magnitude: Tensor) -> Tensor:
        """Magnitudes [B, 513, T] of centred frames -> wav [B, 160 (T - 1)]."""
        length = (magnitude.shape[-1] - 1) * MEL_HOP
        phase, last = torch.ones_like(magnitude, dtype=torch.complex64), 0.0
        for _ in range(self.n_iter):
            wav = self._inverse(magnitude * phase, length)
            # Zeros beyond the ends, as mirroring needs more than N_FFT / 2 samples.
            now = torch.stft(
                wav, N_FFT, MEL_HOP, window=self.window, pad_mode="constant", return_complex=True
            )
            ahead = now - MOMENTUM / (1 + MOMENTUM) * last
            phase, last = ahead / (ahead.abs() + TINY), now
        return self._inverse(magnitude * phase, length)

    def _inverse(self, spectrum: Tensor, length: int) -> Tensor:
        return torch.istft(spectrum, N_FFT, MEL_HOP, window=self.window, length=length)
