"""What no longer holds in a data folder goes before more is made: of replaced wavs, and of other settings."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import audio
from common import cli
from common.workers import each_file
from preprocessing.data_folder import PREPARED, DataFolder


def drop_replaced(folder: DataFolder, workers: int, force: bool = False) -> int:
    """Decode again the recordings whose wavs are newer than their prepared ones (all with force).

    Only where another wav comes out goes what was made of the recording: wavs that were copied or checked out
    anew cost a decoding and nothing else. Returns the exit code; what cannot be decoded stays as it was.
    """
    drop_outdated(folder)
    keys = [key for key in folder.have("prepared") if force or _is_newer(folder, key)]
    if not keys:
        return cli.DONE
    replaced, failures = each_file(partial(_decode_again, folder.root), keys, workers, "decode")
    if any(replaced.values()):
        count = sum(replaced.values())
        print(
            f"{folder.root}: {count} recordings have changed; what was made of them goes, run all steps again"
        )
    return cli.report_failures(failures, len(keys))


def drop_outdated(folder: DataFolder) -> None:
    """Delete all that was made of recordings as an earlier version prepared them: at other levels."""
    if not (folder.root / "prepared").is_dir() or folder.read_json("prepared.json") == PREPARED:
        return
    print(f"{folder.root}: was prepared with other settings, by an earlier version; making it all again")
    for key in folder.have("prepared"):
        folder.forget(key)
    folder.write_json("prepared.json", PREPARED)


def _is_newer(folder: DataFolder, key: str) -> bool:
    return folder.files[key].stat().st_mtime > folder.path("prepared", key).stat().st_mtime


def _decode_again(root: Path, key: str) -> bool:
    """Whether a recording is another one than before."""
    folder = DataFolder(root)
    return folder.save_prepared(key, audio.prepare(folder.files[key]).wav)


def invalidate(
    folder: DataFolder, name: str, kinds: list[str], before: dict | None, now: dict, force: bool = False
) -> None:
    """Delete what was made with other settings than `now` (all with force), before more is made with these.

    name: the JSON that `end` writes when all is made; before: the settings it holds. Till then `now` stands
    in a file beside it, so that what an interrupted run made is known, too. kinds: folders of arrays, files.
    """
    note = _note(name)
    before = folder.read_json(note) or before
    if before == now and not force:
        return
    found = [path for kind in kinds for path in folder.root.glob(kind)]
    arrays = [file for path in found for file in (path.rglob("*.npy") if path.is_dir() else [path])]
    if arrays and before != now:
        other = "other" if before else "unknown"
        print(f"{folder.root}: {', '.join(kinds)} were made with {other} settings, making them again")
    for path in arrays:
        path.unlink()
    folder.write_json(note, now)
    (folder.root / name).unlink(missing_ok=True)


def commit(folder: DataFolder, name: str, value: dict) -> None:
    """Write the JSON that says what all was made with."""
    folder.write_json(name, value)
    (folder.root / _note(name)).unlink(missing_ok=True)


def _note(name: str) -> str:
    return f"unfinished-{name}"


def todo(folder: DataFolder, keys: Iterable[str], kinds: list[str]) -> list[str]:
    """Keys for which one of the kinds is missing."""
    return [k for k in keys if not all(folder.path(kind, k).is_file() for kind in kinds)]


def finish(folder: DataFolder, total: int, kinds: str, done: int, failures: list[tuple[str, str]]) -> int:
    """The closing lines and exit code that all verbs share."""
    skipped = total - done - len(failures)
    print(f"{folder.root}: {kinds} of {done} files made, {skipped} there already, {len(failures)} failed")
    return cli.report_failures(failures, total)
