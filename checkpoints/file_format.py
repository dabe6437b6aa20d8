"""What a file of weights holds, ours or an official one: read without running code, named by a hash.

Nothing here knows a model; models.py builds them.
"""

from __future__ import annotations

import re
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from checkpoints import declared, int8, safe_file, whole
from checkpoints.hashes import HASH_DIGITS, state_hash
from common.cli import UserError, reason_of
from common.files import sha256_of

FORMAT = "hubert-pitdyn"
VERSION = 1
FAMILIES = {  # kind of our files -> which loader takes it (load_hubert takes heads too)
    "hubert-units": "hubert",
    "hubert-pits": "hubert",
    "hubert-dyns": "hubert",
    "head-pits": "head",
    "head-dyns": "head",
    "acoustic": "acoustic",
    "hifigan": "hifigan",
    "istft": "hifigan",
    "harmonic": "hifigan",
}
MARKS = {  # family -> a tensor that every state dict of it has, whatever its sizes, and no other has
    "hubert": "feature_extractor.conv0.weight",
    "acoustic": "decoder.lstm1.weight_hh_l0",
    "hifigan": "conv_pre.bias",
    "kmeans": "cluster_centers_",
}
WRAPPERS = ("hubert", "acoustic-model", "generator", "model")  # keys under which others keep a state dict
EXPECTED = {
    "hubert": "a HuBERT (official hubert-soft or hubert-discrete, or a model-*.pt of train_hubert.py)",
    "acoustic": "an acoustic model (the official one, or a model-*.pt of train_acoustic.py)",
    "hifigan": "a vocoder (official hifigan or hifigan-hubert-soft, or a model-*.pt of train_vocoder.py)",
}


@dataclass(frozen=True)
class Contents:
    """What a file holds: kind, state dict without wrapping, and, if it tells them, constructor arguments and
    the active level in dB of the recordings whose mels it was trained on."""

    kind: str
    state: dict[str, Tensor]
    sizes: dict[str, Any] | None
    level_db: float | None = None


def identity(path: Path | str) -> str:
    """First 16 hex digits of a file's SHA-256: of the bytes on the disk, optimizer state and all."""
    return sha256_of(Path(path))[:HASH_DIGITS]


def weights_hash(path: Path | str) -> str:
    """`state_hash` of the weights in a file, official or ours, whatever wraps them."""
    found = unwrap(read(Path(path), "a file of weights"), path)
    if found is None:
        raise UserError(f"{path} {says(found)}, expected a file of weights")
    return state_hash(found.state)


def read(path: Path, expected: str, map_location: Any = "cpu", mapped: bool = False) -> Any:
    """What torch finds in a file, tensors and plain values only; UserError saying what was expected.

    mapped: tensors stay on the disk until they are looked at. Windows lets nobody replace a mapped file, so
    what is kept of them is to be a copy.
    """
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise UserError(f"{path} {found}, expected {expected}")
    if path.suffix == safe_file.SUFFIX:
        return safe_file.read(path, expected)
    try:
        _require_stored(path)
        if fault := declared.fault(path):
            raise UserError(f"{path} is damaged: it declares {fault}; {whole.REMEDY}")
        mapped = mapped and _can_be_mapped(path)
        data = torch.load(path, map_location=map_location, weights_only=True, mmap=mapped)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path} cannot be read ({reason_of(error)}), expected {expected}") from error
    except Exception as error:  # a damaged or foreign pickle can raise anything
        raise UserError(f"{path} {_fault(path, error)}, expected {expected}") from error
    if is_ours(data) and data.get("card") is None:
        data["card"] = {}
    return data


def _require_stored(path: Path) -> None:
    """UserError for an archive that would take more memory than the file has bytes.

    torch writes its records as they are; 8 MB of compressed ones can become gigabytes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
        return  # torch says what it is
    if any(record.compress_type != zipfile.ZIP_STORED for record in records):
        raise UserError(f"{path} holds compressed records, which torch never writes; {whole.REMEDY}")
    claimed, size = sum(record.file_size for record in records), path.stat().st_size
    if claimed > size:
        raise UserError(f"{path} is damaged: its records claim {claimed} bytes, the file has {size}")


def _can_be_mapped(path: Path) -> bool:
    """Whether a file is a zip with all in it as it is; official files may be of the format before that."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return all(record.compress_type == zipfile.ZIP_STORED for record in archive.infolist())


