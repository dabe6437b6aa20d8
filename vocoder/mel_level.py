"""Log-mels brought to the level of the recordings that a vocoder was trained on."""

from __future__ import annotations

import math
from typing import Any

import torch

import audio


def at_level(mel: torch.Tensor, level_db: float | None, vocoder: Any) -> torch.Tensor:
    """A log-mel of recordings whose active level is `level_db` -> the same at the level of a vocoder.

    Itself where one of the two is unknown. Given mels 7 dB above those that it was trained on, the harmonic
    vocoder's copies are .3 dB of MCD worse, and what a wide one draws above 8 kHz is 5 dB too soft.
    """
    if None in (level_db, vocoder.level_db) or level_db == vocoder.level_db:
        return mel
    gain = (vocoder.level_db - level_db) * math.log(10) / 20
    return (mel + gain).clamp(min=math.log(audio.LOG_FLOOR))
