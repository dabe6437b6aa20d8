"""Prosody curves as MIDI files: notes, pitch bends between and within them, loudness as expression.

A file written here has a tick for every sample, bends within two octaves (0.3 cents a step), and loudness in
14 bits: controllers 11 and 43, of which the largest value stands for LOUDEST_DB re the active level, and a
tenth of it for 40 dB less. A text in it says so. Of other programs' files only notes and bends count, since
what they mean by expression is theirs.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from audio import SAMPLE_RATE, UNIT_HOP
from common.cli import UserError
from common.files import atomic_path
from common.levels import runs_of
from conversion.given_curve import Given, nothing
from conversion.prosody import Curve

MARK = "hubert-pitdyn prosody 1"  # begins the text in a file of ours
TICKS_PER_BEAT, TEMPO = SAMPLE_RATE // 2, 500_000  # a tick is a sample at 120 beats a minute
BEND_RANGE = 24  # semitones either way
LOUDEST_DB, DECADE_DB = 14.0, 40.0
LEAVES = 0.75  # semitones from a note, from which on it is another
HELD = 3  # units of which the median decides on that
MOST_BYTES = 16 << 20
USUAL_RANGE = 2.0  # semitones, where a file sets none
DRUMS = 9  # channel


def write(path: Path, curve: Curve, start: int) -> None:
    """start: samples before the first unit."""
    mido = load_mido(path)
    track = mido.MidiTrack()
    events: list[tuple[int, int, Any]] = [
        (0, 0, mido.MetaMessage("set_tempo", tempo=TEMPO)),
        (0, 0, mido.MetaMessage("text", text=f"{MARK}: expression {LOUDEST_DB:g} dB re speech level")),
    ]
    for control, value in ((101, 0), (100, 0), (6, BEND_RANGE), (38, 0)):  # the range of bends (RPN 0)
        events.append((0, 1, mido.Message("control_change", control=control, value=value)))
    semitones = 69 + 12 * np.log2(curve.f0 / 440)
    for unit, db in enumerate(curve.db):
        value = int(np.clip(round(16383 * 10 ** ((db - LOUDEST_DB) / DECADE_DB)), 0, 16383))
        for control, part in ((11, value >> 7), (43, value & 127)):
            at = start + UNIT_HOP * unit
            events.append((at, 2, mido.Message("control_change", control=control, value=part)))
    for first, stop, note in _notes(semitones, curve.voiced):
        events.append((start + UNIT_HOP * first, 4, mido.Message("note_on", note=note, velocity=100)))
        events.append((start + UNIT_HOP * stop, 1, mido.Message("note_off", note=note)))
        for unit in range(first, stop):
            bend = round((semitones[unit] - note) / BEND_RANGE * 8192)
            message = mido.Message("pitchwheel", pitch=int(np.clip(bend, -8192, 8191)))
            events.append((start + UNIT_HOP * unit, 3, message))
    now = 0
    for at, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=at - now))
        now = at
    with atomic_path(path) as part:
        mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT, tracks=[track]).save(part)


def _notes(semitones: np.ndarray, voiced: np.ndarray) -> list[tuple[int, int, int]]:
    """(first unit, unit after the last, MIDI note) of a melody: a note for each voiced stretch, and another
    where the melody leaves it."""
    found = []
    for first, stop in runs_of(voiced):
        note = None
        for unit in range(first, stop):
            ahead = float(np.median(semitones[unit : min(unit + HELD, stop)]))
            if note is None or abs(ahead - note) > LEAVES:
                if note is not None:
                    found.append((first, unit, note))
                first, note = unit, int(np.clip(round(ahead), 0, 127))
        found.append((first, stop, note))
    return found


def read(path: Path, centres: np.ndarray, level: float) -> Given:
    """What a MIDI file says at these times [N] in s. Raises UserError where it is damaged or has no notes."""
    mido = load_mido(path)
    try:
        content = path.read_bytes()
        if len(content) > MOST_BYTES:
            raise ValueError(f"it has {len(content)} bytes, expected at most {MOST_BYTES}")
        song = mido.MidiFile(file=io.BytesIO(content), clip=True)
        melody, notes = _melody(mido, song)
        states, is_ours = _states(melody)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  damaged files raise many things
        raise UserError(f"{path}: cannot be read as MIDI ({error or type(error).__name__})") from error
    f0, db = nothing(len(centres)), nothing(len(centres))
    if states:
        at = np.searchsorted([state[0] for state in states], centres + 1e-6, side="right") - 1
        _, pitch, loud = (np.array(column, dtype=np.float64) for column in zip(*states, strict=True))
        begun = at >= 0
        f0[begun] = 440 * 2 ** ((pitch[at[begun]] - 69) / 12)
        db[begun] = loud[at[begun]]
    if not is_ours:
        return Given(f0, None, nothing(len(centres)), notes)
    return Given(f0, ~np.isnan(f0), db, notes)


def _melody(mido: Any, song: Any) -> tuple[Any, tuple[str, ...]]:
    """The track with the most notes, with the tempo of all; a line where others have notes, too."""
    counts = [sum(m.type == "note_on" and m.channel != DRUMS for m in track) for track in song.tracks]
    if not any(counts):
        raise ValueError("it has no notes")
    chosen = int(np.argmax(counts))
    tracks = [song.tracks[chosen]]
    for track in song.tracks:
        if track is not song.tracks[chosen]:
            tempo, now, before = mido.MidiTrack(), 0, 0
            for message in track:
                now += message.time
                if message.type == "set_tempo":
                    tempo.append(message.copy(time=now - before))
                    before = now
            tracks.append(tempo)
    several = sum(count > 0 for count in counts)
    notes = ()
    if several > 1:
        name = song.tracks[chosen].name
        notes = (f"the melody is that of track {chosen + 1} ({name or 'no name'}) of {several} with notes",)
    return mido.MidiFile(type=1, ticks_per_beat=song.ticks_per_beat, tracks=tracks), notes


def _states(song: Any) -> tuple[list[tuple[float, float, float]], bool]:
    """[(from when on in s, MIDI pitch or NaN, dB or NaN)], and whether the file is one of ours."""
    states, is_ours, now = [], False, 0.0
    held: list[int] = []  # of several notes at once the one begun last is sung
    bend, span, coarse, fine, parameter = 0.0, USUAL_RANGE, 0, 0, [127, 127]
    for message in song:
        now += message.time
        if message.type == "text" and message.text.startswith(MARK):
            is_ours = True
        if getattr(message, "channel", DRUMS) == DRUMS:
            continue
        if message.type == "note_on" and message.velocity:
            held.append(message.note)
        elif message.type in ("note_on", "note_off") and message.note in held:
            held.remove(message.note)
        elif message.type == "pitchwheel":
            bend = message.pitch / 8192
        elif message.type == "control_change":
            if message.control in (100, 101):
                parameter[message.control - 100] = message.value
            elif message.control in (6, 38) and parameter == [0, 0]:
                span = message.value if message.control == 6 else int(span) + message.value / 100
            elif message.control == 11:
                coarse, fine = message.value, 0
            elif message.control == 43:
                fine = message.value
        value = (coarse << 7) + fine
        loud = LOUDEST_DB + DECADE_DB * np.log10(max(value, 0.5) / 16383)
        states.append((now, held[-1] + bend * span if held else np.nan, loud))
    return states, is_ours


def load_mido(path: Path) -> Any:
    """The package, or a UserError that names it."""
    try:
        import mido  # noqa: PLC0415  an extra
    except ImportError as error:
        raise UserError(f"{path}: MIDI files need the package mido: pip install mido") from error
    return mido
