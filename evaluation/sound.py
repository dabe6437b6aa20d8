"""What words and pitch do not tell of a conversion's sound: breath, pauses, and what lies above 8 kHz."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import audio
from bands import VOICE_HZ, bandwidth
from common.levels import ACTIVE_RANGE_DB, active_level
from evaluation.pair import aligned
from evaluation.wide import HALF, RANGES, powers

BANDS = dict(zip(("ap_2", "ap_4", "ap_6", "ap_8"), VOICE_HZ, strict=True))
LEAST = 1e-6  # aperiodicity, as a share of magnitude: below it is WORLD's own floor
PAUSE_DB = -45.0  # re the active level of the source: what lies below it is a pause there
MOST = 24  # recordings of the target that are measured, at even distances
HIGHS = {name: span for name, span in zip(("8_10", "10_14", "14_20"), RANGES, strict=True)}
KINDS = ("voiced", "unvoiced")  # frames
TITLES = {
    **{key: f"aperiodicity, {low / 1000:g}-{high / 1000:g} kHz" for key, (low, high) in BANDS.items()},
    "pause": "pauses, re active level",
    **{
        f"{key}_{kind}": f"level of {low / 1000:g}-{high / 1000:g} kHz, {kind}, re active level"
        for key, (low, high) in HIGHS.items()
        for kind in KINDS
    },
}


def aperiodicity(wav: np.ndarray) -> dict[str, float]:
    """[S] at 16 kHz -> for each of BANDS the mean over voiced frames of 20·log10 of WORLD's aperiodicity.

    D4C (Morise, Speech Communication 84, 2016) with the F0 of DIO and StoneMask, every 5 ms: 0 dB is noise,
    and the lower, the more of a band are harmonics. NaN where nothing is voiced. Raises ImportError without
    pyworld.
    """
    import pyworld  # noqa: PLC0415  an extra

    x = np.ascontiguousarray(wav, dtype=np.float64)
    coarse, times = pyworld.dio(x, audio.SAMPLE_RATE)
    f0 = pyworld.stonemask(x, coarse, times, audio.SAMPLE_RATE)
    found = pyworld.d4c(x, f0, times, audio.SAMPLE_RATE)[f0 > 0]
    if not len(found):
        return dict.fromkeys(BANDS, math.nan)
    db = 20 * np.log10(np.maximum(found, LEAST))
    hertz = np.linspace(0, audio.SAMPLE_RATE / 2, db.shape[1])
    return {n: float(db[:, (hertz >= low) & (hertz < high)].mean()) for n, (low, high) in BANDS.items()}


def pause_floors(source: np.ndarray, converted: np.ndarray) -> dict[str, float]:
    """[320N] each, at 16 kHz -> "source_pause" and "pause": median dB of the source's pauses in either.

    Each is relative to its own active level. NaN where the source has no pause.
    """
    relative = [audio.loudness(w, floor_db=audio.SILENCE_DB) - audio.level(w) for w in (source, converted)]
    pauses = relative[0] < PAUSE_DB
    floors = [float(np.median(db[pauses])) if pauses.any() else math.nan for db in relative]
    return dict(zip(("source_pause", "pause"), floors, strict=True))


def highs(wav: np.ndarray, rate: int) -> dict[str, float]:
    """[S] at `rate` -> by range above 8 kHz and kind of frame the long-term level, in dB re active level.

    Keys as "8_10_voiced". Of the active frames those count as unvoiced that have most of their energy above
    4 kHz, as s and sh do. NaN where the recording ends in the lower half of a range, and without such frames.
    """
    power, hertz = powers(wav, rate)
    total = power.sum(axis=1)
    db = 10 * np.log10(np.maximum(total, np.finfo(float).tiny))
    level = active_level(db)
    active = db > level - ACTIVE_RANGE_DB
    hissing = power[:, hertz >= audio.SAMPLE_RATE / 4].sum(axis=1) > total / 2
    top, found = bandwidth(wav, rate), {}
    for name, (low, high) in HIGHS.items():
        inside = (hertz >= low) & (hertz < min(top, high))
        known = top > low + HALF * (high - low)
        for kind, some in zip(KINDS, (active & ~hissing, active & hissing), strict=True):
            share = power[some][:, inside].sum(axis=1).mean() if known and some.any() else 0.0
            found[f"{name}_{kind}"] = float(10 * np.log10(share) - level) if share > 0 else math.nan
    return found


def of_conversion(
    source: np.ndarray, made: np.ndarray, path: Path, rate: int, say: Callable[[str], None]
) -> dict[str, float]:
    """All figures of a conversion of a source, both [S] at 16 kHz; path: its file at `rate`."""
    return alone(made, path, rate, say) | pause_floors(*aligned(source, made, say))


def of_target(paths: Sequence[Path], rate: int, say: Callable[[str], None]) -> dict[str, float]:
    """`aperiodicity` and, above 16 kHz, `highs` of recordings of the target: means over MOST of them."""
    some = paths[:: max(1, len(paths) // MOST)]
    return means([alone(audio.load(path, say), path, rate, say) for path in some])


def alone(wav: np.ndarray, path: Path, rate: int, say: Callable[[str], None]) -> dict[str, float]:
    """`periodic` of [S] at 16 kHz and, above that, `highs` of its file at `rate`."""
    return periodic(wav, say) | (highs(audio.load(path, say, rate), rate) if rate > audio.SAMPLE_RATE else {})


def periodic(wav: np.ndarray, say: Callable[[str], None]) -> dict[str, float]:
    """`aperiodicity`; NaN, and a line on it, without pyworld."""
    try:
        return aperiodicity(wav)
    except (ImportError, OSError) as error:
        say(f"aperiodicity: not measured ({error}); to have it: python -m pip install pyworld-prebuilt")
        return dict.fromkeys(BANDS, math.nan)


def compared(
    conversions: Sequence[dict[str, float]], target: dict[str, float]
) -> dict[str, dict[str, float]]:
    """{figure: "conversions", "target" and their "difference"}, means; of pauses the sources stand for it."""
    made = means(conversions)
    wanted = {**target, "pause": made["source_pause"]}
    return {
        key: {"conversions": made[key], "target": wanted[key], "difference": made[key] - wanted[key]}
        for key in TITLES
        if key in made and key in wanted
    }


def means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each figure over the rows that know it; NaN where none does."""
    found = {}
    for key in rows[0]:
        known = [row[key] for row in rows if math.isfinite(row[key])]
        found[key] = float(np.mean(known)) if known else math.nan
    return found
