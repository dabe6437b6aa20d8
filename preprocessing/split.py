"""split.json: train, val and test of a data folder, with all takes of a prompt on one side."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

import audio
from common.cli import UserError
from common.tables import Table
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

    seed; val, test: fractions of the prompts (SPLIT without them); prompts: {key: prompt}, without which
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

    Rows are matched as `common.tables.Table` does. Raises UserError when the file cannot be read, has other
    columns, or names none of the wavs.
    """
    known = Table(table, "prompt")
    found = {key: known.values(wav, any_suffix=False) for key, wav in files.items()}
    prompts = {key: values[0] for key, values in found.items() if values}
    if not prompts:
        raise UserError(
            f"{table}: expected paths that end like those of the wavs, as {next(iter(files.values()))}, "
            f"found {known.first}"
        )
    return prompts
