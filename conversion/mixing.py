"""A mixture of voices for one conversion: `--mix kathleen:0.3`, or shares that change over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from checkpoints import places, terms
from common import progress
from common.cli import UserError
from conversion import columns
from conversion.prosody import PitchRange

if TYPE_CHECKING:
    from conversion.converter import VoiceConverter

COLUMNS = ("time_s", "share")
ROUNDING = 1e-6  # by which shares that fill the whole may exceed it


@dataclass(frozen=True)
class Share:
    """How much of a voice is in a mixture: values [R], 0 to 1, at times [R] in seconds.

    Between them lie straight lines, before the first time the first value, after the last the last; a single
    one is constant.
    """

    voice: str
    times: np.ndarray
    values: np.ndarray

    def at(self, times: np.ndarray) -> np.ndarray:
        """[T] at times [T] in seconds from the beginning of the recording."""
        return np.interp(times, self.times, self.values)


def read(given: Sequence[tuple[str, float | Path]]) -> list[Share]:
    """(voice, its share or a CSV of it) … -> shares.

    Raises UserError for a file without any, or more than 1 in all.
    """
    found = [Share(voice, *_values(much)) for voice, much in given]
    times = np.unique(np.concatenate([one.times for one in found]))
    total = np.sum([one.at(times) for one in found], axis=0)  # between these times it lies between these
    if (total > 1 + ROUNDING).any():
        worst = int(total.argmax())
        raise UserError(
            f"--mix: the shares are {total[worst]:g} in all at {times[worst]:g} s; expected at most 1"
        )
    return found


def _values(much: float | Path) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(much, Path):
        return np.zeros(1), np.array([much])
    table, lines = columns.read(much, COLUMNS, "make it with columns time_s and share")
    times, values = (table[name] for name in COLUMNS)
    if not len(times):
        raise UserError(f"{much}: expected rows of time_s and share, found none")
    if (bad := np.flatnonzero((values < 0) | (values > 1))).size:
        raise UserError(
            f"{much}, line {lines[bad[0]]}: expected a share from 0 to 1, found {values[bad[0]]:g}"
        )
    if (bad := np.flatnonzero(np.diff(times) <= 0)).size:
        raise UserError(f"{much}, line {lines[bad[0] + 1]}: expected times that grow")
    return times, values


def mixed(converter: VoiceConverter, shares: Sequence[Share], out: Path | str = "out") -> VoiceConverter:
    """A converter to the mixture of its voice and others of the same encoders.

    Its own voice has what the others leave of 1, and its vocoder speaks. Raises UserError for an unknown
    voice and for one that other encoders belong to.
    """
    from acoustic.blend import Blend  # noqa: PLC0415  names are wanted before torch is loaded
    from conversion.converter import VoiceConverter  # noqa: PLC0415

    found = [_voice(converter, one.voice, Path(out)) for one in shares]
    models = [converter.acoustic, *(model for model, _ in found)]
    acoustic = Blend(models, lambda times: np.stack([one.at(times) for one in shares]))
    if any(model.band != acoustic.band for model in models):
        names = ", ".join(places.voice_name(one.voice) for one in shares)
        progress.say(f"the mixture with {names} ends at 8 kHz: its voices do not have the same mel above")
    card = card_of(converter.card, [card for _, card in found], shares)
    if not acoustic.band.is_wide:
        card = {name: value for name, value in card.items() if name not in ("rate", "high")}
    parts = converter.encoder, acoustic, converter.vocoder
    return VoiceConverter(
        *parts, card, converter.device, converter.labels, converter.asked_rate, converter.amp
    )


def name_of(vbank: str, given: Sequence[tuple[str, float | Path]]) -> str:
    """What a voice, or its mixture with others, is called in names of files: hana, hana+kathleen."""
    return "+".join(places.voice_name(voice) for voice in (vbank, *(voice for voice, _ in given)))


def _voice(converter: VoiceConverter, vbank: str, out: Path) -> tuple[Any, dict]:
    """The acoustic model and the card of another voice."""
    from checkpoints import bundle, models, pipeline  # noqa: PLC0415

    path = places.voice_path(vbank, out)
    checkpoint = bundle.acoustic(path)
    card = checkpoint["card"]
    pipeline.require_encoders(path, card, converter.card["encoders"])
    return models.load_acoustic(path, checkpoint).to(converter.device), card


def card_of(own: dict, others: Sequence[dict], shares: Sequence[Share]) -> dict:
    """The card of a mixture: `own` but for its range, which is what all voices have, median F0 and breath.

    mix: {voice: {"share": its mean, "terms": those of its use}}.
    """
    from checkpoints import cards  # noqa: PLC0415  torch

    mix = {
        places.voice_name(one.voice): {
            "share": round(float(one.values.mean()), 4),
            "terms": terms.of(places.voice_name(one.voice), card),
        }
        for one, card in zip(shares, others, strict=True)
    }
    much = [one["share"] for one in mix.values()]
    weights = [max(0.0, 1 - sum(much)), *much]
    breaths = [
        cards.breath(place, card) for place, card in zip(("this voice", *mix), (own, *others), strict=True)
    ]
    own = {**own, cards.BREATH: np.average(breaths, axis=0, weights=weights).tolist()}
    spans = [PitchRange.from_card(card) for card in (own, *others)]
    if None in spans:
        return {**own, "mix": mix}
    low, high = max(span.low for span in spans), min(span.high for span in spans)
    median = float(np.exp(np.average(np.log([span.median for span in spans]), weights=weights)))
    return {**own, "mix": mix, "f0_hz": [low, high], "f0_percentiles_hz": {"50": median}}
