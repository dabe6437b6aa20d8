"""What no longer holds in a data folder goes before more is made: what was made with other settings."""

from __future__ import annotations

from datafolder import DataFolder


def begin(
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


def end(folder: DataFolder, name: str, value: dict) -> None:
    """Write the JSON that says what all was made with."""
    folder.write_json(name, value)
    (folder.root / _note(name)).unlink(missing_ok=True)


def _note(name: str) -> str:
    return f"unfinished-{name}"
