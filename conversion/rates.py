"""What a vocoder takes of a voice: rate and rows, its own where both are of one band, and level."""

from __future__ import annotations

from typing import Any

import torch

import audio
from bands import LOW, Band
from common.cli import UserError
from vocoder.mel_level import at_level

LEFT_OUT = "the voice's mel above 8 kHz is left out: its vocoder gives {hz} Hz; see --vocoder"
ENDS = (
    "conversions have 16000 Hz, as the voice ends at 8 kHz; python -m tools.add_highs VOICE DATA OUT adds "
    "what lies above"
)
OTHER = "conversions have 16000 Hz, as voice and vocoder have other mels above 8 kHz; see --vocoder"


def fitted(voice: Band, vocoder: Any, rate: int | None = None) -> tuple[Any, tuple[str, ...]]:
    """A vocoder for the mels of a voice, and lines on what of them is not used.

    Below 8 kHz all mels are alike, so a wide vocoder without its upper half stands for one of 16 kHz, and a
    wide voice without its upper rows for one that ends there. rate: Hz asked for; 16000 can always be had.
    Raises UserError for another than voice and vocoder have.
    """
    possible = {LOW.rate, voice.rate, vocoder.band.rate}
    if rate is not None and rate not in possible:
        known = " or ".join(map(str, sorted(possible)))
        raise UserError(f"--rate {rate}: expected {known}, which this voice and its vocoder have")
    if voice == vocoder.band and rate in (None, voice.rate):
        return vocoder, ()
    wide = vocoder.band
    vocoder = vocoder.at_16_khz()
    if rate == audio.SAMPLE_RATE:
        return vocoder, ()
    if not wide.is_wide:
        return vocoder, (LEFT_OUT.format(hz=wide.rate),)
    return vocoder, (OTHER if voice.is_wide else ENDS,)


def mel_for(vocoder: Any, acoustic: Any, mel: torch.Tensor) -> torch.Tensor:
    """Log-mel [B, T, rows] of an acoustic model -> [B, n_mels, T], the rows that a vocoder reads.

    They are at its level, see `vocoder.mel_level`.
    """
    return at_level(mel.transpose(1, 2)[:, : vocoder.band.n_mels], acoustic.level_db, vocoder)
