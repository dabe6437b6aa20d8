"""What the forms say, as the options of `VoiceConverter.edit` and as sentences."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from common import cli
from conversion.prosody import AUTO_PITCH, PitchRange
from listening.voices import Voice
from workshop.documents import Document, outside
from workshop.jobs import Progress

OFF = "off"
PITCH = {  # of AUTO_PITCH, in words
    OFF: "as the source",
    "auto": "to the voice",
    "octave": "by octaves",
    "semitone": "by semitones",
    "speech": "onto its median",
}


def pitch_choices() -> list[tuple[str, str]]:
    """(label, value) of each way of `auto_pitch`."""
    return [(PITCH.get(way, way), way) for way in (OFF, *AUTO_PITCH)]


def controls(
    transpose: float = 0.0,
    octaves: bool = False,
    auto_pitch: str = OFF,
    fold: bool = False,
    pitch_scale: float = 1.0,
    dyn_gain: float = 0.0,
    dyn_scale: float = 1.0,
    breath: float = 0.0,
    pitch_from: str | None = None,
    dyn_from: str | None = None,
) -> dict[str, Any]:
    """octaves: whether transpose is rounded to whole ones."""
    return {
        "transpose": 12.0 * round(transpose / 12) if octaves else float(transpose),
        "auto_pitch": False if auto_pitch in (OFF, None) else auto_pitch,
        "fold": bool(fold),
        "pitch_scale": float(pitch_scale),
        "dyn_gain": float(dyn_gain),
        "dyn_scale": float(dyn_scale),
        "breath": float(breath),
        "pitch_from": pitch_from or None,
        "dyn_from": dyn_from or None,
    }


def live_line(document: Document) -> str:
    """HTML: how much lies outside the voice's range, and the notes of the terminal."""
    if document.converter.labels is None:
        return '<p class="live">This voice was trained on content units only: its melody is its own.</p>'
    span = PitchRange.from_card(document.converter.card)
    beyond, voiced = outside(document.edited.curve, span)
    notes = "".join(f"<p>{escape(note)}</p>" for note in (*document.said, *document.edited.notes))
    if not voiced:
        head = "nothing is voiced"
    elif not beyond:
        head = f"all {voiced} voiced frames lie within the voice's range"
    else:
        head = f"{beyond} of {voiced} voiced frames ({100 * beyond / voiced:.0f} %) lie outside its range"
    mark = "good" if voiced and not beyond else "beyond"
    return f'<div class="live"><p class="{mark}"><b>{head}</b></p>{notes}</div>'


def about_voice(voice: Voice | None) -> str:
    """HTML: a voice's range and terms."""
    if voice is None:
        return ""
    return f'<p class="about-voice"><b>{escape(voice.range)}</b><br>{escape(voice.terms)}</p>'


def bar(progress: Progress) -> str:
    """HTML: what is being done, how far it is, and how long it takes."""
    value = "" if progress.share is None else f' value="{progress.share:.3f}"'
    soon = progress.left is None or progress.left < 1 or progress.seconds < 1
    left = "" if soon else f", about {words(progress.left)} left"
    text = escape(progress.text or "working")
    return (
        f'<div class="work"><progress max="1"{value} aria-label="{text}"></progress>'
        f"<span>{text} · {words(progress.seconds)}{left}</span></div>"
    )


def words(seconds: float) -> str:
    """'3 s', '2 min 5 s', '1 h 10 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def trouble(error: BaseException, *paths: str | Path | None) -> str:
    """HTML: the sentence that a terminal would show; uploads have the names that their owner gave them."""
    sentence = cli.printable(cli.reason_of(error))
    for path in filter(None, paths):
        sentence = sentence.replace(str(path), Path(path).name)
    return f'<p class="trouble" role="alert">{escape(sentence)}</p>'


def done(text: str, notes: list[str] | tuple[str, ...] = ()) -> str:
    """HTML: that something is finished, and lines on it."""
    lines = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f'<div class="done" role="status"><p><b>{escape(text)}</b></p>{lines}</div>'
