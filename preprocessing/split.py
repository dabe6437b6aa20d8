"""split.json: train, val and test of a data folder, with all takes of a prompt on one side."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import audio
from common.cli import UserError
from common.tables import Table
from preprocessing.data_folder import DataFolder

PARTS = ("train", "val", "test")
SPLIT = {"seed": 1234, "val_share": 0.05, "test_share": 0.0}
NOTE = "[A-G](?:##?|＃|♯|s|b|♭)?-?[0-9]"
# In the name of a recording; small letters only by themselves, since kab3 may be anything.
PITCH = re.compile(rf"[ _-]*((?<![0-9#]){NOTE}|(?<![A-Za-z0-9#])(?i:{NOTE}))(?![A-Za-z0-9#])")
PITCH_FOLDER = re.compile(rf"[ _-]*(?<![A-Za-z0-9#])(?i:{NOTE})(?![A-Za-z0-9#])[ _-]*")
TAKE_SUFFIX = re.compile(r"([_-](\d{9,}|take\d+|v\d+))+$", re.IGNORECASE)


def write_split(
    folder: DataFolder,
    seed: int | None = None,
    val: float | None = None,
    test: float | None = None,
    prompts: dict[str, str] | None = None,
    takes: dict[str, str] | None = None,
) -> dict:
    """Write split.json: whole prompts go to one side, and stay there when wavs are added later.

    seed; val, test: fractions of the prompts (SPLIT without them); prompts: {key: prompt}, without which
    takes of a prompt are known by stems that differ in a trailing number of nine digits or more, in
    _take1, _v2 and the like, or in a pitch (see `prompts_of`), and by `takes`, {key: prompt}, what a bank's
    texts say of some of its recordings. Without any of these an existing split stays,
    and only new wavs join it; a prompt moves where training or validation would be left with none.
    """
    before = folder.read_json("split.json") or {}
    given = {"seed": seed, "val_share": val, "test_share": test}
    given = {name: value for name, value in given.items() if value is not None}
    settings = {name: given.get(name, before.get(name, value)) for name, value in SPLIT.items()}
    if settings["val_share"] + settings["test_share"] >= 1:
        raise UserError(
            f"{folder.root}: val_share {settings['val_share']:g} and test_share {settings['test_share']:g} "
            "leave nothing for training; give others by --val_share, --test_share"
        )
    keep = before if not given and not prompts else {}
    known = prompts_of(folder.files) | (takes or {})
    groups = {key: (prompts or {}).get(key) or known[key] for key in folder.files}
    side = _sides(folder, groups, settings, keep)
    split = {part: [k for k in folder.files if side[k] == part] for part in PARTS}
    if (made := {**settings, **split}) != before:
        folder.write_json("split.json", made)
    return split


def _sides(folder: DataFolder, groups: dict[str, str], settings: dict, keep: dict) -> dict[str, str]:
    """{key: part}: where it was, else where its prompt was, else by the prompt's own draw, so that other
    prompts do not move it."""
    place = {g: _uniform(f"{settings['seed']}:{g}") for g in groups.values()}
    ranked = sorted(place, key=place.__getitem__)
    if len(ranked) < 2:
        raise UserError(f"{folder.root}: training needs recordings of two prompts, found {len(ranked)}")
    val, test = settings["val_share"], settings["val_share"] + settings["test_share"]
    side = {g: "val" if u < val else "test" if u < test else "train" for g, u in place.items()}
    side[ranked[0]] = "val"
    if test > val and len(ranked) > 2 and "test" not in side.values():
        side[ranked[1]] = "test"
    before = {key: part for part in PARTS for key in keep.get(part, []) if key in groups}
    kept = {groups[key]: part for key, part in before.items()}
    side |= kept
    # A split of an earlier version may hold takes of one prompt on two sides; it stays as it is.
    own = {key: before.get(key, side[g]) for key, g in groups.items()}
    for part, order in (("val", ranked), ("train", ranked[::-1])):
        if part not in own.values():
            # Prompts that had no place yet go first, those of the test last.
            sizes = Counter(side.values())
            free = [g for g in order if side[g] == "test" or sizes[side[g]] > 1]
            moved = min(free, key=lambda g: (g in kept) + (kept.get(g) == "test"))
            side[moved] = part
            own |= {key: part for key, g in groups.items() if g == moved}
    return own


def prompts_of(keys: Iterable[str]) -> dict[str, str]:
    """{key: its prompt as far as names tell}; see `take_of`.

    In a bank of several pitches the pitch in a name (かC4, ka_F#3) does not count. It is one where at least
    as many prompts as there are pitches come at more than one: A1, A2, B1 may be numbers of sentences, too.
    """
    takes = {key: take_of(key) for key in keys}
    if len(set(takes.values())) < 2:  # all that tells the recordings apart: no pitches, then
        takes = {key: take_of(key, folders=False) for key in takes}
    bases, pitches = dict(takes), defaultdict(set)
    for key, take in takes.items():
        folder, slash, name = take.rpartition("/")
        if found := list(PITCH.finditer(name)):
            rest = name[: found[-1].start()] + name[found[-1].end() :]
            bases[key] = f"{folder}{slash}{TAKE_SUFFIX.sub('', rest.strip(' _-')) or name}"
            pitches[bases[key]].add(found[-1][1].upper())
    several = [notes for notes in pitches.values() if len(notes) > 1]
    is_bank = len(several) >= max(2, len(set().union(*several)))
    return bases if is_bank else takes


def take_of(key: str, folders: bool = True) -> str:
    """The prompt of a key as far as its name tells: without take numbers, without the suffix of x.wav beside
    x.flac, and, where `folders` is true, without the pitch in a folder's name (C4, F#3_soft): the same name
    in the folder of another pitch is a take of the same prompt."""
    path = PurePosixPath(key)
    stem = path.with_suffix("") if path.suffix.lower() in audio.AUDIO_SUFFIXES else path
    parents = [PITCH_FOLDER.sub("", part) if folders else part for part in stem.parts[:-1]]
    return TAKE_SUFFIX.sub("", "/".join([*filter(None, parents), stem.name]))


def _uniform(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64


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
