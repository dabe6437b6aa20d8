"""A voice that is handed on: a zip or folder with model.safetensors, config.json and a README.

model.safetensors holds the tensors of all parts, named <part>.<tensor>; config.json their kinds, sizes,
labels and cards, and the SHA-256 of the former. Nothing in it is ever run. Parts: acoustic, and where they
travel along content, pit, dyn, vocoder.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checkpoints import file_format, store, whole
from checkpoints.places import CONFIG, MOST_CONFIG, MOST_WEIGHTS, WEIGHTS, is_model
from common.cli import UserError
from common.files import atomic_path
from common.readers import parse_json

FORMAT, VERSION = "hubert-pitdyn voice", 1
PARTS = ("acoustic", "content", "pit", "dyn", "vocoder")
FIELDS = ("kind", "config", "labels", "card")  # of a checkpoint, besides its weights
MOST_HEADER = 1 << 20  # bytes of what model.safetensors says of its tensors
MOST_PACKED = 8  # bytes that one byte of a zip may become; of weights nothing does
DATE = (2026, 1, 1, 0, 0, 0)  # of every file in a zip: the same voice gives the same bytes
FORM = {
    "format": str,
    "version": int,
    "name": str,
    "sha256": str,
    "parts": {str: {"kind": str, "config": dict}},
}
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
REMEDY = "take another copy of it"


@dataclass(frozen=True)
class Bundle:
    """name: of the voice; parts: {part: checkpoint, as `store.load` gives it}."""

    name: str
    path: Path
    parts: dict[str, dict]


def read(path: Path) -> Bundle:
    """The voice in a zip or folder. Raises UserError for one that is damaged, newer, or none."""
    config = about(path)
    content = _content(path, WEIGHTS, MOST_WEIGHTS)
    found = hashlib.sha256(content).hexdigest()
    if found != config["sha256"]:
        raise UserError(
            f"{path}: {WEIGHTS} is damaged or another file (SHA-256 {found[:16]}, expected "
            f"{config['sha256']:.16}); {REMEDY}"
        )
    states = {part: {} for part in config["parts"]}
    for name, tensor in _tensors(path, content).items():
        part, _, own = name.partition(".")
        if part not in states:
            raise UserError(f"{path}: {CONFIG} does not know the part of the tensor {name:.80}; {REMEDY}")
        states[part][own] = tensor
    stamp = {"format": file_format.FORMAT, "version": file_format.VERSION}
    parts = {
        part: {**stamp, "labels": None, **said, "card": said.get("card") or {}, "model": states[part]}
        for part, said in config["parts"].items()
    }
    for part, checkpoint in parts.items():
        file_format.unwrap(checkpoint, f"{path}, {part}")  # says what in it cannot be
    return Bundle(config["name"], path, parts)


def about(path: Path) -> dict[str, Any]:
    """config.json of a voice, without its weights. Raises UserError as `read`."""
    content = _content(path, CONFIG, MOST_CONFIG)
    config = parse_json(content, f"{path}: {CONFIG}", FORM, REMEDY)
    if config["format"] != FORMAT or "acoustic" not in config["parts"] or set(config["parts"]) - set(PARTS):
        raise UserError(f"{path}: expected a voice of this project, found {config['format']!r:.40}")
    if config["version"] > VERSION:
        raise UserError(
            f"{path} has version {config['version']}, expected at most {VERSION}: update this project"
        )
    return config


def acoustic(path: Path, weights: bool = True) -> dict[str, Any]:
    """The acoustic model's checkpoint of a voice by its `places.voice_path`.

    weights: False where what it says of itself will do.
    """
    if is_model(path):
        return store.load(path, state=False)
    return read(path).parts["acoustic"] if weights else about(path)["parts"]["acoustic"]


def write(path: Path, name: str, parts: dict[str, dict], texts: dict[str, str | bytes]) -> None:
    """A zip of a voice; the same parts and texts give the same bytes.

    parts: {part: checkpoint}, of which what a training resumes from is left out; texts: {file: content}.
    """
    import safetensors.torch  # noqa: PLC0415  it loads torch

    tensors = {f"{part}.{key}": t for part, own in parts.items() for key, t in own["model"].items()}
    weights = safetensors.torch.save({key: t.detach().cpu().contiguous() for key, t in tensors.items()})
    said = {part: {key: own.get(key) for key in FIELDS} for part, own in parts.items()}
    config = {
        "format": FORMAT,
        "version": VERSION,
        "model_type": "hubert-pitdyn",
        "name": name,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "parts": said,
    }
    files = {**texts, CONFIG: json.dumps(config, ensure_ascii=False, indent=1) + "\n", WEIGHTS: weights}
    with atomic_path(path) as part, zipfile.ZipFile(part, "w") as archive:
        for file, content in files.items():
            info = zipfile.ZipInfo(file, DATE)
            info.external_attr = 0o644 << 16
            # Weights do not shrink, and stored they are read without unpacking.
            info.compress_type = zipfile.ZIP_STORED if file == WEIGHTS else zipfile.ZIP_DEFLATED
            archive.writestr(info, content)


def texts(path: Path) -> dict[str, bytes]:
    """{file: content} of what lies beside the weights at the top of a voice: README, terms, notices."""
    if path.is_dir():
        files = {p.name: p.stat().st_size for p in path.iterdir() if p.is_file()}
    else:
        with zipfile.ZipFile(path) as archive:
            files = {info.filename: info.file_size for info in archive.infolist()}
    wanted = re.compile(r"(README\.md|TERMS\.txt|NOTICE|LICENSE[-\w]{0,40})")
    return {
        name: _content(path, name, MOST_CONFIG)
        for name, size in files.items()
        if wanted.fullmatch(name) and size <= MOST_CONFIG
    }


def _content(path: Path, name: str, most: int) -> bytes:
    """The bytes of a file in a voice, no more than `most`."""
    try:
        if path.is_dir():
            if (size := (path / name).stat().st_size) <= most:
                return (path / name).read_bytes()
        else:
            with zipfile.ZipFile(path) as archive:
                info = _entry(archive, name)
                size = info.file_size
                if size <= most and size <= MOST_PACKED * info.compress_size + MOST_CONFIG:
                    return archive.read(info)
    except KeyError as error:
        raise UserError(f"{path}: expected a voice of this project, with {name} in it; {REMEDY}") from error
    except DAMAGED as error:
        raise UserError(
            f"{path}: {name} cannot be read ({file_format.first_line(error)}); {REMEDY}"
        ) from error
    raise UserError(f"{path}: {name} claims {size} bytes, which no voice has; {REMEDY}")


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The entry of a file at the top, or in the one folder that a file manager packs around all."""
    names = [
        info for info in archive.infolist() if re.fullmatch(rf"([^/]+/)?{re.escape(name)}", info.filename)
    ]
    if len(names) != 1:
        raise KeyError(name)
    return names[0]


def _tensors(path: Path, content: bytes) -> dict[str, Any]:
    import safetensors  # noqa: PLC0415  its torch half loads torch
    import safetensors.torch  # noqa: PLC0415

    if len(content) < 8 or int.from_bytes(content[:8], "little") > MOST_HEADER:
        raise UserError(f"{path}: {WEIGHTS} is damaged; {REMEDY}")
    try:
        return safetensors.torch.load(content)
    except (safetensors.SafetensorError, *whole.MISFIT) as error:
        raise UserError(
            f"{path}: {WEIGHTS} is damaged ({file_format.first_line(error)}); {REMEDY}"
        ) from error
