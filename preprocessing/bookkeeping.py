"""What no longer holds in a data folder goes before more is made: of replaced wavs, and of other settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from common import cli
from common.cluster import Cluster
from common.workers import Pool, each_file
from preprocessing.data_folder import PREPARED, DataFolder

RECORDINGS = "recordings.json"  # {key: `_look` of the wav when it was prepared}
ENDS = 1 << 16  # bytes at either end of a file that tell two of one size and date apart


def drop_replaced(folder: DataFolder, workers: int | Pool | Cluster, force: bool = False) -> int:
    """Decode again the recordings whose wavs have another size, date or content than before (all with force).

    Only where another wav comes out goes what was made of the recording: wavs that were copied or checked out
    anew cost a decoding and nothing else. Returns the exit code; what cannot be decoded stays as it was.
    """
    drop_outdated(folder)
    known = folder.read_json(RECORDINGS) or {}
    found = {key: _look(wav) for key, wav in folder.files.items()}
    there = {key: folder.path("prepared", key).is_file() for key in found}
    # What has no prepared wav: all that may be there was made of a wav that is gone.
    for key in found:
        if not there[key] and not _same(known.get(key, found[key]), found[key]):
            folder.forget(key)
    keys = [key for key in found if there[key] and (force or _differs(folder, key, known, found))]
    # Before anything is decoded: of a run that is killed, too much is looked at again and never too little.
    again = set(keys)
    _note_recordings(folder, known, {key: look for key, look in found.items() if key not in again})
    if not keys:
        return cli.DONE
    decoded, failures = each_key(_decode_again, folder, keys, workers, "decode")
    folder.decoded |= {key: about for key, (_, about) in decoded.items()}
    replaced = {key: other for key, (other, _) in decoded.items()}
    _note_recordings(folder, known, {key: found[key] for key in replaced})
    if any(replaced.values()):
        count = sum(replaced.values())
        print(
            f"{folder.root}: {count} recordings have changed; what was made of them goes, run all steps again"
        )
    return cli.report_failures(failures, len(keys))


def _look(wav: Path) -> list[int | str]:
    """Size in bytes, date in ns (older or newer means another recording), and a digest of the file's ends.

    Two recordings that change names keep their dates, and may have one size.
    """
    about, digest = wav.stat(), ""
    with suppress(OSError), wav.open("rb") as file:  # what cannot be read is said where it is decoded
        start = file.read(ENDS)
        file.seek(max(len(start), about.st_size - ENDS))
        digest = hashlib.sha256(start + file.read(ENDS)).hexdigest()[:16]
    return [about.st_size, about.st_mtime_ns, digest]


def _same(before: Any, now: list[int | str]) -> bool:
    """Whether a look is that of the same file; earlier versions noted size and date alone."""
    return before in (now, now[:2])


def drop_outdated(folder: DataFolder) -> None:
    """Delete all that was made of recordings as an earlier version prepared them: at other levels."""
    if not (folder.root / "prepared").is_dir() or folder.read_json("prepared.json") == PREPARED:
        return
    print(f"{folder.root}: was prepared with other settings, by an earlier version; making it all again")
    for key in folder.have("prepared"):
        folder.forget(key)
    folder.write_json("prepared.json", PREPARED)


def _differs(folder: DataFolder, key: str, known: dict, found: dict) -> bool:
    """Whether a wav may be another than the one prepared; in folders of earlier versions its date tells."""
    if key in known:
        return not _same(known[key], found[key])
    return found[key][1] > folder.path("prepared", key).stat().st_mtime_ns


def _note_recordings(folder: DataFolder, known: dict, more: dict) -> None:
    """Put more recordings into RECORDINGS. Those that have left the folder stay: they may come back."""
    before = dict(known)
    known |= more
    if known != before:
        folder.write_json(RECORDINGS, known)


def _decode_again(folder: DataFolder, key: str) -> tuple[bool, tuple[float, int]]:
    """Whether a recording is another one than before, and what was seen of it."""
    return folder.save_prepared(key, folder.decode(key)), folder.decoded[key]


def each_key(
    work: Callable[[DataFolder, str], Any],
    folder: DataFolder,
    keys: Iterable[str],
    workers: int | Pool | Cluster,
    title: str,
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """`each_file` for recordings: work(folder, key), where the folder knows of this key alone.

    So no process lists the whole folder for every recording, which takes time that grows with its square.
    """
    made, failures = each_file(partial(_one, work), [(key, folder.only(key)) for key in keys], workers, title)
    return {key: result for (key, _), result in made.items()}, [(key, why) for (key, _), why in failures]


def _one(work: Callable[[DataFolder, str], Any], job: tuple[str, DataFolder]) -> Any:
    key, folder = job
    return work(folder, key)


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
    """Keys for which one of the kinds is missing, or not whole."""
    return [k for k in keys if not all(folder.has(kind, k) for kind in kinds)]


def finish(folder: DataFolder, total: int, kinds: str, done: int, failures: list[tuple[str, str]]) -> int:
    """The closing lines and exit code that all verbs share."""
    skipped = total - done - len(failures)
    print(f"{folder.root}: {kinds} of {done} files made, {skipped} there already, {len(failures)} failed")
    return cli.report_failures(failures, total)
