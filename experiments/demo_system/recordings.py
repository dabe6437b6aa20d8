"""The recordings that a run is given: which are there, what they are, and links to them for the scripts."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import audio
from common import audio_files, decoding, progress
from common.cli import UserError, nearest
from common.files import sha256_of, write_bytes
from common.readers import read_json, read_text
from evaluation.report import write_json
from experiments.demo_system.speakers import EVERYTHING, FIRST, SPEAKERS
from experiments.demo_system.steps import Plan
from preprocessing.wavs_link import make_link, remove_link

MANIFEST = "manifest.csv"
KNOWN = "recordings.json"  # in OUT: what was seen of each file
VOICES = "voices"  # links for the voices' own data folders
MADE = "made"  # beside the links of the pitch model: sounds that a step makes


class Facts(NamedTuple):
    """Of one speaker's recordings. digest: sha256 of a list with the sha256 and the path of each."""

    files: int
    minutes: float
    digest: str


def chosen(names: Iterable[str] | None) -> tuple[str, ...]:
    """Rows of SPEAKERS in its order, all without names. UserError for a name it lacks, or without FIRST."""
    wanted = list(SPEAKERS if names is None else names)
    for name in wanted:
        if name not in SPEAKERS:
            raise UserError(
                f"--voices {name}: expected some of {', '.join(SPEAKERS)}{nearest(name, SPEAKERS)}"
            )
    if FIRST not in wanted:
        raise UserError(
            f"--voices: expected {FIRST} among them; the vocoder and other voices begin from hers"
        )
    return tuple(name for name in SPEAKERS if name in wanted)


def files_of(wavs: Path, names: tuple[str, ...]) -> dict[str, list[Path]]:
    """{speaker: recordings}. UserError naming the folders that are not there, and how to leave them out."""
    found = {
        name: [path for part in SPEAKERS[name].folders for path in _audio(wavs / part)] for name in names
    }
    absent = [name for name in names if not found[name]]
    if absent:
        folders = ", ".join(str(wavs / part) for name in absent for part in SPEAKERS[name].folders)
        rest = " ".join(name for name in names if name not in absent) or FIRST
        raise UserError(
            f"{wavs}: expected recordings of {', '.join(absent)}, found none in {folders}; "
            f"put them there, or leave them out: --voices {rest}"
        )
    return found


def _audio(folder: Path) -> list[Path]:
    return audio_files.find(folder, audio.AUDIO_SUFFIXES).paths if folder.is_dir() else []


def look(plan: Plan) -> dict[str, Facts]:
    """{speaker: Facts}; files that were seen before are read again only where size or date differ."""
    kept, seen = plan.out / KNOWN, {}
    known = read_json(kept, {str: list}, "delete it, it will be made again") if kept.is_file() else {}
    found = files_of(plan.wavs, plan.speakers)
    total, facts = sum(map(len, found.values())), {}
    with progress.bar(total, "recordings", unit="file") as shown:
        for name, paths in found.items():
            lines, seconds = [], 0.0
            for path in paths:
                key, about = path.relative_to(plan.wavs).as_posix(), path.stat()
                stamp = [about.st_size, about.st_mtime_ns]
                if known.get(key, [])[:2] == stamp:
                    seen[key] = known[key]
                else:
                    seen[key] = [*stamp, sha256_of(path), decoding.seconds(path)]
                lines.append(f"{seen[key][2]} {key}\n")
                seconds += seen[key][3]
                shown.update()
            digest = hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
            facts[name] = Facts(len(paths), seconds / 60, digest)
    if seen != known:
        write_json(kept, seen)
    return facts


def manifest_of(given: Path | None, wavs: Path, data: Path) -> Path | None:
    """The CSV with prompts, copied beside the links; without one prompts are known by names of files."""
    source, kept = given or wavs / MANIFEST, data / "recordings" / MANIFEST
    if not source.is_file():
        if given:
            raise UserError(f"{given}: no such file, expected a CSV with the columns path and prompt")
        return None
    text = source.read_bytes()
    if not kept.is_file() or kept.read_bytes() != text:
        write_bytes(kept, text)
    return kept


def prompts_of(manifest: Path) -> str:
    """Digest of what a manifest says of prompts, which decides the split; its other columns do not."""
    rows = csv.DictReader(io.StringIO(read_text(manifest, "export it as CSV in UTF-8"), newline=""))
    said = sorted((row.get("path") or "", row.get("prompt") or "") for row in rows)
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def link(plan: Plan) -> None:
    """Bring the folders that the scripts read up to date: links to WAVS, laid out as it is.

    So commands are the same wherever the recordings lie, and sounds that are made stay out of WAVS.
    """
    for folder in (*EVERYTHING, VOICES):
        root = plan.links(folder)
        names = plan.voices() if folder == VOICES else plan.of(folder)
        wanted = {root / part: plan.wavs / part for name in names for part in SPEAKERS[name].folders}
        for speaker in SPEAKERS.values():
            for part in speaker.folders:
                if root / part not in wanted and os.path.lexists(root / part):
                    _remove(root / part)
        for place, target in wanted.items():
            _lead(place, target.resolve())


def _lead(place: Path, target: Path) -> None:
    """Make a link to a folder; a copy of it where the file system has no links."""
    if os.path.lexists(place):
        if place.resolve() == target:
            return
        _remove(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    make_link(place, target)
    if not place.is_dir():
        place.with_suffix(".txt").unlink(missing_ok=True)
        shutil.copytree(target, place)


def _remove(place: Path) -> None:
    """A link, or the copy in its place."""
    is_link = os.path.realpath(place) != os.path.join(os.path.realpath(place.parent), place.name)
    if is_link or place.is_symlink():
        remove_link(place)
    else:
        shutil.rmtree(place)
