"""A recording opened with a voice: analysed once, edited as often as wanted, synthesised from that."""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import soundfile

import audio
from common.cli import UserError
from conversion import headers, prosody_csv
from conversion.prosody import Curve, PitchRange
from listening import figures
from listening.build import LEVEL_DB
from workshop import spectrogram
from workshop.models import Models

if TYPE_CHECKING:
    from conversion.converter import VoiceConverter
    from conversion.stages import Analysed, Edited
    from workshop.jobs import Job

MOST = 8  # documents that stay open
FORMATS = ("wav", "flac", "ogg", "mp3")
MOST_SOUNDS = 60  # conversions that stay in the work folder
RATES = {"analysing": 0.2, "synthesising": 0.06}  # seconds a second of sound takes, until that is measured


@dataclass
class Document:
    """One recording with one voice.

    name: of its file, as it is shown; wav: [S] at 16 kHz, untrimmed; said: lines on the reading; controls:
    of `VoiceConverter.edit`, those of `edited`; borrowed: analysed recordings for pitch_from and dyn_from.
    """

    number: int
    path: Path
    voice: str
    wav: np.ndarray
    said: list[str]
    converter: VoiceConverter
    analysed: Analysed
    controls: dict[str, Any]
    edited: Edited
    borrowed: dict[str, tuple[Path, Analysed]] = field(default_factory=dict)
    picture: str = ""

    @property
    def start(self) -> float:
        """Seconds of the recording before the first unit."""
        return self.analysed.prepared.start / audio.SAMPLE_RATE

    @property
    def seconds(self) -> float:
        return len(self.wav) / audio.SAMPLE_RATE


class Desk:
    """Documents of all tabs by their numbers; the oldest are closed. work: folder for what is heard."""

    def __init__(self, models: Models) -> None:
        self.models, self.work = models, models.work
        self._documents: OrderedDict[int, Document] = OrderedDict()
        self._numbers, self._sounds = itertools.count(1), itertools.count(1)
        self._lock, self._made, self._rates = threading.Lock(), deque(), dict(RATES)

    def open(self, path: Path, voice: str, controls: dict[str, Any], job: Job | None = None) -> Document:
        """Read and analyse a recording. controls: see `split`. Raises UserError as a script would."""
        say = job.say if job else lambda text: None
        say(f"loading {voice} …")
        converter = self.models.converter(voice)
        said = list(converter.notes)
        say(f"reading {path.name}")
        wav = audio.load(path, lambda line: said.append(line.removeprefix(f"{path}: ")))
        with self._timed("analysing", len(wav), job):
            analysed = converter.analyse(wav)
        edited = converter.edit(analysed)
        number = next(self._numbers)
        document = Document(number, path, voice, wav, said, converter, analysed, {}, edited)
        self.edit(document, controls, job)
        say("drawing")
        document.picture = spectrogram.data_uri(wav, audio.SAMPLE_RATE)
        return self._keep(document)

    def copy(self, number: int | None) -> Document:
        """A document as it is now: what is done to the one leaves the other."""
        document = self.find(number)
        return self._keep(replace(document, number=next(self._numbers), borrowed=dict(document.borrowed)))

    def _keep(self, document: Document) -> Document:
        with self._lock:
            self._documents[document.number] = document
            while len(self._documents) > MOST:
                self._documents.popitem(last=False)
        return document

    def find(self, number: int | None) -> Document:
        """Raises UserError for a document that is closed."""
        document = self._documents.get(number)
        if document is None:
            raise UserError("this recording is no longer open; open it again")
        self._documents.move_to_end(number)
        return document

    def edit(self, document: Document, controls: dict[str, Any], job: Job | None = None) -> Edited:
        """The document with other controls, nothing synthesised. Analyses other recordings once each."""
        given = dict(controls)
        for name in ("pitch_from", "dyn_from"):
            if other := given.get(name):
                kept = document.borrowed.get(name)
                if kept is None or kept[0] != Path(other):
                    wav = audio.load(other)
                    with self._timed("analysing", len(wav), job):
                        kept = Path(other), document.converter.analyse(wav)
                    document.borrowed[name] = kept
                given[name] = kept[1]
        with self.models.busy:
            document.edited = document.converter.edit(document.analysed, **given)
        document.controls = given
        return document.edited

    def convert(
        self, document: Document, curve: Curve | None = None, job: Job | None = None
    ) -> tuple[Path, list[str]]:
        """The conversion as a wav in `work`, and notes on it; curve: instead of that of the controls.

        A curve takes the way of a file of --prosody_in, and is refused by the same sentences.
        """
        edited, curve_in = document.edited, None
        with self._timed("synthesising", len(document.wav), job):
            if curve is not None:
                curve_in = self.write_curve(document, curve)
                edited = document.converter.edit(document.analysed, prosody_in=curve_in, **document.controls)
            made = document.converter.synthesise(edited)
        notes = [*document.said, *edited.notes, *document.converter.shortfall(edited, made)]
        kept = curve_in if edited.replaced else None
        about = headers.comment({**document.controls, "prosody_in": kept}, notes)
        path = self.work / f"{next(self._sounds)}-{document.path.stem}_{document.voice}.wav"
        audio.save(path, made, about, rate=document.converter.rate)
        self._forget_all_but(path)
        return path, notes

    def _forget_all_but(self, path: Path) -> None:
        """Keep the last conversions: an afternoon of drawing would fill a disk."""
        with self._lock:
            self._made.append(path)
            while len(self._made) > MOST_SOUNDS:
                with suppress(OSError):  # on Windows while it is played
                    self._made.popleft().unlink()

    @contextmanager
    def _timed(self, what: str, samples: int, job: Job | None) -> Iterator[None]:
        """The models for the block, whose time is expected by that of the one before."""
        seconds = samples / audio.SAMPLE_RATE
        if job:
            job.say(f"{what} {seconds:.1f} s of sound", expected=seconds * self._rates[what])
        with self.models.busy:
            began = time.monotonic()
            yield
            self._rates[what] = max(1e-3, (time.monotonic() - began) / max(seconds, 1e-3))

    def write_curve(self, document: Document, curve: Curve) -> Path:
        """The curve as the CSV of --prosody_out."""
        path = self.work / f"{document.number}-{document.path.stem}.csv"
        prosody_csv.write(path, curve, document.analysed.prepared.start)
        return path

    def read_curve(self, document: Document, path: Path) -> Curve:
        """Raises UserError as --prosody_in does."""
        return prosody_csv.read(path, len(document.edited.curve), document.analysed.prepared.start)

    def sound(self, wav: np.ndarray, name: str) -> Path:
        """A sound in `work`, to be played."""
        path = self.work / f"{next(self._sounds)}-{name}.wav"
        audio.save(path, wav)
        return path


