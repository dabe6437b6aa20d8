"""A vocoder that hears the pitch in the mel and sings it: harmonics and noise, filtered at frame rate.

A network that draws phases has to learn how they turn from frame to frame at every pitch. Here they turn by
themselves: a train of pulses at the pitch heard, and noise, go through filters that a network draws for each
frame. Source and filter as in Wang, Takaki and Yamagishi, "Neural source-filter waveform models for
statistical parametric speech synthesis", 2019; harmonics plus filtered noise as in Engel et al., "DDSP:
Differentiable digital signal processing", ICLR 2020.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audio import MEL_HOP, N_FFT, N_MELS, SAMPLE_RATE
from vocoder.frames import BINS, Trunk, analyse, initialise, overlap_add


class Span(NamedTuple):
    """Units start to stop of a recording, played in the time of `units`, of which `edge` go at both ends."""

    start: int
    stop: int
    units: int
    edge: int = 0

    @classmethod
    def whole(cls, units: int) -> Span:
        """All of a recording, at its own speed."""
        return cls(0, units, units)


def frame_pitch(f0: np.ndarray, span: Span) -> tuple[np.ndarray, np.ndarray]:
    """F0 [N] of units in Hz, 0 = unvoiced -> (Hz float32 [T], voiced bool [T]) of a span's mel frames.

    Log-F0 is interpolated, through unvoiced gaps too, and held at the ends; 0 where nothing is voiced.
    """
    speed = (span.stop - span.start) / span.units
    frames = np.arange(2 * span.edge, 2 * (span.units - span.edge))
    place = span.start + (frames / 2 + 0.25) * speed - 0.5  # among the units' centres
    known = np.flatnonzero(f0)
    if not len(known):
        return np.zeros(len(frames), np.float32), np.zeros(len(frames), bool)
    hertz = speed * np.exp(np.interp(place, known, np.log(f0[known])))
    nearest = np.clip(np.round(place), 0, len(f0) - 1).astype(int)
    return hertz.astype(np.float32), f0[nearest] > 0


def sing_units(vocoder, mel: Tensor, f0: np.ndarray) -> Tensor:
    """mel [1, n_mels, 2N] by a vocoder that can be told its F0, of units [N] in Hz, 0 = unvoiced -> wav
    [1, 1, 320N]."""
    hertz, voiced = (
        torch.from_numpy(told)[None].to(mel.device) for told in frame_pitch(f0, Span.whole(len(f0)))
    )
    return vocoder.sing(mel, hertz.to(mel), voiced)


LOWEST, HIGHEST = 40.0, 1250.0  # Hz
PITCHES = 150  # equal steps of log-F0 between them, 40 cents each
SPREAD = 1.0  # of a target, in steps
REACH = 3  # steps around the most likely one that its mean is taken over
BAND = 7800.0  # Hz; no harmonic lies above
LOG_MAX = 2.0  # of a filter: a sine at full scale needs 0
LOG_START = -4.0
HELD = 0.1  # weight of frames that have no pitch of their own, against those that have
UNVOICED, VOICED, NOT_TOLD = range(3)  # what a frame is told
TOLD = 0.5  # of the waves it is trained on are told, the others heard
MEL_REACH = -(-N_FFT // 2 // MEL_HOP)  # frames by which the window of a mel frame overlaps others
EDGE = 80  # samples, 5 ms, on both sides of where a low voice sets in or dies away: in which it does
FADE = 240  # samples inside of there, 15 ms: in which a high voice does
LOW_VOICE, HIGH_VOICE = 100.0, 150.0  # Hz; the one is heard as long as it sounds, the other a frame longer
BLUR = 17  # bins of 25 Hz, wider than the harmonics of all but the highest voices lie apart
TINY = 1e-6


class HarmonicGenerator(nn.Module):
    """log-mel [B, n_mels, T] -> wav [B, 1, 160T], on the grid of audio.log_mel.

    dim: channels; blocks: how many; pitch_dim, pitch_blocks: the same of the part that hears the pitch.
    While it is trained its noise is drawn anew, and half of the waves are sung as told; else its noise is the
    same at every call.
    """

    needs_pitch = True  # of its training data

    def __init__(
        self,
        n_mels: int = N_MELS,
        dim: int = 384,
        blocks: int = 8,
        pitch_dim: int = 128,
        pitch_blocks: int = 3,
    ):
        super().__init__()
        self.pitch_trunk = Trunk(pitch_dim, pitch_blocks, n_mels)
        self.pitch_head = nn.Linear(pitch_dim, PITCHES + 1)  # and whether there is one
        self.trunk = Trunk(dim, blocks, n_mels)
        self.head = nn.Linear(dim, 3 * BINS)
        # A mel's windows reach 32 ms to both sides: next to a vowel a frame without pitch has its harmonics
        # in it, and only who is told can leave them out.
        self.told = nn.Embedding(3, dim, padding_idx=NOT_TOLD)
        initialise(self)
        nn.init.zeros_(self.told.weight)
        nn.init.constant_(self.head.bias[: 2 * BINS], LOG_START)

    def forward(self, mel: Tensor, f0: Tensor | None = None, voiced: Tensor | None = None):
        """mel [B, n_mels, T] -> wav [B, 1, 160T], cut to -1 .. 1.

        With f0 [B, T] in Hz (0: not known) and voiced [B, T] also the loss of the pitch heard: (wav, loss).
        """
        logits = self._hear(mel)
        pitch, voicing, told = hertz(logits.detach()), logits[..., PITCHES:].detach(), None
        if f0 is not None and self.training:
            chosen = torch.rand(len(mel), 1, device=mel.device) < TOLD
            pitch = torch.where(chosen, f0.clamp(min=LOWEST), pitch)
            told = torch.where(chosen, voiced.long(), NOT_TOLD)
        wav = self._sound(mel, pitch, voicing, told)
        return wav if f0 is None else (wav, pitch_loss(logits, f0, voiced))

    def sing(self, mel: Tensor, f0: Tensor, voiced: Tensor) -> Tensor:
        """mel [B, n_mels, T], F0 [B, T] in Hz, on unvoiced frames too, and voiced [B, T] -> wav [B, 1, 160T].

        For who knows the pitch better than a mel can tell it. No pulse sounds where it is unvoiced; where it
        is voiced, how much of one is still heard in the mel.
        """
        return self._sound(mel, f0.clamp(min=LOWEST), self._hear(mel)[..., PITCHES:], voiced.long())

    def _hear(self, mel: Tensor) -> Tensor:
        """Logits [B, T, PITCHES + 1] of pitch and, last, of voicing; float32 under autocast too."""
        heard = self.pitch_trunk(mel)
        with torch.autocast(mel.device.type, enabled=False):
            return self.pitch_head(heard.to(mel.dtype))

    def _sound(self, mel: Tensor, f0: Tensor, voicing: Tensor, told: Tensor | None = None) -> Tensor:
        """Filtered pulses at f0 [B, T], by the logits [B, T, 1] of voicing and what is told [B, T] of it, and
        filtered noise."""
        x = self.trunk(mel, None if told is None else self.told(told))
        # Phases want whole floats, and so do FFTs.
        with torch.autocast(mel.device.type, enabled=False):
            pulses = pulse_train(f0)
            if told is not None:
                # In time, before windows of 40 ms blur where a voice sets in.
                pulses = pulses * swell(told, f0)
            pulses = analyse(pulses) * voicing.sigmoid()
            noise = analyse(self._noise(pulses.shape[0], mel))
            of_pulses, of_noise, turn = self.head(x.to(mel.dtype)).split(BINS, dim=-1)
            if told is not None:
                of_noise = torch.where(beside_voice(told).unsqueeze(-1), blurred(of_noise), of_noise)
            spectrum = pulses * torch.polar(of_pulses.clamp(max=LOG_MAX).exp(), turn)
            spectrum = spectrum + noise * of_noise.clamp(max=LOG_MAX).exp()
            return overlap_add(spectrum).clamp(-1, 1)

    def _noise(self, count: int, mel: Tensor) -> Tensor:
        """White noise [count, 160T] of variance one."""
        shape = (count, MEL_HOP * mel.shape[-1])
        if self.training:
            return torch.randn(shape, dtype=mel.dtype, device=mel.device)
        fixed = torch.Generator(mel.device).manual_seed(0)
        return torch.randn(shape, generator=fixed, dtype=mel.dtype, device=mel.device)

    def remove_weight_norm(self) -> HarmonicGenerator:
        """There is none to fold; every vocoder has this call before inference."""
        return self


def swell(told: Tensor, f0: Tensor) -> Tensor:
    """Strength [B, 160T], 0 to 1, of the pulses at f0 [B, T] in Hz of frames told [B, T] what is voiced.

    Straight lines about the edges of what is told, EDGE to both sides of them, for a low voice; within FADE
    inside of them for a high one, which at full strength from its first sample is heard in the frame before.
    """
    unvoiced = (told == UNVOICED).repeat_interleave(MEL_HOP, dim=-1)
    inside = _distance(unvoiced) - _distance(~unvoiced)  # of the edge; outside of it below 0
    octaves = torch.log2(_at_samples(f0) / LOW_VOICE) / math.log2(HIGH_VOICE / LOW_VOICE)
    height = octaves.clamp(0, 1)
    return (torch.lerp(inside + EDGE, inside, height) / (2 * EDGE + (FADE - 2 * EDGE) * height)).clamp(0, 1)


def _distance(marked: Tensor) -> Tensor:
    """bool [B, N] -> float [B, N]: samples to the nearest one marked, FADE or more where there is none."""
    return torch.minimum(_since(marked), _since(marked.flip(-1)).flip(-1)).float()


def _since(marked: Tensor) -> Tensor:
    """bool [B, N] -> [B, N]: samples since the last one marked, FADE or more before the first."""
    place = torch.arange(marked.shape[-1], device=marked.device).expand_as(marked)
    return place - torch.where(marked, place, -FADE).cummax(-1).values


def beside_voice(told: Tensor) -> Tensor:
    """Frames [B, T] told unvoiced whose mel has a voiced frame's harmonics in its window -> bool [B, T]."""
    voiced = (told == VOICED).float().unsqueeze(1)
    near = F.max_pool1d(voiced, 2 * MEL_REACH + 1, stride=1, padding=MEL_REACH).squeeze(1) > 0
    return near & (told == UNVOICED)


