"""The page itself: items, figures and legend as HTML, with styles, script and pictures inside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from common.names import readable
from listening.figures import Scores
from listening.items import Item
from listening.voices import Voice

HERE = Path(__file__).resolve().parent
KINDS = ("speech", "other language", "low", "high", "song", "loud and soft")  # order of the filter's buttons
KEYS = {"space": "play, pause", "0": "source", "1–9": "voices", "← →": "one second", "↑ ↓": "recordings"}
SPECTRUM = '<div class="lane spectrum"{track}>{name}<div class="ink"></div><div class="scale"></div></div>'
CURVES = (  # a lane of curves, what is beyond the range and the grid behind them
    '<div class="lane {kind}"><svg preserveAspectRatio="none" aria-hidden="true" focusable="false">'
    '<g class="beyond"></g><g class="lines"></g><g class="converted"></g><path class="source"></path></svg>'
    '<div class="scale"></div></div>'
)
COLUMNS = {  # field of Scores: (head, what it is, its text)
    "error": ("F0 error", "median deviation from the pitch that was asked for, in cents", "{:.0f} ct"),
    "outside": ("outside range", "voiced frames beyond what the voice was trained on", "{:.1%}"),
    "similarity": ("similarity", "cosine of the speaker embedding to the target's, at most 1", "{:.2f}"),
    "dnsmos": ("DNSMOS", "predicted quality of the sound, 1 to 5", "{:.2f}"),
}


@dataclass(frozen=True)
class Track:
    """What an item plays: its source, or its conversion to a voice.

    link: relative address; data: of its player and pictures, for the script; options: how it was made, as
    infer.py takes them; notes: infer.py's.
    """

    name: str
    link: str
    data: dict[str, Any]
    scores: Scores = Scores()
    options: str = ""
    notes: tuple[str, ...] = ()
    trouble: str = ""
    voice: Voice | None = None


@dataclass(frozen=True)
class Entry:
    """An item with its tracks, the source first, and commands {voice: line} for what is not there."""

    item: Item
    tracks: list[Track]
    commands: dict[str, str] = field(default_factory=dict)


def render(entries: list[Entry], voices: list[Voice], gen: Path, notes: Iterable[str] = ()) -> str:
    """The listening page. voices: in the order of their keys; notes: lines for its foot."""
    converted = {track.voice for entry in entries for track in entry.tracks if track.voice}
    listed = [voice for voice in voices if voice in converted]
    columns = [
        name
        for name in COLUMNS
        if any(getattr(track.scores, name) is not None for entry in entries for track in entry.tracks)
    ]
    items = [
        article(index, entry, voices, f"{_table(entry, columns)}{_missing(entry)}")
        for index, entry in enumerate(entries)
    ]
    parts = {
        "title": "hubert-pitdyn: listen",
        "heading": "hubert-pitdyn",
        "summary": _summary(entries, listed, gen),
        "legend": _legend(listed),
        "filters": navigation(_filters(entries, listed), KEYS),
        "items": "\n".join(items),
        "lanes": SPECTRUM.format(track="", name="") + CURVES.format(kind="melody"),
        "notes": paragraphs([*_explained(columns), *notes]),
    }
    return filled(parts, voices, [[track.data for track in entry.tracks] for entry in entries])


def filled(parts: dict[str, str], voices: list[Voice], items: list, styles: Iterable[str] = ()) -> str:
    """A page of page.html's parts, HTML each, with styles and scripts inside.

    items: data of the tracks of each item, as the script takes them; styles: files of this folder, beside
    those of every page.
    """
    data = {
        "voices": [{"name": voice.name, "span": voice.span, "mark": voice.mark} for voice in voices],
        "items": items,
    }
    every = {
        "style": "\n".join(map(asset, ("colours.css", "page.css", *styles))),
        "script": "\n".join(map(asset, ("notes.js", "picture.js", "page.js"))),
        # Within a script element only its end tag and a comment's beginning mean anything.
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        **parts,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: every[match[1]], asset("page.html"))


def paragraphs(lines: Iterable[str]) -> str:
    """Lines of text as HTML, in which no option is broken after its dashes."""
    marked = (re.sub(r"--\w+", r'<span class="option">\g<0></span>', escape(line)) for line in lines)
    return "\n".join(f"<p>{line}</p>" for line in marked)


def asset(name: str) -> str:
    """A style or script of this folder."""
    return (HERE / name).read_text(encoding="utf-8").rstrip()


def count(number: int, noun: str) -> str:
    """'1 voice', '2 voices'."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _summary(entries: list[Entry], voices: list[Voice], gen: Path) -> str:
    """What the page holds, or what makes it hold something, as HTML."""
    sources = count(len(entries), "recording")
    if voices:
        return (
            f"{sources}, converted to {count(len(voices), 'voice')}. Press play, then another voice: it "
            "continues at the same instant and loudness."
        )
    return (
        f"{sources}. There are no conversions in <code>{escape(gen.as_posix())}/</code> yet: "
        "<code>demo.cmd</code> or <code>bash demo.sh</code> makes them with the voices that come with the "
        "project, <code>make_infer_test.cmd</code> or <code>bash make_infer_test.sh</code> with yours, too."
    )


