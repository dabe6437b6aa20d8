"""From folders to the page: everything is found, measured and put together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from common import progress
from common.names import readable
from conversion import headers
from conversion.headers import Header
from listening import figures, items, page, voices
from listening.cache import NAME, Cache
from listening.figures import Measures, Sound
from listening.items import Item
from listening.page import Entry, Track
from listening.voices import Voice

LEVEL_DB = -26.0  # active level that the players bring recordings to, re full scale; that of training


def build(
    test: Path, gen: Path, base: Path, texts: Path | None, recordings: Callable[[str], list[Path]]
) -> tuple[str, int, int]:
    """The page for links relative to the folder `base`, and its numbers of sources and conversions.

    recordings: voice -> files of it, for the similarity. Raises UserError for what `items.collect` refuses.
    """
    found = items.collect(test, gen, texts)
    cache, notes = Cache((gen if gen.is_dir() else base) / NAME), []
    try:
        known = voices.collect({v for item in found for v in item.conversions}, Path("out"), cache)
        measures = Measures(cache, recordings, notes.append)
        shown = progress.each(found, "listening page", leave=False)
        entries = [_entry(item, known, measures, test, gen, base) for item in shown]
    finally:
        with suppress(OSError):  # a folder that cannot be written to: the next page measures again
            cache.save()
    notes += measures.absent()
    converted = sum(len(entry.tracks) - 1 for entry in entries)
    return page.render(entries, known, gen, dict.fromkeys(notes)), len(entries), converted


def _entry(item: Item, known: list[Voice], measures: Measures, test: Path, gen: Path, base: Path) -> Entry:
    """One item, all its recordings measured."""
    path = (test.parent if test.is_file() else test) / item.source
    source = measures.sound(path)
    made = {voice: gen / item.conversions[voice.name] for voice in known if voice.name in item.conversions}
    sounds = {voice: measures.sound(made[voice]) for voice in made}
    loud = figures.volumes([source.level, *(sound.level for sound in sounds.values())], LEVEL_DB)
    tracks = [
        Track(
            readable(item.source.as_posix()),
            items.url(path, base),
            _data(source, loud[0]),
            trouble=source.trouble,
        )
    ]
    for (voice, sound), volume in zip(sounds.items(), loud[1:], strict=True):
        header = headers.read(made[voice]) or Header()
        similarity, dnsmos = measures.scores(made[voice], voice.name)
        tracks.append(
            Track(
                voice.name,
                items.url(made[voice], base),
                _data(sound, volume, header.start),
                figures.pitch_scores(source, sound, header, voice.span)._replace(
                    similarity=similarity, dnsmos=dnsmos
                ),
                options(header),
                header.notes,
                sound.trouble,
                voice,
            )
        )
    commands = {
        voice.name: items.command(item, voice.name, voice.dataset, test, gen)
        for voice in known
        if voice.dataset and voice not in made
    }
    return Entry(item, tracks, commands)


def _data(sound: Sound, volume: float, start: float = 0.0) -> dict[str, Any]:
    """What the page's script has to know of a track; start: seconds after its source's beginning."""
    return {
        "seconds": sound.seconds,
        "start": start,
        "volume": volume,
        "top": sound.top,
        "picture": sound.picture,
        "f0": figures.shown(sound.f0),
    }


def options(header: Header) -> str:
    """How a conversion was made, as infer.py takes it; files, whose names nobody kept, are dots."""
    parts = []
    for name, value in header.options.items():
        if name == "mix":  # of a share that changes over time the mean
            parts += [f"--mix {voice}:{share:g}" for voice, share in value.items()]
        elif value is True:
            parts.append(f"--{name}" if name in ("auto_pitch", "fold") else f"--{name} …")
        else:
            parts.append(f"--{name} {value}" if isinstance(value, str) else f"--{name} {value:g}")
    return " ".join(parts)
