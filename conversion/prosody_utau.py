"""The pitch drawn in projects of OpenUtau (.ustx) and UTAU (.ust): notes, pitch points, vibrato and curves.

Rendered as OpenUtau does: each note holds its tone, points bend it (x in ms from the note's start, y in
tenths of a semitone), vibrato swings around it, and of .ustx the curve PITD, in cents, is added. Loudness is
not read: the recording that is converted has it. Of several tracks the one with the most notes is read.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from common import encodings
from common.cli import UserError, reason_of
from conversion.given_curve import Given, fill_pitch, nothing

RESOLUTION = 480  # ticks of a quarter note
STEP = 5  # ticks between two values of a curve, as both programs have them
MOST_BYTES = 64 << 20
MOST_TICKS = 20_000_000  # of a song: hours
SHAPES = {"": "io", "s": "l", "r": "o", "j": "i"}  # of .ust, as .ustx calls them
REMEDY = "save it again in the editor that wrote it"


@dataclass
class Note:
    """start, length: ticks; tone: MIDI note; points: [(ms from the start, tenths of a semitone, shape)], the
    shape of the way to the next; snap: whether the first begins at the tone of the note before; vibrato:
    length in % of the note, period in ms, depth in cents, fade in, fade out, phase and drift in %; bends:
    (offset in ticks from the start, cents), of UTAU's first way to draw."""

    start: float
    length: float
    tone: float
    points: list[tuple[float, float, str]] = field(default_factory=list)
    snap: bool = True
    vibrato: tuple[float, ...] = ()
    bends: tuple[float, list[float]] | None = None

    @property
    def end(self) -> float:
        return self.start + self.length


@dataclass
class Song:
    """notes by start; tempos: [(tick, beats a minute)]; curves: [(ticks, cents)] added to all."""

    notes: list[Note]
    tempos: list[tuple[float, float]]
    curves: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    said: tuple[str, ...] = ()

    def seconds(self, ticks: np.ndarray) -> np.ndarray:
        """Times of ticks, over all changes of tempo."""
        at = np.array([tick for tick, _ in self.tempos])
        rate = np.array([60 / bpm / RESOLUTION for _, bpm in self.tempos])
        begun = np.concatenate([[0.0], np.cumsum(np.diff(at) * rate[:-1])])
        which = np.maximum(np.searchsorted(at, ticks, side="right") - 1, 0)
        return begun[which] + (ticks - at[which]) * rate[which]

    def ticks(self, milliseconds: float, at: float) -> float:
        """How many ticks so many milliseconds are at a tick."""
        bpm = [bpm for tick, bpm in self.tempos if tick <= at][-1]
        return milliseconds / 1000 * bpm / 60 * RESOLUTION


