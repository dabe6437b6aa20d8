"""Analysis of recordings of any length in windows: what the whole gives, in the memory of one window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import audio
from audio import UNIT_HOP
from common.advance import Advance, share, unseen
from common.levels import active_level, blows
from common.spool import Samples
from hubert_pitdyn.attention_windows import windows_of
from hubert_pitdyn.front_ends import Context
from hubert_pitdyn.units import Analysis, Encoder

MEASURED = 250  # units measured at once: so much that a window is still what takes most memory
MARGIN = 4  # units either side of a window; the widest front end sees less than two
MEASURING = 0.05  # of the time that an analysis takes
Reader = Callable[[int, int], np.ndarray]  # (first unit, end) -> that part of the encoder's input [S]


class EncoderInput:
    """`audio.encoder_input` of a recording, part by part."""

    def __init__(self, wav: Samples) -> None:
        """wav [S], S = 320·N."""
        db = audio.loudness(wav, floor_db=audio.SILENCE_DB)
        self.wav, self.level_db, self.blow = wav, active_level(db), blows(db)

    def __call__(self, first: int, stop: int) -> np.ndarray:
        """Units first to stop, [S]."""
        left, right = min(1, first), min(1, len(self.blow) - stop)  # a blow is measured beyond its samples
        wav = self.wav[UNIT_HOP * (first - left) : UNIT_HOP * (stop + right)]
        found = audio.encoder_input(wav, self.level_db, self.blow[first - left : stop + right])
        return found[UNIT_HOP * left : len(found) - UNIT_HOP * right]


def analyse(
    encoder: Encoder, read: Reader, units: int, advance: Advance = unseen
) -> Iterator[tuple[int, Analysis]]:
    """(first unit, Analysis) of stretches that follow one another, of a recording of so many units.

    A first pass over the recording measures what the front ends normalise by, a second one analyses.
    """
    known = measured(encoder, read, units, share(advance, MEASURING))
    for first, stop, gives, end in windows_of(units):
        left, right = min(MARGIN, first), min(MARGIN, units - stop)
        found = analyse_window(encoder, read(first - left, stop + right), Context(left, right, known))
        yield gives, Analysis(*(part[:, gives - first : end - first] for part in found))
        advance((1 - MEASURING) * (end - gives) / units)


@torch.inference_mode()
def analyse_window(encoder: Encoder, wav: np.ndarray, context: Context) -> Analysis:
    """wav [S], one window and its neighbours' units -> its Analysis."""
    device = encoder.content.proj.weight.device
    return encoder.analyse(torch.from_numpy(wav).reshape(1, 1, -1).to(device), context=context)


@torch.inference_mode()
def measures(encoder: Encoder, wav: np.ndarray, left: int, right: int) -> dict[Any, Any]:
    """By network, what its front end measures of a piece [S]; left, right: as in `Context`."""
    device = encoder.content.proj.weight.device
    piece = torch.from_numpy(wav).reshape(1, 1, -1).to(device)
    return {network: network.measure(piece, left, right) for network in encoder.networks}


def joined(one: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
    """`measures` of two pieces together, of none ({}) and one, too.

    Joined at once rather than kept in a list: small tensors that live on between large ones which do not
    hold the heap open, and an hour's measures took 4 GB so.
    """
    if not one:
        return other
    return {network: network.joined(one[network], found) for network, found in other.items()}


def known_by(measures: dict[Any, Any]) -> dict[Any, Any]:
    """By network, what `Context.known` has to hold, of a whole recording's measures."""
    return {network: network.measured(found) for network, found in measures.items()}


def measured(encoder: Encoder, read: Reader, units: int, advance: Advance = unseen) -> dict[Any, Any]:
    """`known_by` the measures of a recording of so many units."""
    found: dict[Any, Any] = {}
    for first in range(0, units, MEASURED):
        stop = min(first + MEASURED, units)
        left, right = min(MARGIN, first), min(MARGIN, units - stop)
        found = joined(found, measures(encoder, read(first - left, stop + right), left, right))
        advance((stop - first) / units)
    return known_by(found)
