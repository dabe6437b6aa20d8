"""A vocoder of harmonics and noise: pulses at the pitch of the voice, and noise, filtered at frame rate.

A network that draws phases has to learn how they turn from frame to frame at every pitch. Here they turn by
themselves: a train of pulses, and noise, go through filters that a network predicts for each frame. The pitch
of the pulses is given, or predicted from the mel. Source and filter as in Wang, Takaki and Yamagishi, "Neural
source-filter waveform models for statistical parametric speech synthesis", 2019; harmonics plus filtered
noise as in Engel et al., "DDSP: Differentiable digital signal processing", ICLR 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audio import MEL_HOP, N_MELS
from bands import LOW, Band
from common.layers import reach
from vocoder.breath import NOTHING, gains
from vocoder.envelope import envelope
from vocoder.excitation import LOG_START, MEL_REACH, UNKNOWN, filtered, pulse_envelope
from vocoder.frames import WINDOW_REACH, Trunk, Windows, initialise
from vocoder.high_half import JOIN, HighHalf
from vocoder.pulses import frame_turns, pulse_train
from vocoder.source import Source, fixed_noise, white_noise

LOWEST, HIGHEST = 40.0, 1250.0  # Hz
PITCHES = 150  # equal steps of log-F0 between them, 40 cents each
SPREAD = 1.0  # standard deviation of a target, in steps
REACH = 3  # steps around the most likely one that its mean is taken over
HELD = 0.1  # weight of unvoiced frames, whose pitch is interpolated, against that of voiced ones
CONDITIONED = 0.5  # fraction of the training waves whose F0 and voicing are given
WINDOWS = Windows()
PULSE_REACH = 3  # frames whose F0 or voicing a sample of the pulses depends on, either side
TINY = 1e-6


class HarmonicGenerator(nn.Module):
    """log-mel [B, rows, T] -> wav [B, 1, hop T] at the rate of its band, on the grid of audio.log_mel.

    dim: channels; blocks: how many; pitch_dim, pitch_blocks: the same of the part that predicts the pitch;
    relative: whether its filters are relative to the level that the mel has at each bin, as those above JOIN
    are; band: what its Band is made of. Of a wide one high_dim and high_blocks are those of the part that
    draws what lies above JOIN; the rest of the model is that of 16 kHz, and reads the n_mels lower rows
    alone. In training its noise is drawn anew at each call; else it is the same at every call.
    """

    conditioned_on_f0 = True
    level_db: float | None = None

    def __init__(
        self,
        n_mels: int = N_MELS,
        dim: int = 384,
        blocks: int = 8,
        pitch_dim: int = 128,
        pitch_blocks: int = 3,
        high_dim: int = 192,
        high_blocks: int = 4,
        relative: bool = False,
        **band: Any,
    ):
        super().__init__()
        self.n_mels, self.band, self.relative = n_mels, Band(**band), relative
        self.pitch_trunk = Trunk(pitch_dim, pitch_blocks, n_mels)
        self.pitch_head = nn.Linear(pitch_dim, PITCHES + 1)  # the last: whether there is one
        self.trunk = Trunk(dim, blocks, n_mels)
        self.head = nn.Linear(dim, 3 * WINDOWS.bins)
        # Embedding of the voicing, under the name that checkpoints have for it. The window of a mel frame
        # reaches 32 ms to both sides, so an unvoiced frame beside a vowel holds its harmonics: only given
        # voicing can keep them out.
        self.told = nn.Embedding(3, dim, padding_idx=UNKNOWN)
        initialise(self)
        nn.init.zeros_(self.told.weight)
        if not relative:
            nn.init.constant_(self.head.bias[: 2 * WINDOWS.bins], LOG_START)
        self.high = None
        if self.band.is_wide:
            self.high = HighHalf(self.band, n_mels + self.band.high_bands, high_dim, high_blocks)

    @property
    def _hops(self) -> list[int]:
        """Samples in a frame: at 16 kHz, and of a wide model at its rate."""
        return [MEL_HOP, *([self.band.hop] if self.band.is_wide else [])]

    @property
    def reach(self) -> int:
        """Mel frames either side that have to do with a sample, but for the turns of the pulses before it."""
        pulses = 2 * WINDOW_REACH + PULSE_REACH
        trunks = [self.trunk, *([] if self.high is None else [self.high.trunk])]
        return max(
            *(reach(trunk) + WINDOW_REACH for trunk in trunks),
            MEL_REACH + WINDOW_REACH,
            reach(self.pitch_trunk) + pulses,
        )

    def at_16_khz(self) -> HarmonicGenerator:
        """Itself without what lies above, which gives the wave of 16 kHz."""
        if self.band.is_wide and self.relative:
            self._reach_8_khz()
        self.high, self.band = None, LOW
        return self

    @torch.no_grad()
    def _reach_8_khz(self) -> None:
        """Filters from JOIN to 8 kHz, which a wide model never uses: those of the last bin that it does."""
        for part in (self.head.weight, self.head.bias):
            filters = part.unflatten(0, (3, WINDOWS.bins))
            filters[:, JOIN:] = filters[:, JOIN - 1 : JOIN].clone()

    def low_parts(self) -> list[nn.Module]:
        """What a model of 16 kHz has."""
        return [self.pitch_trunk, self.pitch_head, self.trunk, self.head, self.told]

    def forward(
        self,
        mel: Tensor,
        f0: Tensor | None = None,
        voiced: Tensor | None = None,
        source: Source | None = None,
        breath: Sequence[float] = NOTHING,
    ) -> Tensor:
        """mel [B, rows, T] -> wav [B, 1, hop T], cut to -1 .. 1.

        f0 [B, T] in Hz, on unvoiced frames too, and bool voiced [B, T] replace what is predicted from the
        mel. No pulse sounds on unvoiced frames; how strong pulses are on voiced ones the mel decides. source:
        phases and noise of the recording of which the mel is a piece. breath: dB by which the noise of frames
        that are given as voiced is raised, in each of VOICE_HZ.
        """
        logits = self._predict_f0(mel)
        if f0 is None:
            f0 = hertz(logits.detach())
            return self._synthesise(mel, f0, logits[..., PITCHES:].detach(), source=source)
        f0, voicing = f0.clamp(min=LOWEST), voiced.long()
        return self._synthesise(mel, f0, logits[..., PITCHES:], voicing, source=source, breath=breath)

    def with_pitch_loss(
        self,
        mel: Tensor,
        f0: Tensor,
        voiced: Tensor,
        draws: tuple[Tensor, ...] | None = None,
        total: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """(wav [B, 1, hop T], loss of the predicted pitch) for f0 [B, T] in Hz (0: not known), voiced [B, T].

        In training about half of the waves are given both, the others go by what is predicted. draws: its
        random numbers by `draw` (None: drawn here); total: see `pitch_loss`.
        """
        logits = self._predict_f0(mel)
        pitch, voicing, known = hertz(logits.detach()), logits[..., PITCHES:].detach(), None
        noises = None
        if self.training:
            chance, *noises = draws or self.draw(mel)
            given = chance < CONDITIONED
            pitch = torch.where(given, f0.clamp(min=LOWEST), pitch)
            known = torch.where(given, voiced.long(), UNKNOWN)
        wav = self._synthesise(mel, pitch, voicing, known, noises)
        return wav, pitch_loss(logits, f0, voiced, total)

    def draw(self, mel: Tensor) -> tuple[Tensor, ...]:
        """What is random in training: chances [B, 1] that pitch and voicing are given, noise [B, hop T] of
        every rate."""
        chance = torch.rand(len(mel), 1, device=mel.device)
        return chance, *(white_noise(mel, hop, mel.shape[-1]) for hop in self._hops)

    def _predict_f0(self, mel: Tensor) -> Tensor:
        """Logits [B, T, PITCHES + 1] of pitch and, last, of voicing; float32 under autocast too."""
        hidden = self.pitch_trunk(mel[:, : self.n_mels])
        with torch.autocast(mel.device.type, enabled=False):
            return self.pitch_head(hidden.to(mel.dtype))

    def _synthesise(
        self,
        mel: Tensor,
        f0: Tensor,
        logits: Tensor,
        voicing: Tensor | None = None,
        noises: list[Tensor] | None = None,
        source: Source | None = None,
        breath: Sequence[float] = NOTHING,
    ) -> Tensor:
        """Filtered pulses at f0 [B, T], by the logits [B, T, 1] of voicing, and filtered noise [B, hop T].

        voicing [B, T]: UNVOICED, VOICED or UNKNOWN; None: all unknown. noises: of every rate. source, breath:
        see `forward`.
        """
        x = self.trunk(mel[:, : self.n_mels], None if voicing is None else self.told(voicing))
        high = None if self.high is None else self.high.hidden(mel, voicing)
        # Phases and FFTs need single precision.
        with torch.autocast(mel.device.type, enabled=False):
            turns = frame_turns(f0) if source is None else source.frame_turns(f0)
            noises = noises or [self._noise(mel, hop, source) for hop in self._hops]
            pulses = pulse_train(f0, turns)
            if voicing is not None:
                # In time, before windows of 40 ms blur where a voice begins.
                pulses = pulses * pulse_envelope(voicing, f0)
            pulses = WINDOWS.analyse(pulses) * logits.sigmoid()
            noise = WINDOWS.analyse(noises[0])
            level = self._level(mel) if self.relative else 0.0
            raised = gains(breath, 0, WINDOWS.bins)
            spectrum = filtered(pulses, noise, self.head(x.to(mel.dtype)), voicing, level, raised)
            if high is None:
                return WINDOWS.overlap_add(spectrum).clamp(-1, 1)
            above = self.high.spectrum(mel, high.to(mel.dtype), f0, turns, logits, voicing, noises[1], breath)
            return self.high.joined(spectrum[..., :JOIN], above * self.high.gate(mel)).clamp(-1, 1)

    def _level(self, mel: Tensor) -> Tensor:
        """[B, rows, T] -> nepers [B, T, bins] that the filters are relative to."""
        return envelope(LOW, 0, WINDOWS.bins).levels(mel[:, : self.n_mels].transpose(1, 2))

    def _noise(self, mel: Tensor, hop: int, source: Source | None) -> Tensor:
        """White noise [B, hop T] of variance one."""
        if source is not None:
            return source.noise(mel, hop)
        return white_noise(mel, hop, mel.shape[-1], None if self.training else fixed_noise(mel, hop))

    def remove_weight_norm(self) -> HarmonicGenerator:
        """There is none to fold; every vocoder has this call before inference."""
        return self


def place(f0: Tensor) -> Tensor:
    """Hz -> step, fractional; 0 is LOWEST, PITCHES - 1 is HIGHEST."""
    return torch.log2(f0 / LOWEST) * ((PITCHES - 1) / math.log2(HIGHEST / LOWEST))


def hertz(logits: Tensor) -> Tensor:
    """[B, T, PITCHES + 1] -> F0 [B, T] in Hz: mean of log-F0 around the most likely step (CREPE, 2018)."""
    logits = logits[..., :PITCHES]
    steps = torch.arange(PITCHES, device=logits.device)
    near = (steps - logits.argmax(-1, keepdim=True)).abs() <= REACH
    weight = logits.masked_fill(~near, -torch.inf).softmax(-1)
    return LOWEST * 2 ** ((weight * steps).sum(-1) * (math.log2(HIGHEST / LOWEST) / (PITCHES - 1)))


def pitch_weights(f0: Tensor, voiced: Tensor) -> Tensor:
    """How much frames [B, T] count in the loss of the predicted pitch."""
    return _in_range(f0) * torch.where(voiced, 1.0, HELD)


def _in_range(f0: Tensor) -> Tensor:
    return (f0 >= LOWEST) & (f0 <= HIGHEST)


def pitch_loss(logits: Tensor, f0: Tensor, voiced: Tensor, total: Tensor | None = None) -> Tensor:
    """Cross-entropies of logits [B, T, PITCHES + 1], of voicing plus of pitch.

    Pitch: with Gaussians around f0 [B, T]; where that is 0 or out of range it does not count. total: weight
    that its sum is divided by, instead of that of these frames.
    """
    centre = place(torch.where(_in_range(f0), f0, LOWEST)).unsqueeze(-1)
    steps = torch.arange(PITCHES, device=logits.device)
    target = F.softmax(-((steps - centre) ** 2) / (2 * SPREAD**2), dim=-1)
    losses = -(target * F.log_softmax(logits[..., :PITCHES], dim=-1)).sum(-1)
    weight = pitch_weights(f0, voiced)
    of_pitch = (losses * weight).sum() / (weight.sum() if total is None else total).clamp(min=TINY)
    return of_pitch + F.binary_cross_entropy_with_logits(logits[..., PITCHES], voiced.to(logits.dtype))