def read(path: Path, centres: np.ndarray, level: float) -> Given:
    """The pitch of a project at these times [N] in s. Raises UserError for a file that is damaged."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES >> 20} MB")
        text, _ = encodings.decoded(path.read_bytes())
        song = from_ustx(text) if path.suffix.lower() == ".ustx" else from_ust(text)
        f0 = nothing(len(centres))
        for ticks, cents in phrases(song):
            fill_pitch(f0, centres, song.seconds(ticks), 440 * 2 ** ((cents / 100 - 69) / 12))
    except OSError as error:
        raise UserError(reason_of(error)) from error
    except Exception as error:  # noqa: BLE001  damaged files lack anything, or have it as something else
        raise UserError(
            f"{path}: cannot be read as a project of UTAU or OpenUtau "
            f"({type(error).__name__}: {str(error).partition(chr(10))[0]}); {REMEDY}"
        ) from error
    return Given(f0, None, nothing(len(centres)), song.said)


def phrases(song: Song) -> list[tuple[np.ndarray, np.ndarray]]:
    """[(ticks, cents)] of notes that follow one another without a gap."""
    groups: list[list[Note]] = []
    for note in song.notes:
        if groups and abs(groups[-1][-1].end - note.start) < 1:
            groups[-1].append(note)
        else:
            groups.append([note])
    return [_rendered(song, group) for group in groups]


def _rendered(song: Song, notes: list[Note]) -> tuple[np.ndarray, np.ndarray]:
    """Cents of MIDI [M] every STEP ticks of one phrase."""
    begin = notes[0].start
    first = min([begin, *(begin + song.ticks(x, begin) for x, *_ in notes[0].points)])
    ticks = np.arange(first, notes[-1].end + STEP, STEP)
    starts = np.array([note.start for note in notes])
    tones = 100 * np.array([note.tone for note in notes])
    cents = tones[np.maximum(np.searchsorted(starts, ticks, side="right") - 1, 0)]
    for at, note in enumerate(notes):
        before = notes[at - 1] if at else None
        cents = cents + _vibrato(song, note, ticks) + _bent(song, note, before, ticks)
    for own, values in song.curves:
        cents = cents + np.interp(ticks, own, values, left=0.0, right=0.0)
    return ticks, cents


def _bent(song: Song, note: Note, before: Note | None, ticks: np.ndarray) -> np.ndarray:
    """Cents [M] by which a note's points move the pitch, before its start that of the note before."""
    moved = np.zeros(len(ticks))
    if note.bends:
        offset, values = note.bends
        own = note.start + offset + STEP * np.arange(len(values))
        moved += np.interp(ticks, own, values, left=0.0, right=0.0)
    if not note.points:
        return moved
    points = [(note.start + song.ticks(x, note.start), 10 * y, shape) for x, y, shape in note.points]
    if note.snap:
        points[0] = (points[0][0], 100 * (before.tone - note.tone) if before else 0.0, points[0][2])
    if points[0][0] > note.start:
        points.insert(0, (note.start, points[0][1], "l"))
    points.append((max(note.end, points[-1][0]), points[-1][1], "l"))
    base = np.where(ticks >= note.start, 0.0, 100 * ((before or note).tone - note.tone))
    for (x0, y0, shape), (x1, y1, _) in zip(points, points[1:], strict=False):
        inside = (ticks >= x0) & (ticks < x1)
        share = (ticks[inside] - x0) / max(x1 - x0, 1e-9)
        moved[inside] += y0 + (y1 - y0) * _eased(share, shape) - base[inside]
    return moved


def _eased(share: np.ndarray, shape: str) -> np.ndarray:
    """0 to 1 along one of the four shapes of a pitch curve."""
    if shape == "l":
        return share
    if shape == "i":
        return 1 - np.cos(np.pi / 2 * share)
    return np.sin(np.pi / 2 * share) if shape == "o" else (1 - np.cos(np.pi * share)) / 2


def _vibrato(song: Song, note: Note, ticks: np.ndarray) -> np.ndarray:
    """Cents [M] of a note's vibrato."""
    length, period, depth, fade_in, fade_out, phase, drift = (*note.vibrato, *[0.0] * 7)[:7]
    if length <= 0 or period <= 0:
        return np.zeros(len(ticks))
    place, share = (ticks - note.start) / note.length, length / 100
    begin, rise, fall = 1 - share, share * fade_in / 100, share * fade_out / 100
    turns = (place - begin) * note.length / song.ticks(period, note.start) + phase / 100
    swing = depth * (np.sin(2 * np.pi * turns) + drift / 100)
    swing = swing * np.clip((place - begin) / rise if rise else 1.0, 0.0, 1.0)
    swing = swing * np.clip((1 - place) / fall if fall else 1.0, 0.0, 1.0)
    return np.where((place >= begin) & (place < 1), swing, 0.0)


def from_ustx(text: str) -> Song:
    """A project of OpenUtau, which is YAML."""
    import yaml  # noqa: PLC0415  few curves come so

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster
    project = yaml.load(text, Loader=loader)
    parts = project.get("voice_parts") or []
    counts = Counter()
    for part in parts:
        counts[part.get("track_no", 0)] += len(part.get("notes") or ())
    if not counts or not (track := counts.most_common(1)[0])[1]:
        raise ValueError("it has no notes")
    tempos = [(float(t["position"]), float(t["bpm"])) for t in project.get("tempos") or ()]
    song = Song([], tempos or [(0.0, float(project.get("bpm", 120)))])
    for part in (part for part in parts if part.get("track_no", 0) == track[0]):
        begin = float(part.get("position", 0))
        song.notes += [_ustx_note(note, begin) for note in part.get("notes") or ()]
        for curve in part.get("curves") or ():
            if curve.get("abbr") == "pitd" and curve.get("xs"):
                # One by one: YAML can have lists in lists that would become arrays larger than any memory.
                xs, ys = (np.array([float(value) for value in curve[name]]) for name in ("xs", "ys"))
                song.curves.append((begin + xs, ys))
    if sum(count > 0 for count in counts.values()) > 1:
        song.said = (f"the melody is that of track {track[0] + 1}, with the most notes of {len(counts)}",)
    return _checked(song)


