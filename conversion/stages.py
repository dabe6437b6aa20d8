"""What a source has become between the steps of a conversion: analysed, then edited."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import audio
from conversion.prosody import Curve
from hubert_pitdyn.units import Analysis


@dataclass(frozen=True)
class Analysed:
    """A source on the time grid and its analysis (a batch of one), octave errors corrected."""

    prepared: audio.Prepared
    analysis: Analysis


@dataclass(frozen=True)
class Edited:
    """The source's content with its prosody edited, ready to be synthesised.

    curve: that prosody in Hz and dB re the source's active level, None for a voice trained on content units
    only; gain: dB over the source's level; notes: lines for the user; louder: dB [N] by which the edits move
    the source's loudness, re the active level that they give; replaced: whether a given curve changed any
    frame; breath: dB over what the voice has.
    """

    source: audio.Prepared
    analysis: Analysis
    curve: Curve | None
    gain: float
    notes: tuple[str, ...]
    louder: np.ndarray | float = 0.0
    replaced: bool = False
    breath: float = 0.0
