"""A report on one conversion: a page to listen on and look at, and the same numbers as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import audio
from checkpoints import terms
from checkpoints.places import voice_name
from common.files import atomic_path
from common.spool import Samples
from conversion import headers
from conversion.files import PLOTTED, Conversion, report_paths
from conversion.headers import Header
from conversion.prosody import PitchRange
from evaluation import metrics, trackers
from evaluation.pair import Curves
from evaluation.report import write_json
from evaluation.scorers import Scorers, Target, scoring_packages
from hubert_pitdyn import pitch
from listening import report_page
from listening.figures import MIN_VOICED

FORMAT = "hubert-pitdyn report 1"
PERCENTILES = (5, 50, 95)


class Measured(NamedTuple):
    """Source and conversion on one grid, from the first frame that was converted on, with their figures.

    curves: of both; doubtful: bool [N], frames that are left out of the figures of F0; asked: F0 [N] in Hz
    and loudness [N] in dB that the conversion was to have; reference: what that F0 is, in words; metrics:
    figures by their names in the JSON, NaN where they are not defined.
    """

    curves: Curves
    doubtful: np.ndarray
    asked: tuple[np.ndarray, np.ndarray]
    reference: str
    metrics: dict[str, float]


class Reports:
    """What `conversion.files.convert_file` calls for each file of a batch.

    vbank: the voice, as infer.py was given it; card: of its model; recordings: voice -> files of it, for the
    similarity; say: takes a line for a scorer that is installed and does not run.
    """

    def __init__(
        self,
        vbank: str,
        card: Mapping[str, Any],
        recordings: Callable[[str], list[Path]],
        say: Callable[[str], None] = print,
    ) -> None:
        self.vbank, self.card, self.recordings = voice_name(vbank), dict(card), recordings
        self.scorers, self.packages, self._target = Scorers(say), scoring_packages(), []

    def __call__(self, made: Conversion) -> None:
        """Write the page and the JSON beside the conversion. Raises OSError where they cannot be written."""
        page, numbers = report_paths(made.file.target)
        low = measured(made)
        found = measure(low, PitchRange.from_card(self.card))
        scores = self.scores(low.source[:PLOTTED], low.made[:PLOTTED])
        about = content(low, found, scores, {**voice(self.vbank, self.card), "rate_hz": made.rate})
        about["conversion"]["length_s"] = _short(len(made.made) / made.rate)
        write_json(numbers, about)
        with atomic_path(page) as part:
            text = report_page.render(made, found, about, self.card)
            part.write_text(text, encoding="utf-8", errors="replace", newline="\n")

    def scores(self, source: np.ndarray, made: np.ndarray) -> dict[str, float]:
        """Figures of the scorers that are installed: similarity where the voice's recordings are here."""
        found = {}
        if self.packages["resemblyzer"] and (target := self._voice()):
            found["similarity_cosine"] = self.scorers.similarity(made, target)
            found["source_similarity_cosine"] = self.scorers.similarity(source, target)
        if self.packages["speechmos"]:
            found["dnsmos_1_to_5"] = self.scorers.dnsmos(made)
            found["source_dnsmos_1_to_5"] = self.scorers.dnsmos(source)
        return found

    def _voice(self) -> Target | None:
        if not self._target:
            files = [] if self.card.get("mix") else self.recordings(self.vbank)  # a mixture has none
            self._target.append(self.scorers.target(files, self.vbank) if files else None)
        return self._target[0]


def measured(made: Conversion) -> Conversion:
    """The same at 16 kHz, at which all figures are; of one longer than PLOTTED the beginning."""
    if made.rate == audio.SAMPLE_RATE:
        return made
    some = made.made[: audio.at_rate(PLOTTED, made.rate)]
    return made._replace(made=audio.to_mono_16k(some, made.rate), rate=audio.SAMPLE_RATE)


def measure(made: Conversion, span: PitchRange | None) -> Measured:
    """Figures of a conversion; of one longer than PLOTTED those of its beginning. span: of the voice."""
    edited = made.edited
    start, count = edited.source.start, min(edited.source.kept, PLOTTED)
    first = 0 if made.trimmed else start
    parts = made.source[start : start + count], made.made[first : first + count]
    shorter = max(1, min(map(len, parts)))
    own = not pitch.missing(trackers.TRACKER)  # else the labels': the next best of evaluate.py is slow
    curves = Curves(
        *(audio.on_grid(np.asarray(part[:shorter])) for part in parts),
        trackers.TRACKER if own else pitch.DEFAULT,
    )
    doubtful = curves.doubtful if own else None
    doubtful = np.zeros(len(curves.f0[0]), dtype=bool) if doubtful is None else doubtful
    semitones = Header(headers.changed(made.options)).transposition()
    if semitones is None and edited.curve is not None:
        hertz, reference = fitted(edited.curve.melody, len(doubtful)), "the curve that the voice was given"
    else:
        hertz, reference = curves.f0[0] * 2 ** ((semitones or 0.0) / 12), "the source"
        reference += f", transposed by {semitones:+g} semitones" if semitones else ""
    louder = fitted(edited.louder, len(doubtful)) if np.ndim(edited.louder) else edited.louder
    asked = hertz, curves.loudness[0] + louder + edited.gain
    found = Measured(curves, doubtful, asked, reference, {})
    return found._replace(metrics=figures(found, made, span))


