"""split.json: train, val and test of a data folder, with all takes of a prompt on one side."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

import audio
from common.cli import UserError
from preprocessing.data_folder import DataFolder

PARTS = ("train", "val", "test")
SPLIT = {"seed": 1234, "val_share": 0.05, "test_share": 0.0}
TAKE_SUFFIX = re.compile(r"([_-](\d{9,}|take\d+|v\d+))+$", re.IGNORECASE)


def write_split(
    folder: DataFolder,
    seed: int | None = None,
    val: float | None = None,
    test: float | None = None,
    prompts: dict[str, str] | None = None,
) -> dict:
    """Write split.json: whole prompts go to one side, and stay there when wavs are added later.

    seed; val, test: shares of the prompts (SPLIT without them); prompts: {key: prompt}, without which
    takes of a prompt are known by stems that differ in a trailing number of nine digits or more, or in
    _take1, _v2 and the like. Without any of these an existing split stays, and only new wavs join it; a
    prompt moves where training or validation would be left with none.
    """
    before = folder.read_json("split.json") or {}
    given = {"seed": seed, "val_share": val, "test_share": test}
    given = {name: value for name, value in given.items() if value is not None}
    settings = {name: given.get(name, before.get(name, value)) for name, value in SPLIT.items()}
    keep = before if not given and not prompts else {}
    groups = {key: (prompts or {}).get(key) or take_of(key) for key in folder.files}
    side = _sides(folder, groups, settings, keep)
    split = {part: [k for k in folder.files if side[groups[k]] == part] for part in PARTS}
    folder.write_json("split.json", {**settings, **split})
    return split


def _sides(folder: DataFolder, groups: dict[str, str], settings: dict, keep: dict) -> dict[str, str]:
    """{prompt: part}: where it was, else by its own draw, so that other prompts do not move it."""
    place = {g: _uniform(f"{settings['seed']}:{g}") for g in groups.values()}
    ranked = sorted(place, key=place.__getitem__)
    if len(ranked) < 2:
        raise UserError(f"{folder.root}: training needs recordings of two prompts, found {len(ranked)}")
    val, test = settings["val_share"], settings["val_share"] + settings["test_share"]
    side = {g: "val" if u < val else "test" if u < test else "train" for g, u in place.items()}
    side[ranked[0]] = "val"
    if test > val and len(ranked) > 2 and "test" not in side.values():
        side[ranked[1]] = "test"
    kept = {groups[key]: part for part in PARTS for key in keep.get(part, []) if key in groups}
    side |= kept
    for part, order in (("val", ranked), ("train", ranked[::-1])):
        sides = list(side.values())
        if part not in sides:
            # Prompts that had no place yet go first, those of the test last.
            free = [g for g in order if side[g] == "test" or sides.count(side[g]) > 1]
            side[min(free, key=lambda g: (g in kept) + (kept.get(g) == "test"))] = part
    return side


def take_of(key: str) -> str:
    """The prompt of a key as far as its name tells: without take numbers, and without the suffix of x.wav
    beside x.flac."""
    path = PurePosixPath(key)
    stem = path.with_suffix("") if path.suffix.lower() in audio.AUDIO_SUFFIXES else path
    return TAKE_SUFFIX.sub("", str(stem))


def _uniform(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") / 2**64


def read_prompts(table: Path, files: dict[str, Path]) -> dict[str, str]:
    """{key: prompt} from a CSV with columns path and prompt; files: {key: wav}.

    Paths may begin elsewhere than the wavs do, and use either slash: of the rows with a wav's name the one
    counts whose path ends most like the wav's. Raises UserError when the file cannot be read, has other
    columns, or names none of the wavs.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table}: expected a CSV in UTF-8, found {error}") from error
    if not rows or not {"path", "prompt"} <= set(rows[0]):
        found = ", ".join(str(name) for name in rows[0]) if rows else "no rows"
        raise UserError(f"{table}: expected columns path and prompt, found {found}")
    named: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for row in rows:
        parts = PureWindowsPath(row["path"] or "").parts[::-1]
        if parts and row["prompt"]:
            named.setdefault(parts[0], []).append((parts, row["prompt"]))
    prompts = {key: _most_alike(wav, named[wav.name]) for key, wav in files.items() if wav.name in named}
    if not prompts:
        raise UserError(
            f"{table}: expected paths that end like those of the wavs, as {next(iter(files.values()))}, "
            f"found {rows[0]['path']}"
        )
    return prompts


def _most_alike(wav: Path, rows: list[tuple[tuple[str, ...], str]]) -> str:
    """The prompt of the row, path from its end and prompt, that shares most of its end with a wav's path."""
    backwards = wav.parts[::-1]

    def shared(row: tuple[tuple[str, ...], str]) -> tuple[int, bool]:
        parts = row[0]
        alike = [ours == theirs for ours, theirs in zip(backwards, parts, strict=False)]
        count = alike.index(False) if False in alike else len(alike)
        return count, count == len(parts)

    return max(rows, key=shared)[1]