def saved_as(path: Path, kind: str, folder: Path) -> Path:
    """A conversion in another of FORMATS, with what its header says."""
    if kind not in FORMATS:
        raise UserError(f"format: expected one of {', '.join(FORMATS)}, found {kind}")
    target = folder / f"{path.stem.partition('-')[2]}.{kind}"
    rate = soundfile.info(path).samplerate
    audio.save(target, audio.load(path, rate=rate), audio.comment_of(path), rate=rate)
    return target


def curve_of(f0: Sequence[float], voiced: Sequence[bool], db: Sequence[float], units: int) -> Curve:
    """A curve from what a page sends. Raises UserError where it is none of so many units."""
    try:
        parts = [np.array(part, dtype=np.float64) for part in (f0, voiced, db)]
    except (TypeError, ValueError) as error:
        raise UserError("the curve: expected numbers") from error
    if any(part.shape != (units,) or not np.isfinite(part).all() for part in parts):
        raise UserError(f"the curve: expected {units} finite numbers each of F0, voicing and loudness")
    return Curve(parts[0], parts[1] > 0, parts[2])


def plain(curve: Curve) -> dict[str, list]:
    """A curve as JSON takes it, with the decimals of a prosody file."""
    return {
        "hz": [round(float(hz), 2) for hz in curve.f0],
        "voiced": [int(one) for one in curve.voiced],
        "db": [round(float(db), 2) for db in curve.db],
    }


def outside(curve: Curve | None, span: PitchRange | None) -> tuple[int, int]:
    """Voiced units outside what the voice was trained on, and all voiced ones."""
    if curve is None:
        return 0, 0
    f0 = curve.f0[curve.voiced]
    return (0 if span is None else int(span.outside(f0).sum())), len(f0)


def shown(desk: Desk, document: Document, curve: Curve | None = None) -> dict[str, Any]:
    """What a page draws and plays of a document, before it is converted."""
    span = PitchRange.from_card(document.converter.card)
    followed = document.converter.labels is not None
    return {
        "number": document.number,
        "name": document.path.name,
        "voice": document.voice,
        "seconds": document.seconds,
        "start": document.start,
        "step": 1 / audio.UNIT_RATE,
        "span": [span.low, span.high] if span else None,
        "source": plain(document.converter.curve(document.analysed)) if followed else None,
        "sung": plain(curve or document.edited.curve) if followed else None,
        "picture": {"uri": document.picture, "low": spectrogram.LOW, "high": spectrogram.HIGH},
        "sounds": {"source": url(desk.sound(document.wav, "source")), "result": None},
        "volumes": [1.0, 1.0],
    }


def url(path: Path) -> str:
    """Where the app serves a file of its work folder."""
    return f"/gradio_api/file={quote(path.as_posix(), safe='/:')}"


def volumes(document: Document, made: np.ndarray) -> list[float]:
    """Of the players of source and conversion, which then are as loud as one another."""
    return figures.volumes([audio.level(document.wav), audio.level(made)], LEVEL_DB)