def fitted(values: np.ndarray, count: int) -> np.ndarray:
    """[N] cut, or filled with zeros, to `count` values."""
    return np.pad(values[:count], (0, max(0, count - len(values))))


def figures(found: Measured, made: Conversion, span: PitchRange | None) -> dict[str, float]:
    """Figures by their names in the JSON; their formulas are those of `evaluation.metrics`."""
    kept = ~found.doubtful
    asked, own = found.asked[0][kept], found.curves.f0[1][kept]
    loudness = found.asked[1], found.curves.loudness[1]
    off = np.abs(metrics.cents(asked, own))
    of_f0, of_loudness = metrics.f0_metrics(asked, own), metrics.dynamics_metrics(*loudness)
    # Edits of the loudness leave the active level as it is, but for the gain.
    wanted = audio.active_level(found.curves.loudness[0]) + made.edited.gain
    outside, voiced = outside_range(made, span)
    return {
        "f0_median_error_cents": float(np.median(off)) if len(off) >= MIN_VOICED else float("nan"),
        "f0_rmse_cents": of_f0["f0_rmse_cents"],
        "f0_correlation": of_f0["f0_corr"],
        "gross_pitch_errors_fraction": of_f0["gpe"],
        "voicing_errors_fraction": of_f0["vde"],
        "f0_within_50_cents_fraction": of_f0["rpa50"],
        "f0_doubtful_fraction": float(np.mean(found.doubtful)),
        "outside_range_frames": outside,
        "voiced_frames": voiced,
        "outside_range_fraction": outside / voiced if voiced else float("nan"),
        "loudness_correlation": of_loudness["dyn_r"],
        "loudness_rmse_db": of_loudness["dyn_rmse_db"],
        "loudness_within_1p5_db_fraction": of_loudness["dyn_within_1p5db"],
        "level_difference_db": audio.active_level(loudness[1]) - wanted,
    }


def outside_range(made: Conversion, span: PitchRange | None) -> tuple[float, int]:
    """Voiced frames of the curve given that are outside the range, NaN where no card says; and all voiced."""
    curve = made.edited.curve
    if curve is None:
        return float("nan"), 0
    f0 = curve.f0[curve.voiced]
    return float("nan") if span is None else int(span.outside(f0).sum()), len(f0)


def voice(name: str, card: dict[str, Any]) -> dict[str, Any]:
    """What is to be known of a voice, or of its mixture with others, from its model's card."""
    low, high = card.get("f0_hz") or (None, None)
    known = terms.lines(name, card)
    return {
        "name": "+".join([name, *card.get("mix", {})]),
        "terms": "; ".join(f"{of}: {line}" for of, line in known.items())
        if card.get("mix")
        else known.get(name, ""),
        "rate_hz": audio.SAMPLE_RATE,
        "f0_low_hz": low,
        "f0_high_hz": high,
        "f0_median_hz": (card.get("f0_percentiles_hz") or {}).get("50"),
        "recordings_h": card.get("hours"),
        "dataset": card.get("dataset", ""),
        "created": card.get("created", ""),
    }


def content(
    made: Conversion, found: Measured, scores: dict[str, float], about: dict[str, Any]
) -> dict[str, Any]:
    """What the JSON holds; the names of its keys stay."""
    names = ("source", "conversion", "asked")
    curves = zip((found.curves.f0, found.curves.loudness), found.asked, strict=True)
    f0s, loudness = ((*both, asked) for both, asked in curves)
    return {
        "format": FORMAT,
        "source": _file(made.file.source, made.source),
        "conversion": _file(made.file.target, made.made),
        "voice": about,
        "options": headers.changed(made.options),
        "trimmed": made.trimmed,
        "notes": list(made.notes),
        "measured_s": len(found.curves.source) / audio.SAMPLE_RATE,
        "f0_tracker": found.curves.tracker,
        "f0_reference": found.reference,
        "metrics": {name: _short(value) for name, value in {**found.metrics, **scores}.items()},
        "curves": {
            "step_s": 1 / audio.UNIT_RATE,
            "f0_hz": _spread({name: f0[f0 > 0] for name, f0 in zip(names, f0s, strict=True)}),
            "loudness_dbfs": _spread(dict(zip(names, loudness, strict=True))),
        },
    }


def _file(path: Path, wav: Samples) -> dict[str, Any]:
    return {
        "file": path.name,
        "length_s": _short(len(wav) / audio.SAMPLE_RATE),
        "level_dbfs": _short(audio.level(wav)),
    }


def _short(value: float) -> float:
    """With no more digits than mean anything."""
    return value if isinstance(value, int) else round(float(value), 4) + 0.0


def _spread(curves: dict[str, np.ndarray]) -> dict[str, Any]:
    """{name: [N]} -> percentiles of each, and of how many frames."""
    found = {}
    for name, curve in curves.items():
        values = np.percentile(curve, PERCENTILES) if len(curve) else [float("nan")] * len(PERCENTILES)
        found[name] = {f"p{p:02}": _short(value) for p, value in zip(PERCENTILES, values, strict=True)}
        found[name]["frames"] = len(curve)
    return found
