"""A conversion without a model: what tests of the report look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import audio
from conversion.files import BatchFile, Conversion
from conversion.prosody import Curve
from conversion.stages import Edited

CARD = {
    "f0_hz": [100.0, 300.0],
    "f0_percentiles_hz": {"50": 180.0},
    "hours": 0.25,
    "dataset": "demo",
    "bank": {"name": "Bank <i>", "author": "A & B", "terms": "Credit: name <b>the bank</b>."},
}
LEAD = 0.2131  # seconds of silence before the first frame: no whole number of frames
NAME = "0 録音 & 'q' <b> #1 50%.wav"


def glide(low: float, high: float, seconds: float = 3.0, level_db: float = -20.0) -> np.ndarray:
    """A sawtooth [S] whose pitch rises from low to high Hz, and whose loudness falls by 12 dB."""
    at = np.arange(int(seconds * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
    phase = np.cumsum(low * (high / low) ** (at / seconds)) / audio.SAMPLE_RATE
    return audio.set_level((phase % 1 - 0.5).astype(np.float32), level_db) * 10 ** (-12 * at / seconds / 20)


def melody(low: float, high: float, count: int) -> np.ndarray:
    """F0 [N] of `glide` in Hz."""
    return low * (high / low) ** ((np.arange(count) + 0.5) / count)


def conversion(
    folder: Path,
    source: np.ndarray,
    made: np.ndarray,
    f0: np.ndarray | None = None,
    trimmed: bool = False,
    notes: tuple[str, ...] = (),
    **options,
) -> Conversion:
    """Of a source after LEAD seconds of silence; f0 [N]: the curve that the voice was given."""
    lead = np.zeros(round(LEAD * audio.SAMPLE_RATE), np.float32)
    prepared = audio.Prepared(audio.on_grid(source), len(lead), len(source), len(lead) + len(source))
    curve = None if f0 is None else Curve(f0, f0 > 0, np.zeros(len(f0)))
    edited = Edited(prepared, None, curve, 0.0, notes)
    file = BatchFile(Path(NAME), folder / "録音_alto.wav", None, None)
    whole = np.concatenate([lead, source])
    return Conversion(
        file, whole, edited, made if trimmed else np.concatenate([lead, made]), trimmed, options, notes
    )
