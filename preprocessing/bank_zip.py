"""A voice bank's zip, unpacked to data/<name>/bank/: recordings and texts alone, names as they were meant.

Zips of UTAU banks hold names in Shift-JIS without saying so. What a zip claims is checked before anything is
written: no name leads out of the folder, and the whole has a size that a bank can have and the disk has room
for.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import zipfile
import zlib
from collections import Counter
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import audio
from common import encodings, names, progress
from common.cli import UserError
from common.files import sha256_of
from preprocessing.data_folder import DataFolder

FOLDER = "bank"  # in data/<name>
NOTE = "bank-zip.json"  # in data/<name>: of which zip that is
MOST_FILES = 100_000
MOST_BYTES = 16 << 30  # of all that is unpacked
MOST_OF_TEXT = 1 << 20  # bytes of a text file
TEXTS = re.compile(r"(.*\.(ini|txt|yaml|yml|md|map)|(readme|license|licence|terms)[^.]*)", re.IGNORECASE)
UTF8 = 0x800  # the flag by which a zip says that a name is in UTF-8
UNICODE_PATH = 0x7075  # Info-ZIP's field with the name in UTF-8
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)
BY_HAND = "unpack it by hand, and give the folder"


class BankZip:
    """The zip `path`, seen to be a bank's, for the data folder `folder`."""

    def __init__(self, folder: DataFolder, path: Path) -> None:
        """Raises UserError for another kind of file, names that lead out of it, impossible sizes, and where
        the data folder's recordings are others."""
        self.folder, self.path, self.target = folder, path, folder.root / FOLDER
        folder.link.require(self.target.resolve())
        try:
            with zipfile.ZipFile(path) as archive:
                self.encoding, self.wanted, self.others = _listed(path, archive.infolist())
        except DAMAGED as error:
            raise UserError(
                f"{path}: expected a folder of wavs or a bank's zip, found neither ({error}); {BY_HAND}"
            ) from error
        self._require_own()

    def unpack(self) -> Path:
        """data/<name>/bank, made anew where the zip has changed since.

        Files keep the dates of the zip, so that a newer zip's unchanged recordings count as unchanged.
        """
        now = {**_look(self.path), "encoding": self.encoding}
        before = self.folder.read_json(NOTE) or {}
        if self.target.is_dir() and all(before.get(key) == now[key] for key in ("bytes", "date")):
            return self.target
        now["sha256"] = sha256_of(self.path)
        if not self.target.is_dir() or before.get("sha256") != now["sha256"]:
            self._unpack()
        self.folder.write_json(NOTE, now)
        return self.target

    def _unpack(self) -> None:
        """All that is wanted into a folder beside, which then takes the place of the one before."""
        part = self.target.with_name(f"{FOLDER}-unfinished")
        if part.is_dir():
            shutil.rmtree(part)
        size = sum(info.file_size for info in self.wanted.values())
        part.mkdir(parents=True)
        if size > shutil.disk_usage(part).free:
            raise UserError(f"{self.path}: {size >> 20} MB do not fit on the disk of {self.folder.root}")
        try:
            with zipfile.ZipFile(self.path) as archive:
                for name, info in progress.each(self.wanted.items(), self.path.name, unit="file"):
                    _extract(archive, info, part / name)
        except (*DAMAGED, RuntimeError) as error:
            raise UserError(f"{self.path}: {name!r} cannot be read ({error}); {BY_HAND}") from error
        if self.target.is_dir():
            shutil.rmtree(self.target)
        os.replace(part, self.target)
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.others.most_common(8))
        left_out = f", left out: {kinds}" if kinds else ""
        print(f"{self.path}: {len(self.wanted)} files to {self.target}{left_out}")

    def _require_own(self) -> None:
        """UserError where the data folder holds another bank: a newer zip of the same path is the same."""
        before = self.folder.read_json(NOTE) or {}
        if not self.target.is_dir() or before.get("path") in (None, _look(self.path)["path"]):
            return
        if before.get("sha256") != sha256_of(self.path):
            raise UserError(
                f"{self.folder.root}: its wavs are of {before['path']}, not {self.path}; take another name, "
                f"or delete {self.folder.root} to start afresh"
            )


