"""Whether the disk has room for what a conversion writes, before hours of work."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import audio
from common import decoding
from common.cli import UserError
from common.spool import IN_MEMORY
from conversion.files import PLOTTED

RESULT = 2  # bytes a sample
TEMPORARY = 28  # bytes a sample of a long recording: five wavs and its units
REPORT = 6  # bytes a sample of what a report shows: two sounds without loss, as text
SPARE = 1 << 20  # bytes for curves and pictures


def require_room(
    files: Iterable[tuple[Path, Path]], reported: bool = False, rate: int = audio.SAMPLE_RATE
) -> None:
    """UserError where the disk of a folder has no room for the conversions of (source, target) …, their
    reports, and for the temporary files of the longest. rate: of the conversions, in Hz. Sources whose length
    is not known without decoding do not count."""
    results: dict[Path, int] = {}
    largest: dict[Path, int] = {}
    for source, target in files:
        samples = int(decoding.seconds(source) * rate)
        folder = next(place for place in target.absolute().parents if place.is_dir())
        report = REPORT * min(samples, audio.at_rate(PLOTTED, rate)) if reported else 0
        results[folder] = results.get(folder, 0) + RESULT * samples + report
        temporary = TEMPORARY * samples if audio.SAMPLE_RATE / rate * samples > IN_MEMORY else 0
        largest[folder] = max(largest.get(folder, 0), temporary)
    for folder, size in results.items():
        needed, free = size + largest[folder] + SPARE, shutil.disk_usage(folder).free
        if needed > free:
            raise UserError(
                f"{folder}: expected {_readable(needed)} free for the conversions and their temporary files, "
                f"found {_readable(free)}; free some space, or give another --out_path"
            )


def _readable(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