def _legend(voices: list[Voice]) -> str:
    if not voices:
        return ""
    rows = "".join(
        f'<li class="voice-{voice.mark % 8}"><span class="swatch" aria-hidden="true"></span>'
        f"<b>{escape(voice.name)}</b> <span>{escape(voice.range)}</span> "
        f"<small>{escape(voice.terms)}</small></li>"
        for voice in voices
    )
    return f'<ul class="legend" aria-label="Voices, their ranges and terms">{rows}</ul>'


def _filters(entries: list[Entry], voices: list[Voice]) -> str:
    kinds = {kind for entry in entries for kind in entry.item.kinds}
    ordered = [kind for kind in KINDS if kind in kinds] + sorted(kinds - set(KINDS))
    groups = []
    for name, values in (("kind", ordered), ("voice", [voice.name for voice in voices])):
        if len(values) > 1:
            buttons = "".join(
                f'<button type="button" data-filter="{name}" data-value="{escape(value)}" '
                f'aria-pressed="{str(not value).lower()}">{escape(value or "all")}</button>'
                for value in ("", *values)
            )
            groups.append(
                f'<div role="group" aria-label="Show one {name}"><span>{name}</span>{buttons}</div>'
            )
    return "".join(groups)


def navigation(filters: str, keys: dict[str, str]) -> str:
    """Filters, HTML, and what each of the keys does."""
    shown = "".join(
        f"<span>{''.join(f'<kbd>{key}</kbd> ' for key in pressed.split())}{what}</span>"
        for pressed, what in keys.items()
    )
    return f'<nav aria-label="Filters and keys">{filters}<p class="keys">{shown}</p></nav>'


def article(index: int, entry: Entry, voices: list[Voice], more: str, beside: str = "") -> str:
    """An item: its players, its picture, HTML below that (more), and with a place of its own (beside)."""
    item, name = entry.item, escape(readable(entry.item.source.as_posix()))
    language = f' lang="{escape(item.language)}"' if item.language else ""
    text = f"<blockquote{language}>{escape(item.text)}</blockquote>" if item.text else ""
    about = f'<p class="aside">{escape(item.about)}</p>' if item.about else ""
    tags = "".join(f"<li>{escape(kind)}</li>" for kind in item.kinds)
    players = "".join(
        f'<div class="plain">{escape(track.name)}<audio controls preload="none" src="{escape(track.link)}" '
        f'data-track="{at}" aria-label="{escape(_label(item, track))}"></audio></div>'
        for at, track in enumerate(entry.tracks)
    )
    kinds = escape(";".join(item.kinds))
    return f"""<article class="item" data-item="{index}" data-kinds="{kinds}" aria-labelledby="name-{index}">
<div class="about"><h2 id="name-{index}">{name}</h2>{text}{about}
<ul class="tags" aria-label="Kind">{tags}</ul>
<div class="player"><button type="button" class="play" aria-label="Play {name}"></button>
<span class="time">{_seconds(entry.tracks[0])}</span></div>
<div class="voices" role="group" aria-label="Voice">{_buttons(entry, voices)}</div>{players}</div>
<div class="picture{"" if any(track.data["picture"] for track in entry.tracks) else " none"}"></div>
<div class="more">{more}</div>{beside}
</article>"""


