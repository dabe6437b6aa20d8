"""The page of a report: the listening page's players and pictures with one conversion, and more figures."""

from __future__ import annotations

import base64
import io
import math
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

import audio
from checkpoints import cards
from common.names import readable
from conversion.files import PLOTTED, Conversion
from conversion.headers import Header
from listening import build, figures, page, pictures
from listening.items import Item
from listening.page import Entry, Track
from listening.voices import OTHER_TERMS, Voice

if TYPE_CHECKING:
    from listening.report import Measured

KEYS = {"space": "play, pause", "0": "source", "1": "conversion", "← →": "one second"}
LANE_NAME = '<span class="of">{}</span>'
MINUTES = PLOTTED // audio.SAMPLE_RATE // 60
ROWS = {  # figure: (head, its text, what it is)
    "f0_median_error_cents": ("median F0 error", "{:.0f} cents", "from {reference}, where both are voiced"),
    "gross_pitch_errors_fraction": ("gross pitch errors (GPE)", "{:.1%}", "more than 20 % off"),
    "f0_within_50_cents_fraction": ("within 50 cents (RPA50)", "{:.1%}", "of the voiced frames"),
    "f0_correlation": ("F0 correlation", "{:.3f}", "of its logarithm; at most 1"),
    "voicing_errors_fraction": ("voicing errors (VDE)", "{:.1%}", "frames voiced in one of the two alone"),
    "outside_range_fraction": (
        "outside the range of the voice",
        "{:.1%}",
        "{outside_range_frames} of {voiced_frames} voiced frames that the voice was given",
    ),
    "loudness_correlation": ("loudness correlation", "{:.3f}", "at most 1"),
    "loudness_rmse_db": ("loudness error", "{:.1f} dB", "RMSE, the mean difference left out"),
    "level_difference_db": ("level", "{:+.1f} dB", "of active speech, re the level asked for"),
    "similarity_cosine": (
        "speaker similarity",
        "{:.2f}",
        "cosine to recordings of the voice; of the source {source_similarity_cosine:.2f}",
    ),
    "dnsmos_1_to_5": (
        "DNSMOS",
        "{:.2f}",
        "predicted quality, 1 to 5; of the source {source_dnsmos_1_to_5:.2f}",
    ),
}


def render(made: Conversion, found: Measured, about: dict[str, Any], card: dict[str, Any]) -> str:
    """The page. about: what the report's JSON holds; card: of the voice's model."""
    voice = _voice(about["voice"])
    name = readable(made.file.source.name)
    tracks = _tracks(made, found, voice)
    item = Item(Path(made.file.source.name), {}, "", "", (), "", True)
    beside = f"""<div class="beside">{_made(about, voice)}{_about(voice, about["voice"], card)}</div>"""
    lanes = [
        page.SPECTRUM.format(track=f' data-track="{at}"', name=LANE_NAME.format(escape(label)))
        for at, label in enumerate(("source", voice.name))
    ]
    parts = {
        "title": escape(f"{name} as {voice.name}"),
        "heading": escape(f"{name} as {voice.name}"),
        "summary": "A conversion by hubert-pitdyn. Press play, then the other of the two: it continues at "
        "the same instant and loudness.",
        "legend": "",
        "filters": page.navigation("", KEYS),
        "items": page.article(0, Entry(item, tracks), [voice], _figures(about), beside),
        "lanes": "".join([*lanes, *(page.CURVES.format(kind=kind) for kind in ("melody", "loudness"))]),
        "notes": page.paragraphs(_explained(made, about)),
    }
    return page.filled(parts, [voice], [[track.data for track in tracks]], ["report.css"])


def _voice(about: dict[str, Any]) -> Voice:
    low, high = about["f0_low_hz"], about["f0_high_hz"]
    span = None if low is None else (low, high)
    return Voice(about["name"], span, about["dataset"], 0, about["terms"] or OTHER_TERMS)


