"""Log-mels brought to the level of the recordings that a vocoder was trained on."""

from __future__ import annotations

import math
from typing import Any

import torch

import audio


def at_level(mel: torch.Tensor, level_db: float | None, vocoder: Any) -> torch.Tensor:
    """A log-mel of recordings whose active level is `level_db` -> the same at the level of a vocoder.

    Itself where one of the two is unknown. Given mels 7 dB above those that it was trained on, the harmonic
    vocoder puts harmonics where a read voice has breath, 5 dB of them from 2 kHz on.
    """
    if None in (level_db, vocoder.level_db) or level_db == vocoder.level_db:
        return mel
    gain = (vocoder.level_db - level_db) * math.log(10) / 20
    return (mel + gain).clamp(min=math.log(audio.LOG_FLOOR))
