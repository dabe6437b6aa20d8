"""A train of pulses at a pitch: all its harmonics, in phase after hours too."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from audio import MEL_HOP, SAMPLE_RATE

BAND = 7800.0  # Hz; at 16 kHz no harmonic lies above
TINY = 1e-6
MOST = 6000.0  # Hz; no F0 is higher
FINEST = 1 << 18  # parts of a hertz: what single precision resolves from 32 Hz on
PARTS = 8 * SAMPLE_RATE // MEL_HOP * FINEST  # of a turn, with F0 in such parts, see frame_turns


def pulse_train(f0: Tensor, turns: Tensor | None = None, hop: int = MEL_HOP, band: float = BAND) -> Tensor:
    """F0 [B, T] in Hz of frames -> [B, hop T]: its harmonics below `band` (Hz), cosines of amplitude 1.

    Their sum in closed form (Dirichlet's kernel) costs the same however many there are. turns: `frame_turns`.
    hop: samples in 10 ms; pulses of every rate are samples of the same wave, but for its band.
    """
    turns = _turns(f0, frame_turns(f0) if turns is None else turns, hop)
    f0 = at_samples(f0, hop)
    count = torch.floor(band / f0)
    divisor = torch.sin(math.pi * turns)
    at_peak = divisor.abs() < TINY
    kernel = torch.sin((2 * count + 1) * math.pi * turns) / torch.where(at_peak, 1.0, divisor)
    return (torch.where(at_peak, 2 * count + 1, kernel) - 1) / 2


def frame_turns(f0: Tensor, known: tuple[int, Tensor] | None = None) -> Tensor:
    """F0 [B, T] in Hz -> whole numbers [B, T]: the turns before each frame, in PARTS of one and modulo one.

    known: a frame, and those [B] before it, of a piece of a recording (None: they are 0 before the first).
    Summed up as floats, an hour's turns would be wrong by whole ones, and not every GPU has doubles. So the
    turns of frames are whole numbers, of parts so fine that a float's F0 has no finer, which are added modulo
    one turn without an error.
    """
    before, f0, after = _with_neighbours(f0)
    # A frame's line begins half a frame early, so that its turns are a weighted sum of three F0.
    parts = _modulo(sum(_modulo(weight * _parts(x)) for weight, x in ((1, before), (6, f0), (1, after))))
    start = _running_sum(parts) - parts  # of all frames before this one
    if known is None:
        return start
    frame, turns = known
    return _modulo(start + PARTS + _modulo(2 * PARTS + turns - start[:, frame]).unsqueeze(1))


def _turns(f0: Tensor, start: Tensor, hop: int) -> Tensor:
    """F0 [B, T] in Hz, straight lines between frames, and its `frame_turns` -> [B, hop T]: turns so far, less
    whole ones; floats say where in its frame a sample is."""
    before, f0, after = _with_neighbours(f0)
    start = torch.where(start > PARTS // 2, start - PARTS, start)
    start = torch.where(start < -PARTS // 2, start + PARTS, start).to(f0.dtype) / PARTS
    # Of every rate in samples at 16 kHz, of which the first one counts as gone.
    k = 1 + torch.arange(hop, device=f0.device, dtype=f0.dtype) * (MEL_HOP / hop)
    half = MEL_HOP / 2
    # Sums of the straight lines over the first k samples: up to the frame's middle, and beyond it.
    first, second = k.clamp(max=half), (k - half).clamp(min=0)
    slopes = (f0 - before).unsqueeze(-1) / MEL_HOP, (after - f0).unsqueeze(-1) / MEL_HOP
    within = f0.unsqueeze(-1) * k + slopes[0] * (first * first / 2 - half * first)
    within = within + slopes[1] * second * second / 2
    turns = start.unsqueeze(-1) + within / SAMPLE_RATE
    return (turns - turns.round()).flatten(-2)


def _with_neighbours(f0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """F0 [B, T] of the frames before, these and after, [B, T] each; at the ends their own."""
    f0 = f0.clamp(max=MOST)
    before, after = (F.pad(f0.unsqueeze(1), edge, mode="replicate").squeeze(1) for edge in ((1, 0), (0, 1)))
    return before[..., :-1], f0, after[..., 1:]


def _parts(f0: Tensor) -> Tensor:
    """F0 in Hz as a whole number, modulo PARTS."""
    return _modulo((f0 * FINEST).round().to(torch.int32))


def _modulo(parts: Tensor) -> Tensor:
    """Whole numbers below 8 PARTS, modulo PARTS; Apple's GPUs divide them as floats."""
    for times in (4, 2, 1):
        parts = torch.where(parts >= times * PARTS, parts - times * PARTS, parts)
    return parts


def _running_sum(parts: Tensor) -> Tensor:
    """Whole numbers [B, T] below PARTS -> the sums of the first 1, 2, … of them, modulo PARTS."""
    step = 1
    while step < parts.shape[-1]:
        parts = _modulo(parts + F.pad(parts, (step, 0))[..., : parts.shape[-1]])
        step *= 2
    return parts


def at_samples(frames: Tensor, hop: int = MEL_HOP) -> Tensor:
    """[B, T] of frames in the middle of a hop -> [B, hop T], straight lines between them."""
    return F.interpolate(frames.unsqueeze(1), scale_factor=hop, mode="linear").squeeze(1)