def _label(item: Item, track: Track) -> str:
    name = readable(item.source.as_posix())
    return f"{name} as {track.name}" if track.voice else name


def _seconds(track: Track) -> str:
    return f"{track.data['seconds']:.1f} s" if track.data["seconds"] else ""


def _buttons(entry: Entry, voices: list[Voice]) -> str:
    """A button for the source and for every voice; of one that is not there, where it could be made."""
    tracks = {track.voice: at for at, track in enumerate(entry.tracks)}
    found = []
    for key, voice in enumerate([None, *voices]):
        label = escape(voice.name if voice else "source")
        digit = f"<kbd aria-hidden='true'>{key}</kbd>" if key < 10 else ""
        mark = f"voice-{voice.mark % 8}" if voice else "voice-source"
        common = f'type="button" class="{mark}" data-key="{key}" data-voice="{label if voice else ""}"'
        if voice in tracks:
            found.append(
                f'<button {common} data-track="{tracks[voice]}" aria-pressed="false">{digit}{label}</button>'
            )
        elif voice.name in entry.commands:
            about = f"{label}, not converted yet: show the command"
            found.append(
                f'<button {common} data-missing aria-label="{about}" title="{about}">{digit}{label}</button>'
            )
    return "".join(found)


def _table(entry: Entry, columns: list[str]) -> str:
    """Figures of each conversion, with how it was made and infer.py's notes on it."""
    conversions = [(at, track) for at, track in enumerate(entry.tracks) if track.voice]
    troubles = "".join(f'<p class="trouble">{escape(t.trouble)}</p>' for t in entry.tracks if t.trouble)
    if not conversions:
        return troubles
    heads = "".join(
        f'<th scope="col" title="{escape(COLUMNS[name][1])}">{COLUMNS[name][0]}</th>' for name in columns
    )
    rows = []
    for at, track in conversions:
        cells = "".join(f"<td>{_figure(name, getattr(track.scores, name))}</td>" for name in columns)
        made = f" <code>{escape(track.options)}</code>" if track.options else ""
        mark = track.voice.mark % 8
        rows.append(
            f'<tr class="voice-{mark}" data-track="{at}"><th scope="row">{escape(track.name)}{made}</th>'
            f"{cells}</tr>"
        )
        if track.notes:
            notes = paragraphs(track.notes)
            rows.append(
                f'<tr class="note" data-track="{at}"><td colspan="{len(columns) + 1}">{notes}</td></tr>'
            )
    head = f'<thead><tr><th scope="col">conversion to</th>{heads}</tr></thead>'
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>{troubles}"


def _figure(name: str, value: float | None) -> str:
    return "–" if value is None else COLUMNS[name][2].format(value).replace("%", " %")


def _missing(entry: Entry) -> str:
    """The commands that make what is not there, to be copied."""
    if not entry.commands:
        return ""
    lines = "".join(
        f'<div class="command" data-voice="{escape(voice)}"><code>{escape(line)}</code>'
        f'<button type="button" class="copy" aria-label="Copy the command for {escape(voice)}">copy</button>'
        "</div>"
        for voice, line in entry.commands.items()
    )
    names = escape(", ".join(entry.commands))
    return f'<details class="missing"><summary>Not converted yet: {names}</summary>{lines}</details>'


def _explained(columns: list[str]) -> list[str]:
    """A line on each figure that the page shows."""
    parts = [f"{head[0].upper()}{head[1:]}: {about}." for head, about, _ in map(COLUMNS.get, columns)]
    return [" ".join(parts)] if parts else []
