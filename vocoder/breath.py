"""More or less breath than a vocoder gives a voice: noise between its harmonics, by bands.

A mel says little of how much of a band is harmonics, so a vocoder gives all voices about the same share. What
a voice has beside that can be measured and given back (tools/voice_breath.py), and more or less of it may be
wanted: noise of voiced frames is raised, harmonics of the same bins lowered, so that their level stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bands import VOICE_HZ
from vocoder.frames import BIN_HZ, blurred

NOTHING = (0.0,) * len(VOICE_HZ)
LEAST = 0.1  # of the harmonics' power that stays, whatever the noise
TINY = 1e-9


def gains(db: Sequence[float], first: int, count: int) -> Tensor | None:
    """dB of each of VOICE_HZ -> nepers [count] of the bins from `first` on: lines between the bands' middles,
    nothing at the lower end of the lowest, and above the highest what that has. None where all are 0."""
    if not any(db):
        return None
    middles = [(low + high) / 2 for low, high in VOICE_HZ]
    hertz = BIN_HZ * (first + np.arange(count))
    raised = np.interp(hertz, [VOICE_HZ[0][0], *middles], [0.0, *db]) * (math.log(10) / 20)
    return torch.from_numpy(raised.astype(np.float32))


def breathed(pulses: Tensor, noise: Tensor, voiced: Tensor, nepers: Tensor) -> Tensor:
    """Spectra [B, T, bins] of filtered pulses and noise, added: in voiced [B, T] frames the noise raised by
    nepers [bins] and the pulses lowered by as much power, as far as there is."""
    raised = voiced.unsqueeze(-1) * nepers.to(noise.real)
    of_pulses, of_noise = (blurred(_power(spectrum)) for spectrum in (pulses, noise))
    more = of_noise * torch.expm1(2 * raised)
    left = (1 - more / of_pulses.clamp(min=TINY)).clamp(min=LEAST)
    return pulses * torch.where(voiced.unsqueeze(-1), left, 1.0).sqrt() + noise * raised.exp()


def _power(spectrum: Tensor) -> Tensor:
    return spectrum.real**2 + spectrum.imag**2
