"""data/<name>/: where a folder of wavs, what is made of it, and its split lie."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import audio
from common.cli import UserError
from common.files import atomic_path
from common.readers import read_json

NUMBER = int | float
SHARES = ("val_share?", "test_share?")
MOVES = {"pitch?": NUMBER, "gain?": NUMBER, "copies?": int, "seed?": int, "voicing?": str}
LABELS = {
    **dict.fromkeys(("f_min?", "f_max?", "low_db?", "high_db?", "sigma?", "assumed_rate?"), NUMBER),
    **{"bins?": int, "tracker?": str, "scale?": str, "unvoiced?": bool, "centred?": bool, "voicing?": bool},
}
CARDS = {str: {"name": str, "hash": str}}
JSON_FILES: dict[str, tuple[Any, str]] = {  # what they hold at least (see `read_json`), and what makes them
    "stats.json": ({"labels": {"pit?": LABELS, "dyn?": LABELS}}, "--pitdyn"),
    "split.json": (
        {"train": [str], "val?": [str], "test?": [str], "seed?": int, **dict.fromkeys(SHARES, NUMBER)},
        "--pitdyn or --mel",
    ),
    "copies.json": ({"of": {str: str}, "settings?": MOVES}, "--mel with the options --augment_…"),
    "encoder.json": ({"encoders": CARDS, "unit_dim": int}, "--encode DATASET"),
    "units-discrete.json": (dict, "--discrete"),
    "mels.json": (dict, "--mel"),
}


class DataFolder:
    """One dataset or voice bank on disk.

    A key names a wav in every sub-folder: its path below wavs/ without the suffix, with forward slashes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = root.name

    def connect(self, wavs: Path | None) -> None:
        """Make wavs/ point to the user's folder: a link, or where links are refused a recorded path.

        Without `wavs` it has to be there already. Raises UserError naming what is missing.
        """
        if wavs is None:
            self.wavs  # noqa: B018  raises when nothing is connected
            return
        if not wavs.is_dir():
            found = "a file" if wavs.exists() else "nothing"
            raise UserError(f"{wavs}: expected a folder of wavs, found {found}")
        target = wavs.resolve()
        if self._connected() is not None and self._connected() != target:
            raise UserError(
                f"{self.root}: its wavs are {self._connected()}, not {target}; "
                f"take another name, or delete {self.root} to start afresh"
            )
        if self._connected() is None:
            self.root.mkdir(parents=True, exist_ok=True)
            make_link(self.root / "wavs", target)

    def _connected(self) -> Path | None:
        link, record = self.root / "wavs", self.root / "wavs.txt"
        if link.is_dir():
            return link.resolve()
        if record.is_file():
            return Path(record.read_text(encoding="utf-8").strip())
        return None

    @property
    def wavs(self) -> Path:
        """The folder with the user's wavs, links resolved."""
        found = self._connected()
        if found is None or not found.is_dir():
            raise UserError(
                f"{self.root / 'wavs'}: expected a folder of wavs, found "
                f"{'nothing' if found is None else f'a dead link to {found}'}; "
                f"make it: python preprocess.py {self.name} --wavs <path/to/wavs> --pitdyn"
            )
        return found

    @cached_property
    def files(self) -> dict[str, Path]:
        """{key: wav path}, sorted by key. Two files that differ by suffix alone keep it in their keys."""
        paths = [p for p in self.wavs.rglob("*") if p.suffix.lower() in audio.AUDIO_SUFFIXES]
        paths = sorted(p for p in paths if not p.name.startswith(".") and p.is_file())
        if not paths:
            raise UserError(
                f"{self.wavs}: expected audio files ({' '.join(audio.AUDIO_SUFFIXES)}), found none"
            )
        stems = [p.relative_to(self.wavs).with_suffix("").as_posix() for p in paths]
        twice = {stem for stem in stems if stems.count(stem) > 1} if len(set(stems)) < len(stems) else set()
        keys = [
            p.relative_to(self.wavs).as_posix() if stem in twice else stem
            for p, stem in zip(paths, stems, strict=True)
        ]
        return dict(sorted(zip(keys, paths, strict=True)))

    @cached_property
    def copies(self) -> dict[str, str]:
        """{key of a moved copy: key of its recording}; copies have no wav, and belong to training alone."""
        return (self.read_json("copies.json") or {}).get("of", {})

    @property
    def with_copies(self) -> list[str]:
        """All recordings, then the copies that have been made."""
        return [*self.files, *(key for key in self.copies if self.path("prepared", key).is_file())]

    def path(self, kind: str, key: str) -> Path:
        """Where the array of `kind` (pits, dyns, mels, units-pitdyn, …) for `key` lies."""
        # Not with_suffix: a stem may hold dots of its own.
        return self.root / kind / f"{key}.npy"

    def save(self, kind: str, key: str, array: np.ndarray) -> None:
        """Write one array, whole or not at all."""
        save_array(self.path(kind, key), array)

    def read(self, kind: str, key: str) -> np.ndarray:
        return np.load(self.path(kind, key))

    def have(self, kind: str) -> list[str]:
        """Keys of wavs for which `kind` has been made."""
        return [key for key in self.files if self.path(kind, key).is_file()]

    def prepared(self, key: str) -> np.ndarray:
        """float32 [S], S = 320·N: the prepared wav, decoded and trimmed once and cached as 16-bit."""
        return self.crop(key, 0, None)

    def _prepared(self, key: str) -> np.ndarray:
        """int16 [S], mapped from the cache, which is filled on the first call."""
        cached = self.path("prepared", key)
        if not cached.is_file():
            self.save_prepared(key, audio.prepare(self.files[key]).wav)
        return np.load(cached, mmap_mode="r")

    def save_prepared(self, key: str, wav: np.ndarray) -> bool:
        """Keep a prepared wav [S] as 16-bit; returns whether it replaces another, whose arrays then go."""
        cached, kept = self.path("prepared", key), np.round(np.clip(wav, -1, 1) * 32767).astype(np.int16)
        replaces = cached.is_file() and not holds(cached, kept)
        if replaces:
            self.forget(key)
        self.save("prepared", key, kept)
        return replaces

    def forget(self, key: str) -> None:
        """Delete all arrays made of a recording or a pitch-shifted copy, and of a recording its copies."""
        for copy in [copy for copy, recording in self.copies.items() if recording == key]:
            self.forget(copy)
        kinds = [path.name for path in self.root.iterdir() if path.is_dir() and path.name != "wavs"]
        # The prepared wav goes last: a run that is killed before finds the same to do the next time.
        for kind in sorted(kinds, key=lambda kind: kind == "prepared"):
            self.path(kind, key).unlink(missing_ok=True)

    def crop(self, key: str, start: int, units: int | None) -> np.ndarray:
        """`units` units from unit `start` on (all with None) of the prepared wav, float32 [S]."""
        stop = None if units is None else (start + units) * audio.UNIT_HOP
        return self._prepared(key)[start * audio.UNIT_HOP : stop].astype(np.float32) / 32767

    def hours(self, keys: list[str]) -> float:
        """Hours of prepared audio in these files."""
        samples = sum(len(self._prepared(key)) for key in keys)
        return samples / audio.SAMPLE_RATE / 3600

    def read_json(self, name: str) -> dict | None:
        """What a JSON file of this folder holds, None where there is none. UserError where it is damaged."""
        path = self.root / name
        if not path.is_file():
            return None
        form, command = JSON_FILES.get(name.removeprefix("unfinished-"), (dict, "--pitdyn"))
        remedy = f"delete it, and make it again: python preprocess.py {self.name} {command}"
        return read_json(path, dict if name.startswith("unfinished-") else form, remedy)

    def write_json(self, name: str, value: dict) -> None:
        text = json.dumps(value, ensure_ascii=False, indent=1)
        with atomic_path(self.root / name) as part:
            part.write_text(text + "\n", encoding="utf-8")

    def stats(self) -> dict:
        """stats.json: label settings and statistics."""
        stats = self.read_json("stats.json")
        if stats is None:
            raise UserError(
                f"{self.root / 'stats.json'}: not found; make it: python preprocess.py {self.name} --pitdyn"
            )
        return stats

    def split(self, part: str, kind: str) -> list[str]:
        """Keys of "train" (with copies), "val" or "test" for which `kind` has been made."""
        listed = (self.read_json("split.json") or {}).get(part, [])
        if part == "train":
            # copies.json may be older than the split: a recording may have changed sides since.
            recordings = set(listed)
            listed = [*listed, *(copy for copy, key in self.copies.items() if key in recordings)]
        keys = [key for key in listed if self.path(kind, key).is_file()]
        if not keys and part != "test":
            raise UserError(
                f"{self.root}: no {part} files with {kind}/; make them with preprocess_hubert-pitdyn "
                f"{self.name} <wavs>, or preprocess_acoustic {self.name} <wavs> <dataset>"
            )
        return keys


def save_array(path: Path, array: np.ndarray) -> None:
    """Write one .npy, whole or not at all."""
    with atomic_path(path) as part:
        np.save(part, array)


def holds(path: Path, array: np.ndarray) -> bool:
    """Whether a .npy can be read and is this array."""
    try:
        return np.array_equal(np.load(path), array)
    except (OSError, ValueError, EOFError):
        return False


def make_link(link: Path, target: Path) -> None:
    """A junction on Windows (needs no rights), a symbolic link elsewhere, else the path in a text file."""
    try:
        if os.name == "nt":
            import _winapi  # noqa: PLC0415  Windows has it alone

            _winapi.CreateJunction(str(target), str(link))
        else:
            link.symlink_to(target, target_is_directory=True)
    except OSError:
        link.with_suffix(".txt").write_text(str(target) + "\n", encoding="utf-8")
