"""What discrete units are classes of: 50 Hz features of a recording, from where --features says."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cli
from audio import UNIT_HOP
from datafolder import DataFolder
from hubert_pitdyn import discrete


def of_file(root: Path, source: str, device: str | None, key: str):
    """[N, dim] float16 of one wav: "mfcc", "CHECKPOINT:LAYER", or from a folder of arrays."""
    folder = DataFolder(root)
    wav = folder.prepared(key)
    if source == "mfcc":
        return discrete.mfcc(wav).astype("float16")
    if Path(source).is_dir():
        return discrete.read_features(Path(source), key, len(wav) // UNIT_HOP).astype("float16")
    return discrete.layer_features(*_teacher(source, device), wav).astype("float16")


def weights(source: str) -> dict[str, str]:
    """{"checkpoint": hash} of CHECKPOINT:LAYER, whose name does not tell its weights, else nothing.

    Raises UserError when the source is of no kind that `of_file` knows.
    """
    import weight_files

    if source == "mfcc" or Path(source).is_dir():
        return {}
    return {"checkpoint": weight_files.weights_hash(_checkpoint_layer(source)[0])}


def _checkpoint_layer(source: str) -> tuple[Path, int]:
    path, _, layer = source.rpartition(":")
    if not path or not layer.isdigit():
        raise cli.UserError(f"--features {source}: expected mfcc, CHECKPOINT:LAYER or a folder of .npy files")
    return cli.path(path), int(layer)


@cache
def _teacher(source: str, device: str | None):
    """The HuBERT and layer that CHECKPOINT:LAYER names."""
    import checkpoints
    from devices import choose_device

    path, layer = _checkpoint_layer(source)
    return checkpoints.load_hubert(path).to(choose_device(device)), layer
