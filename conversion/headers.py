"""What the header of a conversion says: that it is synthetic, how it was made, and the notes on it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import audio
from conversion.prosody import Controls

COMMENT = "synthetic speech, converted by hubert-pitdyn"  # begins the header of every conversion
ROOM = 1900  # bytes; libsndfile drops a wav's comment of more than 2 KB


@dataclass(frozen=True)
class Header:
    """options: changed ones alone, {"transpose": -12.0}, files as true, mix as {voice: share};
    start: seconds of the source left off at its beginning by --trim; notes: lines for the user."""

    options: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    start: float = 0.0

    def transposition(self) -> float | None:
        """Semitones by which the melody is the source's; None where other options changed it, too."""
        others = set(self.options) - {"transpose", "dyn_gain", "dyn_scale", "dyn_from", "breath", "mix"}
        return None if others else float(self.options.get("transpose", 0.0))


def changed(options: dict[str, Any]) -> dict[str, Any]:
    """Of options of `VoiceConverter.edit` those that are not at their defaults; files as true."""
    plain = vars(Controls())
    return {
        name: value if name in (*plain, "mix") else True
        for name, value in options.items()
        if value is not None and (name not in plain or value != plain[name])
    }


def comment(options: dict[str, Any], notes: Iterable[str], start: float = 0.0) -> str:
    """The header's text. options: of `VoiceConverter.edit`; notes that have no room are left out."""
    kept, used = list(notes), changed(options)
    while True:
        about = {"options": used, "notes": kept, "start": round(start, 4)}
        text = f"{COMMENT}\n{json.dumps(about)}"
        if len(text) <= ROOM or not kept:
            return text
        kept.pop()


def read(path: Path) -> Header | None:
    """What the header of a conversion says; None for a recording that is none of ours."""
    first, _, rest = audio.comment_of(path).partition("\n")
    if first != COMMENT:
        return None
    try:
        about = json.loads(rest)
        return Header(dict(about["options"]), tuple(map(str, about["notes"])), float(about["start"]))
    except (ValueError, KeyError, TypeError):  # of a version that said no more
        return Header()
