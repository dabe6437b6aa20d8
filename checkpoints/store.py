"""Checkpoints written whole or not at all, read, and pruned."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from checkpoints import file_format, safe_file
from checkpoints.places import BEST as BEST  # the name by which trainings know it
from common.cli import UserError
from common.files import atomic_path, remove_leftovers

STEP_FILE = re.compile(r"model-(\d+)\.pt")


def save(path: Path | str, checkpoint: dict) -> None:
    """Write a checkpoint; a reader finds the old file or the new one, never a part of either.

    `format` and `version` are added. A path that ends in .safetensors gets a file of that format, without
    what a training resumes from. numpy scalars and paths become plain values, since `load` would refuse
    them; a TypeError names anything else that it would refuse. UserError if it cannot be written.
    """
    path = Path(path)
    if checkpoint["kind"] not in file_format.FAMILIES:
        raise ValueError(f"kind {checkpoint['kind']!r} is none of {', '.join(file_format.FAMILIES)}")
    stamp = {"format": file_format.FORMAT, "version": file_format.VERSION}
    data = _plain({**stamp, **checkpoint}, "checkpoint")
    try:
        with atomic_path(path) as part:
            if path.suffix == safe_file.SUFFIX:
                safe_file.write(part, data)
            else:
                torch.save(data, part)
    except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
        raise UserError(f"{path} could not be written ({file_format.first_line(error)})") from error


def load(path: Path | str, map_location: Any = "cpu", state: bool = True) -> dict:
    """Read a checkpoint of this project, tensors and plain values only.

    state: with what a training resumes from, which is twice the weights. UserError if it is missing, damaged,
    another program's (an official file included) or of a newer version.
    """
    expected = "a checkpoint of this project (a model-*.pt of one of the train scripts)"
    if state:
        data = file_format.read(Path(path), expected, map_location)
    else:
        data = file_format.read_for_use(Path(path), expected)
    found = file_format.unwrap(data, path)
    if not file_format.is_ours(data):
        raise UserError(f"{path} {file_format.says(found)}, expected {expected}")
    return data


def about(path: Path | str) -> Any:
    """What a file says besides its weights, which are not read; ours, or an official one.

    Of a run's state ("training") the plain values are left. UserError where the file cannot be read.
    """
    data = file_format.read(Path(path), "a checkpoint", mapped=True)
    return _without_tensors(data)


def _without_tensors(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if not isinstance(item, torch.Tensor)}
    return {key: _without_tensors(item) for key, item in kept.items() if key != "state"}


def step_files(folder: Path | str) -> list[tuple[int, int, Path]]:
    """(time of writing, step, path) of every model-<step>.pt in a folder."""
    return [
        (path.stat().st_mtime_ns, int(name[1]), path)
        for path in Path(folder).glob("model-*.pt")
        if (name := STEP_FILE.fullmatch(path.name))
    ]


def prune(folder: Path | str, keep: int) -> list[Path]:
    """Delete all model-<step>.pt but the `keep` written last; returns those deleted.

    Higher steps may be of a run before, whose early checkpoint was resumed. model-best.pt stays. Temporary
    files that killed processes left behind go too.
    """
    if keep < 0:
        raise ValueError(f"keep is {keep}, expected 0 or more")
    gone = [path for *_, path in sorted(step_files(folder), reverse=True)[keep:]]
    for path in gone:
        with suppress(OSError):  # open in another program on Windows: the next call gets it
            path.unlink(missing_ok=True)
    remove_leftovers(Path(folder))
    return gone


def _plain(value: Any, where: str) -> Any:
    """A copy of nested containers with nothing in it that `weights_only` loading refuses."""
    if isinstance(value, dict):
        return {_plain(key, where): _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return value.as_posix()
    if value is None or isinstance(value, torch.Tensor | str | bytes | int | float):
        return value
    raise TypeError(f"{where} is a {type(value).__name__}, which a checkpoint cannot hold")
