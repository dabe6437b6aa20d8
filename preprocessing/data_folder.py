"""data/<name>/: where a folder of wavs, what is made of it, and its split lie."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import audio
from common import arrays, audio_files, names
from common.cli import UserError
from common.files import atomic_path
from common.readers import read_json
from preprocessing.wavs_link import WavsLink

NUMBER = int | float
SHARES = ("val_share?", "test_share?")
HZ_DB = dict.fromkeys(("pitch?", "gain?", "low?", "high?"), NUMBER)
MOVES = {**HZ_DB, "copies?": int, "seed?": int, "voicing?": str}
LABELS = {
    **dict.fromkeys(("f_min?", "f_max?", "low_db?", "high_db?", "sigma?", "assumed_rate?"), NUMBER),
    **{"bins?": int, "tracker?": str, "scale?": str, "unvoiced?": bool, "centred?": bool, "voicing?": bool},
}
BANK = "bank.json"  # what a voice bank says of itself, see bank.py
ABOUT = dict.fromkeys(("name?", "author?", "voice?", "web?", "terms?", "terms_file?"), str)
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
    **dict.fromkeys(("mels.json", "wide.json", "highs.json"), (dict, "--mel")),
    BANK: ({"left_out": [str], "takes": {str: str}, **ABOUT}, "--wavs BANK --mel"),
}

COPY = re.compile(r"~moved\d+$", re.IGNORECASE)  # ends the key of a pitch-shifted copy, and of nothing else
VERBS = {  # of preprocess.py, that make the arrays of a kind
    **dict.fromkeys(("f0", "doubtful", "loudness", "pits", "dyns"), "--pitdyn"),
    **dict.fromkeys(("prepared", "mels", "wide", "bandwidth", "highs"), "--mel"),
    **dict.fromkeys(("units-pitdyn", "prosody"), "--encode <dataset>"),
    "units-discrete": "--discrete",
}
PREPARED = {"version": 2}  # how recordings are decoded, trimmed and scaled; 1 had no prepared.json


class DataFolder:
    """One dataset or voice bank on disk.

    A key names a wav in every sub-folder: its path below wavs/ without the suffix, with forward slashes.
    """

    def __init__(
        self, root: Path, files: dict[str, Path] | None = None, copies: dict[str, str] | None = None
    ) -> None:
        """files, copies: those of the properties of this name, where they need not be looked up."""
        self.root = root
        self.name = root.name if root.name not in ("", "..") else root.resolve().name
        self.left_out = ""  # of `files`: other files in the folder, counted
        self.decoded: dict[str, tuple[float, int]] = {}  # peak and first sample of what this run has decoded
        if files is not None:
            self.files = files
        if copies is not None:
            self.copies = copies

    def only(self, key: str) -> DataFolder:
        """This folder for a process that works on one recording: nothing in it is listed again."""
        files = {key: self.files[key]} if key in self.files else {}
        alone = DataFolder(self.root, files, dict.fromkeys(self.copies_of.get(key, ()), key))
        alone.decoded = {key: self.decoded[key]} if key in self.decoded else {}
        return alone

    @property
    def link(self) -> WavsLink:
        """Where its wavs are."""
        return WavsLink(self.root)

    def connect(self, wavs: Path | None) -> None:
        """Make wavs/ lead to the user's folder. Raises UserError as `WavsLink.place_of` does."""
        self.link.connect(wavs)

    @property
    def wavs(self) -> Path:
        """The folder with the user's wavs. UserError naming what is missing."""
        return self.link.folder

    @cached_property
    def files(self) -> dict[str, Path]:
        """{key: wav path}, sorted by key. Where two keys would be one, they keep the suffix of the wav."""
        wavs = self.wavs
        paths, self.left_out = audio_files.find(wavs, audio.AUDIO_SUFFIXES)
        noises = set((self.read_json(BANK) or {}).get("left_out", ()))
        paths = [path for path in paths if not noises or path.relative_to(wavs).as_posix() not in noises]
        if not paths:
            raise UserError(
                f"{wavs}: expected audio files ({' '.join(audio.AUDIO_SUFFIXES)}), found "
                f"{self.left_out or 'none'}"
            )
        keys = names.unique([path.relative_to(wavs) for path in paths], lambda name: bool(COPY.search(name)))
        return dict(sorted((key, wavs / path) for path, key in keys.items()))

    def forget_files(self) -> None:
        """Have the recordings listed again when they are next asked for."""
        self.__dict__.pop("files", None)

    @cached_property
    def copies(self) -> dict[str, str]:
        """{key of a moved copy: key of its recording}; copies have no wav, and belong to training alone."""
        of = (self.read_json("copies.json") or {}).get("of", {})
        for key in (*of, *of.values()):
            names.checked_key(key, self.root / "copies.json")
        return of

    @cached_property
    def copies_of(self) -> dict[str, list[str]]:
        """{key of a recording: keys of its copies}."""
        found: dict[str, list[str]] = defaultdict(list)
        for copy, recording in self.copies.items():
            found[recording].append(copy)
        return found

    @property
    def with_copies(self) -> list[str]:
        """All recordings, then the copies that have been made."""
        return [*self.files, *(key for key in self.copies if self.has("prepared", key))]

    def path(self, kind: str, key: str) -> Path:
        """Where the array of `kind` (pits, dyns, mels, units-pitdyn, …) for `key` lies.

        Raises UserError for a key that leads out of the folder.
        """
        # Not with_suffix: a stem may hold dots of its own.
        return self.root / kind / f"{names.checked_key(key, self.root)}.npy"

    def has(self, kind: str, key: str) -> bool:
        """Whether an array has been made, and is whole."""
        return arrays.whole(self.path(kind, key))

    def save(self, kind: str, key: str, array: np.ndarray) -> None:
        """Write one array, whole or not at all."""
        save_array(self.path(kind, key), array)

    def read(self, kind: str, key: str, mapped: bool = False) -> np.ndarray:
        """One array (mapped: from the disk). UserError naming what makes it, where it is not whole."""
        again = "run the same command again, which makes it"
        if kind in VERBS:
            command = f"python preprocess.py {self.name} {VERBS[kind]}"
            again = f"make it again, with the options it was made with: {command}"
        return arrays.read(self.path(kind, key), again, mapped)

    def have(self, kind: str) -> list[str]:
        """Keys of wavs for which `kind` has been made, and is whole: what there is left to make."""
        return [key for key in self.files if self.has(kind, key)]

    def made(self, kind: str, keys: Iterable[str]) -> list[str]:
        """Those of `keys` for which `kind` has been made: what there is to use.

        Raises UserError as `read` does where one is not whole; but prepared wavs are made again when read.
        """
        there = [key for key in keys if self.path(kind, key).is_file()]
        for key in there if kind != "prepared" else ():
            if not self.has(kind, key):
                self.read(kind, key)
        return there

    def prepared(self, key: str) -> np.ndarray:
        """float32 [S], S = 320·N: the prepared wav, decoded and trimmed once, cached at a peak of .99."""
        return self.crop(key, 0, None)

    def decode(self, key: str) -> np.ndarray:
        """A recording, trimmed and on the grid, float32 [S]; what its labels may ask of it is kept."""
        found = audio.prepare(self.files[key])
        self.decoded[key] = float(np.abs(found.wav).max(initial=0.0)), found.start
        return found.wav

    def in_recording(self, key: str) -> tuple[float, int]:
        """Peak of a recording, and the sample of it where its prepared wav begins."""
        if key not in self.decoded:  # by no stage of this run
            self.decode(key)
        return self.decoded[key]

    def own_level_db(self, key: str) -> float:
        """dB to add to the level of a prepared wav for that of its recording; for labels of "linear_rms"."""
        peak, _ = self.in_recording(key)
        return 20 * float(np.log10(peak / audio.PEAK_LIMIT)) if peak else 0.0

    def _prepared(self, key: str) -> np.ndarray:
        """int16 [S], mapped from the cache, which is filled on the first call."""
        if not self.has("prepared", key) and key in self.files:
            # What was made of another wav has gone before: see bookkeeping.drop_replaced.
            self._keep_prepared(key, as_16_bit(self.decode(key)))
        return self.read("prepared", key, mapped=True)

    def save_prepared(self, key: str, wav: np.ndarray) -> bool:
        """Keep a prepared wav [S] as 16-bit; returns whether it replaces another, whose arrays then go."""
        cached, kept = self.path("prepared", key), as_16_bit(wav)
        replaces = cached.is_file() and not holds(cached, kept)
        if replaces:
            self.forget(key)
        self._keep_prepared(key, kept)
        return replaces

    def _keep_prepared(self, key: str, kept: np.ndarray) -> None:
        if not (self.root / "prepared").is_dir():
            self.write_json("prepared.json", PREPARED)
        self.save("prepared", key, kept)

    def forget(self, key: str) -> None:
        """Delete all arrays made of a recording or a pitch-shifted copy, and of a recording its copies."""
        for copy in self.copies_of.get(key, ()):
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
            # What is no UTF-8 in a file's name becomes \udc82: that is JSON, and read as it was.
            part.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")

    def drop_json(self, name: str) -> None:
        """Delete a JSON file of this folder, and what was read by it."""
        (self.root / name).unlink(missing_ok=True)
        self.forget_files()

    def stats(self) -> dict:
        """stats.json: label settings and statistics."""
        stats = self.read_json("stats.json")
        if stats is None:
            raise UserError(
                f"{self.root / 'stats.json'}: not found; make it: python preprocess.py {self.name} --pitdyn"
            )
        return stats

    def split(self, part: str, kind: str) -> list[str]:
        """Keys of "train" (with copies), "val" or "test" for which `kind` has been made. Raises as `made`."""
        listed = (self.read_json("split.json") or {}).get(part, [])
        for key in listed:
            names.checked_key(key, self.root / "split.json")
        if part == "train":
            # copies.json may be older than the split: a recording may have changed sides since.
            recordings = set(listed)
            listed = [*listed, *(copy for copy, key in self.copies.items() if key in recordings)]
        keys = self.made(kind, listed)
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


def as_16_bit(wav: np.ndarray) -> np.ndarray:
    """float [S] -> int16 [S] of one peak: nothing above full scale is clipped, nothing quiet loses bits.

    What is made of prepared wavs depends on relative levels alone; see `DataFolder.own_level_db`.
    """
    peak = float(np.abs(wav).max(initial=0.0)) or 1.0
    return np.round(wav * (audio.PEAK_LIMIT / peak) * 32767).astype(np.int16)


def holds(path: Path, array: np.ndarray) -> bool:
    """Whether a .npy can be read and is this array."""
    return arrays.whole(path) and np.array_equal(np.load(path), array)