def _tracks(made: Conversion, found: Measured, voice: Voice) -> list[Track]:
    """Source and conversion with their sounds, pictures and curves."""
    first = made.edited.source.start / audio.SAMPLE_RATE
    rates = audio.SAMPLE_RATE, made.rate
    wavs = [
        np.asarray(wav[: audio.at_rate(PLOTTED, rate)])
        for wav, rate in zip((made.source, made.made), rates, strict=True)
    ]
    starts = (0.0, first if made.trimmed else 0.0)
    loud = figures.volumes(
        [audio.level(_low(*pair)) for pair in zip(wavs, rates, strict=True)], build.LEVEL_DB
    )
    tracks = []
    for at, (wav, rate, start) in enumerate(zip(wavs, rates, starts, strict=True)):
        within = {"start": round(first - start, 4)}  # from the track's beginning to that of its curves
        data = {
            "seconds": round(len(wav) / rate, 3),
            "start": round(start, 4),
            "volume": loud[at],
            "top": pictures.top_of(rate),
            "picture": pictures.data_uri(wav, rate),
            "f0": {**figures.shown(_plain(found.curves.f0[at])), **within},
            "loudness": {**_loudness(found.curves.loudness[at]), **within},
        }
        link = f"data:audio/flac;base64,{base64.b64encode(flac(wav, rate)).decode('ascii')}"
        tracks.append(Track(voice.name if at else "source", link, data, voice=voice if at else None))
    return tracks


def _low(wav: np.ndarray, rate: int) -> np.ndarray:
    return wav if rate == audio.SAMPLE_RATE else audio.to_mono_16k(wav, rate)


def flac(wav: np.ndarray, rate: int = audio.SAMPLE_RATE) -> bytes:
    """[S] as a file that every browser plays, without loss."""
    file = io.BytesIO()
    soundfile.write(file, wav, rate, "PCM_16", format="FLAC")
    return file.getvalue()


def _plain(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 1) for value in values)


def _loudness(db: np.ndarray) -> dict[str, Any]:
    thinned = figures.shown(_plain(db))
    return {"step": thinned["step"], "db": thinned["hz"]}


def _made(about: dict[str, Any], voice: Voice) -> str:
    """How the conversion was made, and infer.py's notes on it, as HTML."""
    given = [
        voice.name.split("+")[0],
        build.options(Header(about["options"])),
        "--trim" if about["trimmed"] else "",
    ]
    line = escape(" ".join(["infer.py", *filter(None, given)]))
    notes = page.paragraphs(about["notes"])
    return f'<div class="made"><h3>How it was made</h3><code>{line}</code>{notes}</div>'


def _about(voice: Voice, about: dict[str, Any], card: dict[str, Any]) -> str:
    """The voice's card, as HTML."""
    rows = {
        "range": voice.range,
        "median": f"{about['f0_median_hz']:.0f} Hz" if about["f0_median_hz"] else "",
        "rate": f"{about['rate_hz'] / 1000:g} kHz",
        "trained on": f"{about['recordings_h']:.2f} h of recordings" if about["recordings_h"] else "",
        "terms": voice.terms,
    }
    terms = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows.items() if text)
    lines = cards.describe({"kind": "acoustic model", "card": card}).splitlines()
    return (
        f"<h3>The voice {escape(voice.name)}</h3><dl>{terms}</dl>"
        f"<details><summary>its whole card</summary>{page.paragraphs(lines)}</details>"
    )


def _figures(about: dict[str, Any]) -> str:
    """The figures that were measured, a row each."""
    known = {"reference": about["f0_reference"], **about["metrics"]}
    rows = []
    for name, (head, text, what) in ROWS.items():
        if name in about["metrics"]:
            value = about["metrics"][name]
            shown = "–" if math.isnan(value) else re.sub("-(?=0.0 )", "+", text.format(value))
            shown = shown.replace("%", " %").replace("-", "−")
            small = escape(what.format(**known).replace(" -", " −"))
            rows.append(f'<tr><th scope="row">{head} <small>{small}</small></th><td>{shown}</td></tr>')
    return f'<table class="figures" aria-label="Figures"><tbody>{"".join(rows)}</tbody></table>'


def _explained(made: Conversion, about: dict[str, Any]) -> list[str]:
    """Lines for the foot of the page."""
    lines = [
        f"F0 by {about['f0_tracker']}, every 20 ms. The source has the 16 kHz that the voice was given, the "
        f"conversion {made.rate / 1000:g} kHz; figures are of both at 16 kHz. The same numbers are in "
        f"{readable(made.file.target.with_suffix('.json').name)}."
    ]
    if len(made.source) > PLOTTED:
        lines.append(f"Players, pictures and figures are those of the first {MINUTES} minutes.")
    return lines