def _listed(path: Path, infos: list[zipfile.ZipInfo]) -> tuple[str, dict[str, zipfile.ZipInfo], Counter[str]]:
    """(encoding of the names, {safe name: entry} of recordings and texts, the others by kind)."""
    if len(infos) > MOST_FILES:
        raise UserError(f"{path}: expected a bank of at most {MOST_FILES} files, found {len(infos)}")
    files = [info for info in infos if not info.is_dir()]
    raw = {id(info): _raw(info) for info in files}
    unsaid = [name for name in raw.values() if isinstance(name, bytes)]
    encoding = encodings.encoding_of(unsaid)
    found, others = {}, Counter()
    for info in files:
        name = raw[id(info)]
        parts = _parts(path, name.decode(encoding, "replace") if isinstance(name, bytes) else name)
        suffix = PurePosixPath(parts[-1]).suffix.lower() if parts else ""
        if not parts or any(part.startswith(".") or part == "__MACOSX" for part in parts):
            continue
        is_text = TEXTS.fullmatch(parts[-1]) and info.file_size <= MOST_OF_TEXT
        if suffix not in audio.AUDIO_SUFFIXES and not is_text:
            others[suffix if re.fullmatch(r"\.\w{1,8}", suffix, re.ASCII) else "other"] += 1
            continue
        if info.flag_bits & 1:
            raise UserError(f"{path}: it asks for a password; {BY_HAND}")
        found[parts] = info
    if not any(PurePosixPath(parts[-1]).suffix.lower() in audio.AUDIO_SUFFIXES for parts in found):
        raise UserError(f"{path}: expected a bank's recordings in it, found none")
    if (size := sum(info.file_size for info in found.values())) > MOST_BYTES:
        raise UserError(f"{path}: expected at most {MOST_BYTES >> 30} GB, found {size >> 30} GB; {BY_HAND}")
    return encoding, _unique(_without_top(found)), others


def _raw(info: zipfile.ZipInfo) -> str | bytes:
    """An entry's name, or its bytes where the zip does not say in which encoding they are."""
    # Not `filename`, in which zipfile takes the backslash of Shift-JIS's second bytes for a separator.
    if info.flag_bits & UTF8:
        return info.orig_filename
    raw, extra = info.orig_filename.encode("cp437", "replace"), info.extra
    while len(extra) >= 4:
        kind, size = (int.from_bytes(extra[at : at + 2], "little") for at in (0, 2))
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and int.from_bytes(field[1:5], "little") == zlib.crc32(raw):
            with suppress(UnicodeDecodeError):
                return field[5:].decode("utf-8")
    return raw


def _parts(path: Path, name: str) -> tuple[str, ...]:
    """A name as parts of a path that every system can have. UserError for one that leads out of the zip."""
    parts = [part for part in re.split(r"[/\\]", re.sub(r"^[A-Za-z]:", "", name)) if part not in ("", ".")]
    if ".." in parts:
        raise UserError(f"{path}: {name!r} leads out of it, as no bank's names do; {BY_HAND}")
    return tuple(names.usable(part) for part in parts)


def _without_top(found: dict[tuple[str, ...], Any]) -> dict[tuple[str, ...], Any]:
    """Without the folders that all lie in."""
    while len({parts[0] for parts in found}) == 1 and all(len(parts) > 1 for parts in found):
        found = {parts[1:]: info for parts, info in found.items()}
    return found


def _unique(found: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    """Names that differ on every system; one that is there already gets a number."""
    made, seen = {}, set()
    for parts, info in found.items():
        name, number = PurePosixPath(*parts), 1
        while names.fold(name.as_posix()) in seen:
            number += 1
            name = PurePosixPath(*parts).with_name(f"{name.stem}~{number}{name.suffix}")
        seen.add(names.fold(name.as_posix()))
        made[name.as_posix()] = info
    return made


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: Path) -> None:
    """One file, of no more bytes than its entry says, with the entry's date."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(info) as packed, place.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    with suppress(ValueError, OverflowError, OSError):
        date = time.mktime((*info.date_time, 0, 0, -1))
        os.utime(place, (date, date))


def _look(path: Path) -> dict[str, Any]:
    about = path.stat()
    return {"path": str(path.resolve()), "bytes": about.st_size, "date": about.st_mtime_ns}
