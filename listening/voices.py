"""The voices: those that lie in out/ and those that were converted to, with range and terms."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from math import log2
from pathlib import Path

from audio import SAMPLE_RATE
from checkpoints import places, terms
from common.cli import UserError, printable
from listening.cache import Cache

NOTES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
OTHER_TERMS = "terms: those of its recordings"


@dataclass(frozen=True)
class Voice:
    """span: F0 in Hz that it was trained on, None where no card says; dataset: of the encoders that it was
    made with, empty where its model is not there to convert with; mark: number of its colour on the page;
    terms: on which it may be used, in short; rate: in Hz, of its conversions by a vocoder of that rate."""

    name: str
    span: tuple[float, float] | None
    dataset: str
    mark: int
    terms: str
    rate: int = SAMPLE_RATE

    @property
    def range(self) -> str:
        """Its range in notes and Hz, in words."""
        if self.span is None:
            return "range not known"
        low, high = self.span
        return f"{note(low)} to {note(high)} ({low:.0f} to {high:.0f} Hz)"


def note(hz: float) -> str:
    """The nearest note's name: 440 -> A4."""
    midi = round(69 + 12 * log2(hz / 440))
    return f"{NOTES[midi % 12]}{midi // 12 - 1}"


def collect(converted: Iterable[str], out: Path, cache: Cache) -> list[Voice]:
    """Voices with conversions and those below `out`, by name; their cards are read once."""
    trained = {folder.parent.name: places.best(folder) for folder in places.folders(out, "acoustic")}
    found = []
    for mark, name in enumerate(sorted({*converted, *trained})):
        card = _card(trained[name], cache) if name in trained else {}
        span = tuple(card["span"]) if card.get("span") else None
        conditions = card.get("terms") or terms.of(name, {}) or OTHER_TERMS
        rate = card.get("rate") or SAMPLE_RATE
        found.append(Voice(name, span, card.get("dataset", ""), mark, conditions, rate))
    return found


def listed(out: Path = Path("out")) -> str:
    """A line on each voice below `out`: name, range, sampling rate, terms."""
    with tempfile.TemporaryDirectory() as folder:
        found = [voice for voice in collect((), out, Cache(Path(folder) / "cards.json")) if voice.dataset]
    if not found:
        raise UserError(f"{out}: no voices here; run it in the project's folder, or train one")
    rows = [(voice.name, voice.range, f"{voice.rate / 1000:g} kHz") for voice in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for voice, row in zip(found, rows, strict=True):
        fields = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        lines.append("  ".join([*fields, voice.terms]))
    return "\n".join(map(printable, lines))


def described(name: str, out: Path = Path("out")) -> str:
    """The card of a voice, a field a line. Raises UserError for one that is not there."""
    from checkpoints import bundle, cards  # noqa: PLC0415  as in `_card`

    path = places.voice_path(name, out)
    checkpoint = bundle.acoustic(path, weights=False)
    title, conditions = places.voice_name(name), terms.of(places.voice_name(name), checkpoint["card"])
    first = f"{title}: {conditions or OTHER_TERMS}"
    return "\n".join([printable(first), cards.describe(checkpoint)])


def _card(path: Path, cache: Cache) -> dict:
    about = path.stat()
    stamp = f"{about.st_size} {about.st_mtime_ns}"

    def read() -> dict:
        from checkpoints import store  # noqa: PLC0415  torch takes seconds to load, and the cache has most cards

        try:
            card = store.load(path)["card"]
        except UserError:  # of another program, or damaged, which infer.py says
            return {}
        about = {"span": card.get("f0_hz"), "dataset": card.get("dataset", ""), "rate": card.get("rate")}
        return {**about, "terms": terms.of(path.parent.parent.name, card)}

    return cache.get(f"card {path.as_posix()}", stamp, read)