def blurred(log_filters: Tensor) -> Tensor:
    """[B, T, BINS] averaged over frequency, so that no harmonic is left in them."""
    edge = BLUR // 2
    return F.avg_pool1d(F.pad(log_filters, (edge, edge), mode="replicate"), BLUR, stride=1)


def place(f0: Tensor) -> Tensor:
    """Hz -> step, fractional; 0 is LOWEST, PITCHES - 1 is HIGHEST."""
    return torch.log2(f0 / LOWEST) * ((PITCHES - 1) / math.log2(HIGHEST / LOWEST))


def hertz(logits: Tensor) -> Tensor:
    """[B, T, PITCHES + 1] -> F0 [B, T] in Hz: mean of log-F0 around the most likely step (CREPE, 2018)."""
    logits = logits[..., :PITCHES]
    steps = torch.arange(PITCHES, device=logits.device)
    near = (steps - logits.argmax(-1, keepdim=True)).abs() <= REACH
    share = logits.masked_fill(~near, -torch.inf).softmax(-1)
    return LOWEST * 2 ** ((share * steps).sum(-1) * (math.log2(HIGHEST / LOWEST) / (PITCHES - 1)))


def pitch_loss(logits: Tensor, f0: Tensor, voiced: Tensor) -> Tensor:
    """Cross-entropies of logits [B, T, PITCHES + 1], of voicing plus of pitch.

    Pitch: with Gaussians around f0 [B, T]; where that is 0 or out of range it does not count.
    """
    known = (f0 >= LOWEST) & (f0 <= HIGHEST)
    centre = place(torch.where(known, f0, LOWEST)).unsqueeze(-1)
    steps = torch.arange(PITCHES, device=logits.device)
    target = F.softmax(-((steps - centre) ** 2) / (2 * SPREAD**2), dim=-1)
    losses = -(target * F.log_softmax(logits[..., :PITCHES], dim=-1)).sum(-1)
    weight = known * torch.where(voiced, 1.0, HELD)
    of_pitch = (losses * weight).sum() / weight.sum().clamp(min=TINY)
    return of_pitch + F.binary_cross_entropy_with_logits(logits[..., PITCHES], voiced.to(logits.dtype))


def pulse_train(f0: Tensor) -> Tensor:
    """F0 [B, T] in Hz of frames on 160j + 80 -> [B, 160T]: its harmonics below BAND, cosines of amplitude 1.

    Their sum in closed form (Dirichlet's kernel) costs the same however many there are.
    """
    f0 = _at_samples(f0)
    # Doubles: after a minute a float's turns are wrong by hundredths.
    turns = torch.cumsum(f0.double() / SAMPLE_RATE, dim=-1)
    turns = (turns - turns.round()).to(f0.dtype)
    count = torch.floor(BAND / f0)
    divisor = torch.sin(math.pi * turns)
    at_peak = divisor.abs() < TINY
    kernel = torch.sin((2 * count + 1) * math.pi * turns) / torch.where(at_peak, 1.0, divisor)
    return (torch.where(at_peak, 2 * count + 1, kernel) - 1) / 2


def _at_samples(frames: Tensor) -> Tensor:
    """[B, T] of frames on 160j + 80 -> [B, 160T], straight lines between them."""
    return F.interpolate(frames.unsqueeze(1), scale_factor=MEL_HOP, mode="linear").squeeze(1)