def read_for_use(path: Path, expected: str) -> Any:
    """As `read`, less what a training resumes from: twice the weights, which are not even read."""
    data = read(path, expected, mapped=True)
    if path.suffix == safe_file.SUFFIX:
        return data
    if not is_ours(data) or "training" not in data:
        return read(path, expected)  # which sees by its checksums whether a byte is wrong
    return _in_memory({key: value for key, value in data.items() if key != "training"})


def _in_memory(value: Any) -> Any:
    """Copies of mapped tensors in nested dicts."""
    if isinstance(value, dict):
        return {key: _in_memory(item) for key, item in value.items()}
    return value.clone() if isinstance(value, Tensor) else value


def _fault(path: Path, error: Exception) -> str:
    with path.open("rb") as stream:
        start = stream.read(8)
    if refused := re.search(r"GLOBAL (\S+)", str(error)):  # torch's advice to load it unsafely is left out
        return f"holds Python objects ({refused[1]}), which are not loaded for safety"
    if zipfile.is_zipfile(path):
        return f"cannot be loaded ({first_line(error)})"
    if start.startswith(b"PK"):
        return f"is cut short or damaged ({path.stat().st_size} bytes)"
    return f"is no PyTorch file ({path.stat().st_size} bytes, begins with {start!r})"


def is_ours(data: Any) -> bool:
    """Whether what `read` gave is a checkpoint of this project, whole or not."""
    return isinstance(data, dict) and data.get("format") == FORMAT


def contents(path: Path | str, family: str, checkpoint: dict | None) -> Contents:
    """The weights in a file (or in `checkpoint`, read from it before), seen to be of the wanted family."""
    data = read_for_use(Path(path), EXPECTED[family]) if checkpoint is None else checkpoint
    found = unwrap(data, path)
    if found is None or FAMILIES.get(found.kind, found.kind) != family:
        raise UserError(f"{path} {says(found)}, expected {EXPECTED[family]}")
    return found


def says(found: Contents | None) -> str:
    """The end of a sentence on what a file is, for messages."""
    if found is None:
        return "holds no weights that are known here"
    return f"is {'an' if found.kind[0] in 'aeiou' else 'a'} {found.kind} checkpoint"


def unwrap(data: Any, path: Path | str) -> Contents | None:
    """Find the state dict in what a file holds; None if there is none that is known.

    UserError if the file is ours but of a newer version or not whole.
    """
    if is_ours(data):
        return _own(data, path)
    if not isinstance(data, dict):
        return None
    state = {str(name).removeprefix("module."): value for name, value in data.items()}
    for family, mark in MARKS.items():
        if mark in state:
            return Contents(family, _tensors(state, path), None)
    inner = (data[key] for key in WRAPPERS if isinstance(data.get(key), dict))
    return next(filter(None, (unwrap(value, path) for value in inner)), None)


def _own(data: dict, path: Path | str) -> Contents:
    version, kind = data.get("version"), data.get("kind")
    if not isinstance(version, int):
        raise UserError(f"{path} has no version, expected a whole checkpoint; {whole.REMEDY}")
    if version > VERSION:
        raise UserError(f"{path} has version {version}, expected at most {VERSION}: update this project")
    tables = all(isinstance(data.get(key), dict) for key in ("model", "config"))
    if not isinstance(kind, str) or kind not in FAMILIES or not tables:
        raise UserError(
            f"{path} is of kind {kind!r} or lacks its model or config, expected a whole checkpoint"
        )
    whole.require(path, data)
    state = int8.restored(_tensors(data["model"], path), path)
    preset = whole.field(path, data, "config.toml.audio", dict, {})
    level = (
        whole.field(path, data, "config.toml.audio.level_db", int | float) if "level_db" in preset else None
    )
    return Contents(kind, state, data["config"].get("model", {}), level)


def _tensors(state: dict, path: Path | str) -> dict[str, Tensor]:
    """A state dict without the DistributedDataParallel prefix and without what is not a tensor."""
    tensors = {str(name): value for name, value in state.items() if isinstance(value, torch.Tensor)}
    whole.require_tensors(path, tensors)
    return {name.removeprefix("module."): value for name, value in tensors.items()}


def first_line(error: Exception) -> str:
    """What an exception says, without what follows in other lines; its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
