"""Pulses and noise through the filters of each frame, and what a given voicing does to both."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from audio import MEL_HOP, N_FFT
from vocoder.breath import breathed
from vocoder.frames import blurred
from vocoder.pulses import at_samples

LOG_MAX = 2.0  # of a filter: a sine at full scale needs 0
LOG_START = -4.0  # of fresh filters
UNVOICED, VOICED, UNKNOWN = range(3)  # voicing of a frame
MEL_REACH = -(-N_FFT // 2 // MEL_HOP)  # frames by which the window of a mel frame overlaps others
EDGE = 0.5  # hops, 5 ms: a low voice begins and ends within these on both sides of a change of voicing
FADE = 1.5  # hops, 15 ms: a high voice begins and ends within these, inside its voiced frames
LOW_VOICE, HIGH_VOICE = 100.0, 150.0  # Hz; F0 trackers find the second a frame too long at full strength


def filtered(
    pulses: Tensor,
    noise: Tensor,
    filters: Tensor,
    voicing: Tensor | None,
    level: Tensor | float = 0.0,
    breath: Tensor | None = None,
) -> Tensor:
    """Spectra [B, T, bins] of pulses and noise through the filters [B, T, 3 bins] of a network, added.

    filters: logarithms of those of the pulses and of the noise, then the phases of the pulses. voicing
    [B, T]: UNVOICED, VOICED or UNKNOWN; None: all unknown. level [B, T, bins]: what these logarithms are
    relative to. breath [bins]: nepers by which the noise of VOICED frames is raised; see vocoder/breath.py.
    """
    of_pulses, of_noise, turn = filters.chunk(3, dim=-1)
    of_pulses, of_noise = of_pulses + level, of_noise + level
    if voicing is not None:
        near = unvoiced_near_voiced(voicing).unsqueeze(-1)
        of_noise = torch.where(near, blurred(of_noise), of_noise)
    spectrum = pulses * torch.polar(of_pulses.clamp(max=LOG_MAX).exp(), turn)
    noise = noise * of_noise.clamp(max=LOG_MAX).exp()
    if breath is None or voicing is None:
        return spectrum + noise
    return breathed(spectrum, noise, voicing == VOICED, breath)


def pulse_envelope(voicing: Tensor, f0: Tensor, hop: int = MEL_HOP) -> Tensor:
    """Strength [B, hop T], 0 to 1, of the pulses at f0 [B, T] in Hz of frames with this voicing [B, T].

    Straight lines about each change of voicing: EDGE to both sides of it for a low voice, FADE inside the
    voiced frames for a high one, which an F0 tracker finds a frame early when it begins at full strength.
    """
    edge, fade = EDGE * hop, FADE * hop
    unvoiced = (voicing == UNVOICED).repeat_interleave(hop, dim=-1)
    inside = _distance(unvoiced, fade) - _distance(~unvoiced, fade)  # samples from the change, or minus
    octaves = torch.log2(at_samples(f0, hop) / LOW_VOICE) / math.log2(HIGH_VOICE / LOW_VOICE)
    height = octaves.clamp(0, 1)
    return (torch.lerp(inside + edge, inside, height) / (2 * edge + (fade - 2 * edge) * height)).clamp(0, 1)


def _distance(marked: Tensor, far: float) -> Tensor:
    """bool [B, N] -> float [B, N]: samples to the nearest one marked, `far` or more where there is none."""
    return torch.minimum(_since(marked, far), _since(marked.flip(-1), far).flip(-1))


def _since(marked: Tensor, far: float) -> Tensor:
    """bool [B, N] -> float [B, N]: samples since the last one marked, `far` or more where that is far."""
    since, step = torch.where(marked, 0.0, far), 1
    while step < far:  # what is known of the last `step` samples says it of twice as many
        earlier = F.pad(since, (step, 0), value=far)[..., : since.shape[-1]]
        since, step = torch.minimum(since, earlier + step), 2 * step
    return since


def unvoiced_near_voiced(voicing: Tensor) -> Tensor:
    """Unvoiced frames [B, T] whose mel has a voiced frame's harmonics in its window -> bool [B, T]."""
    voiced = (voicing == VOICED).float().unsqueeze(1)
    near = F.max_pool1d(voiced, 2 * MEL_REACH + 1, stride=1, padding=MEL_REACH).squeeze(1) > 0
    return near & (voicing == UNVOICED)