def _ustx_note(note: dict[str, Any], begin: float) -> Note:
    pitch, vibrato = note.get("pitch") or {}, note.get("vibrato") or {}
    points = [(float(p["x"]), float(p["y"]), p.get("shape", "io")) for p in pitch.get("data") or ()]
    names = ("length", "period", "depth", "in", "out", "shift", "drift")
    swing = tuple(float(vibrato.get(name, 0)) for name in names)
    tone = float(note["tone"]) + float(note.get("tuning", 0)) / 100
    start, length = begin + float(note["position"]), float(note["duration"])
    return Note(start, length, tone, points, bool(pitch.get("snap_first", True)), swing)


def from_ust(text: str) -> Song:
    """A project of UTAU: sections of keys and values, one for each note, rests among them."""
    song, now = Song([], []), 0.0
    for name, body in re.findall(r"^\[#(\w+)\]\s*$(.*?)(?=^\[#|\Z)", text, re.MULTILINE | re.DOTALL):
        keys = dict(line.split("=", 1) for line in body.splitlines() if "=" in line)
        if tempo := keys.get("Tempo"):
            song.tempos.append((now, float(tempo.replace(",", "."))))
        if not name.isdigit():
            continue
        length = float(keys["Length"])
        if keys.get("Lyric", "").strip().upper() not in ("R", ""):
            song.notes.append(_ust_note(song, keys, now, length))
        now += length
    if not song.notes:
        raise ValueError("it has no notes")
    song.tempos = song.tempos if song.tempos and song.tempos[0][0] == 0 else [(0.0, 120.0), *song.tempos]
    return _checked(song)


def _ust_note(song: Song, keys: dict[str, str], start: float, length: float) -> Note:
    note = Note(start, length, float(keys["NoteNum"]), vibrato=tuple(_values(keys.get("VBR", ""))))
    if "PBS" in keys or "PBW" in keys:
        begin, _, height = keys.get("PBS", "0").partition(";")
        if not height:
            begin, _, height = begin.partition(",")
        widths, heights = _values(keys.get("PBW", "")), _values(keys.get("PBY", ""))
        shapes = [SHAPES.get(shape.strip(), "io") for shape in keys.get("PBM", "").split(",")]
        shapes += ["io"] * (len(widths) + 1 - len(shapes))
        x, note.snap = float(begin or 0), not height.strip()
        note.points = [(x, float(height or 0), shapes[0])]
        for at, width in enumerate(widths):
            x += width
            y = heights[at] if at < len(heights) and at < len(widths) - 1 else 0.0
            note.points.append((x, y, shapes[at + 1]))
    elif bends := _values(keys.get("PitchBend", keys.get("Piches", keys.get("Pitches", "")))):
        note.bends = (song.ticks(float(keys.get("PBStart", 0) or 0), start), bends)
    return note


def _values(text: str) -> list[float]:
    """Numbers with commas between; missing ones are 0."""
    return [float(part) if part.strip() else 0.0 for part in text.split(",")] if text.strip() else []


def _checked(song: Song) -> Song:
    """The song, its notes by start. ValueError for tempos and lengths that no song has."""
    song.notes.sort(key=lambda note: note.start)
    song.tempos.sort()
    if any(not 1 <= bpm <= 10_000 for _, bpm in song.tempos):
        raise ValueError("its tempo is none")
    if any(not note.length > 0 or not -128 <= note.tone <= 256 for note in song.notes):
        raise ValueError("it has notes of no length or pitch")
    if not 0 <= song.notes[0].start <= max(note.end for note in song.notes) <= MOST_TICKS:
        raise ValueError("it is too long")
    return song
