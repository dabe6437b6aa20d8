"""A vocoder of harmonics and noise: pulses at the pitch of the voice, and noise, filtered at frame rate.

A network that draws phases has to learn how they turn from frame to frame at every pitch. Here they turn by
themselves: a train of pulses, and noise, go through filters that a network predicts for each frame. The pitch
of the pulses is given, or predicted from the mel. Source and filter as in Wang, Takaki and Yamagishi, "Neural
source-filter waveform models for statistical parametric speech synthesis", 2019; harmonics plus filtered
noise as in Engel et al., "DDSP: Differentiable digital signal processing", ICLR 2020.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audio import MEL_HOP, N_FFT, N_MELS
from common.layers import reach
from vocoder.frames import BINS, WINDOW_REACH, Trunk, analyse, initialise, overlap_add
from vocoder.pulses import at_samples, pulse_train
from vocoder.source import Source, fixed_noise

LOWEST, HIGHEST = 40.0, 1250.0  # Hz
PITCHES = 150  # equal steps of log-F0 between them, 40 cents each
SPREAD = 1.0  # standard deviation of a target, in steps
REACH = 3  # steps around the most likely one that its mean is taken over
LOG_MAX = 2.0  # of a filter: a sine at full scale needs 0
LOG_START = -4.0  # of fresh filters
HELD = 0.1  # weight of unvoiced frames, whose pitch is interpolated, against that of voiced ones
UNVOICED, VOICED, UNKNOWN = range(3)  # voicing of a frame
CONDITIONED = 0.5  # fraction of the training waves whose F0 and voicing are given
MEL_REACH = -(-N_FFT // 2 // MEL_HOP)  # frames by which the window of a mel frame overlaps others
PULSE_REACH = 3  # frames whose F0 or voicing a sample of the pulses depends on, either side
EDGE = 80  # samples, 5 ms: a low voice begins and ends within these on both sides of a change of voicing
FADE = 240  # samples, 15 ms: a high voice begins and ends within these, inside its voiced frames
LOW_VOICE, HIGH_VOICE = 100.0, 150.0  # Hz; F0 trackers find the second a frame too long at full strength
BLUR = 17  # bins of 25 Hz, wider than the harmonics of all but the highest voices lie apart
TINY = 1e-6


class HarmonicGenerator(nn.Module):
    """log-mel [B, n_mels, T] -> wav [B, 1, 160T], on the grid of audio.log_mel.

    dim: channels; blocks: how many; pitch_dim, pitch_blocks: the same of the part that predicts the pitch.
    In training its noise is drawn anew at each call; else it is the same at every call.
    """

    conditioned_on_f0 = True

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
        self.pitch_head = nn.Linear(pitch_dim, PITCHES + 1)  # the last: whether there is one
        self.trunk = Trunk(dim, blocks, n_mels)
        self.head = nn.Linear(dim, 3 * BINS)
        # Embedding of the voicing, under the name that checkpoints have for it. The window of a mel frame
        # reaches 32 ms to both sides, so an unvoiced frame beside a vowel holds its harmonics: only given
        # voicing can keep them out.
        self.told = nn.Embedding(3, dim, padding_idx=UNKNOWN)
        initialise(self)
        nn.init.zeros_(self.told.weight)
        nn.init.constant_(self.head.bias[: 2 * BINS], LOG_START)

    @property
    def reach(self) -> int:
        """Mel frames either side that have to do with a sample, but for the turns of the pulses before it."""
        pulses = 2 * WINDOW_REACH + PULSE_REACH
        return max(
            reach(self.trunk) + WINDOW_REACH, MEL_REACH + WINDOW_REACH, reach(self.pitch_trunk) + pulses
        )

    def forward(
        self,
        mel: Tensor,
        f0: Tensor | None = None,
        voiced: Tensor | None = None,
        source: Source | None = None,
    ) -> Tensor:
        """mel [B, n_mels, T] -> wav [B, 1, 160T], cut to -1 .. 1.

        f0 [B, T] in Hz, on unvoiced frames too, and bool voiced [B, T] replace what is predicted from the
        mel. No pulse sounds on unvoiced frames; how strong pulses are on voiced ones the mel decides. source:
        phases and noise of the recording of which the mel is a piece.
        """
        logits = self._predict_f0(mel)
        if f0 is None:
            f0 = hertz(logits.detach())
            return self._synthesise(mel, f0, logits[..., PITCHES:].detach(), source=source)
        f0, voicing = f0.clamp(min=LOWEST), voiced.long()
        return self._synthesise(mel, f0, logits[..., PITCHES:], voicing, source=source)

    def with_pitch_loss(
        self,
        mel: Tensor,
        f0: Tensor,
        voiced: Tensor,
        draws: tuple[Tensor, Tensor] | None = None,
        total: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """(wav [B, 1, 160T], loss of the predicted pitch) for f0 [B, T] in Hz (0: not known), voiced [B, T].

        In training about half of the waves are given both, the others go by what is predicted. draws: its
        random numbers by `draw` (None: drawn here); total: see `pitch_loss`.
        """
        logits = self._predict_f0(mel)
        pitch, voicing, known = hertz(logits.detach()), logits[..., PITCHES:].detach(), None
        noise = None
        if self.training:
            chance, noise = draws or self.draw(mel)
            given = chance < CONDITIONED
            pitch = torch.where(given, f0.clamp(min=LOWEST), pitch)
            known = torch.where(given, voiced.long(), UNKNOWN)
        wav = self._synthesise(mel, pitch, voicing, known, noise)
        return wav, pitch_loss(logits, f0, voiced, total)

    def draw(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """What is random in training: chances [B, 1] that pitch and voicing are given, noise [B, 160T]."""
        chance = torch.rand(len(mel), 1, device=mel.device)
        return chance, torch.randn(len(mel), MEL_HOP * mel.shape[-1], dtype=mel.dtype, device=mel.device)

    def _predict_f0(self, mel: Tensor) -> Tensor:
        """Logits [B, T, PITCHES + 1] of pitch and, last, of voicing; float32 under autocast too."""
        hidden = self.pitch_trunk(mel)
        with torch.autocast(mel.device.type, enabled=False):
            return self.pitch_head(hidden.to(mel.dtype))

    def _synthesise(
        self,
        mel: Tensor,
        f0: Tensor,
        logits: Tensor,
        voicing: Tensor | None = None,
        noise: Tensor | None = None,
        source: Source | None = None,
    ) -> Tensor:
        """Filtered pulses at f0 [B, T], by the logits [B, T, 1] of voicing, and filtered noise [B, 160T].

        voicing [B, T]: UNVOICED, VOICED or UNKNOWN; None: all unknown. source: see `forward`.
        """
        x = self.trunk(mel, None if voicing is None else self.told(voicing))
        # Phases and FFTs need single precision.
        with torch.autocast(mel.device.type, enabled=False):
            pulses = pulse_train(f0) if source is None else source.pulses(f0)
            if voicing is not None:
                # In time, before windows of 40 ms blur where a voice begins.
                pulses = pulses * pulse_envelope(voicing, f0)
            pulses = analyse(pulses) * logits.sigmoid()
            if noise is None:
                noise = self._noise(pulses.shape[0], mel) if source is None else source.noise(mel)
            noise = analyse(noise)
            of_pulses, of_noise, turn = self.head(x.to(mel.dtype)).split(BINS, dim=-1)
            if voicing is not None:
                near = unvoiced_near_voiced(voicing).unsqueeze(-1)
                of_noise = torch.where(near, blurred(of_noise), of_noise)
            spectrum = pulses * torch.polar(of_pulses.clamp(max=LOG_MAX).exp(), turn)
            spectrum = spectrum + noise * of_noise.clamp(max=LOG_MAX).exp()
            return overlap_add(spectrum).clamp(-1, 1)

    def _noise(self, count: int, mel: Tensor) -> Tensor:
        """White noise [count, 160T] of variance one."""
        shape = (count, MEL_HOP * mel.shape[-1])
        if self.training:
            return torch.randn(shape, dtype=mel.dtype, device=mel.device)
        return torch.randn(shape, generator=fixed_noise(mel), dtype=mel.dtype, device=mel.device)

    def remove_weight_norm(self) -> HarmonicGenerator:
        """There is none to fold; every vocoder has this call before inference."""
        return self


def pulse_envelope(voicing: Tensor, f0: Tensor) -> Tensor:
    """Strength [B, 160T], 0 to 1, of the pulses at f0 [B, T] in Hz of frames with this voicing [B, T].

    Straight lines about each change of voicing: EDGE to both sides of it for a low voice, FADE inside the
    voiced frames for a high one, which an F0 tracker finds a frame early when it begins at full strength.
    """
    unvoiced = (voicing == UNVOICED).repeat_interleave(MEL_HOP, dim=-1)
    inside = _distance(unvoiced) - _distance(~unvoiced)  # samples from the change; negative outside
    octaves = torch.log2(at_samples(f0) / LOW_VOICE) / math.log2(HIGH_VOICE / LOW_VOICE)
    height = octaves.clamp(0, 1)
    return (torch.lerp(inside + EDGE, inside, height) / (2 * EDGE + (FADE - 2 * EDGE) * height)).clamp(0, 1)


def _distance(marked: Tensor) -> Tensor:
    """bool [B, N] -> float [B, N]: samples to the nearest one marked, FADE or more where there is none."""
    return torch.minimum(_since(marked), _since(marked.flip(-1)).flip(-1))


def _since(marked: Tensor) -> Tensor:
    """bool [B, N] -> float [B, N]: samples since the last one marked, FADE or more where that is far."""
    since, step = torch.where(marked, 0.0, float(FADE)), 1
    while step < FADE:  # what is known of the last `step` samples says it of twice as many
        earlier = F.pad(since, (step, 0), value=float(FADE))[..., : since.shape[-1]]
        since, step = torch.minimum(since, earlier + step), 2 * step
    return since


def unvoiced_near_voiced(voicing: Tensor) -> Tensor:
    """Unvoiced frames [B, T] whose mel has a voiced frame's harmonics in its window -> bool [B, T]."""
    voiced = (voicing == VOICED).float().unsqueeze(1)
    near = F.max_pool1d(voiced, 2 * MEL_REACH + 1, stride=1, padding=MEL_REACH).squeeze(1) > 0
    return near & (voicing == UNVOICED)


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
