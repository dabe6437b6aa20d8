"""Discrete content units: k-means over 50 Hz features, the targets a soft content encoder is trained on.

HuBERT's own recipe (arXiv 2106.07447): first MFCC, then a layer of the model so trained. Features made
elsewhere (any 50 Hz encoder) are read from a folder.
"""

from __future__ import annotations

import argparse
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import audio
from audio import UNIT_HOP, UNIT_RATE, encoder_input
from checkpoints import file_format, models
from common import arrays, cli, names, progress
from common.cli import UserError
from common.cluster import Cluster
from common.devices import choose_device
from preprocessing.bookkeeping import commit, each_key, finish, invalidate, todo
from preprocessing.data_folder import DataFolder, save_array
from preprocessing.split import SPLIT

CEPSTRA = 13
REMEDY = "make the features again"
SAMPLED = 200  # recordings whose variance is taken for that of all


def mfcc(wav: np.ndarray) -> np.ndarray:
    """13 MFCC with first and second differences of a prepared wav [S] -> [N, 39], mean and variance removed.

    Made from the project's log-mel: unit k lies between mel frames 2k and 2k+1, so their mean is centred
    on it. c0 is left out and the mean over time removed: gain, and much of the speaker, is not content.
    """
    import torchaudio  # noqa: PLC0415  for MFCC alone

    mel = audio.log_mel(wav)
    centred = mel.reshape(audio.N_MELS, -1, 2).mean(dim=-1)
    dct = torchaudio.functional.create_dct(CEPSTRA + 1, audio.N_MELS, norm="ortho")[:, 1:]
    cepstra = dct.T @ centred
    first = torchaudio.functional.compute_deltas(cepstra)
    second = torchaudio.functional.compute_deltas(first)
    features = np.concatenate([x.numpy() for x in (cepstra, first, second)]).T
    return (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-5)


def layer_features(hubert, layer: int, wav: np.ndarray) -> np.ndarray:
    """[N, dim]: hidden state after `layer` transformer layers (0: their input) of a prepared wav [S]."""
    with torch.inference_mode():
        device = hubert.proj.weight.device
        wav = torch.from_numpy(encoder_input(wav)).reshape(1, 1, -1)
        hidden = hubert.encode(wav.to(device), layer=layer)
    return hidden[0].cpu().numpy()


def read_features(folder: Path, key: str, units: int) -> np.ndarray:
    """[N, any] from <folder>/<key>.npy. Raises UserError when missing or not at 50 Hz of the prepared wav."""
    path = folder / f"{names.checked_key(key, folder)}.npy"
    if not path.is_file():
        raise UserError(f"{path}: not found; features come as one .npy per wav, [N, dim] at 50 Hz")
    features = arrays.read(path, REMEDY, mapped=True)
    if features.ndim != 2 or abs(len(features) - units) > 2:
        raise UserError(f"{path}: expected about [{units}, dim] at 50 Hz, found shape {features.shape}")
    if len(features) == units:
        return features
    return features[np.minimum(np.arange(units), len(features) - 1)]


class Teacher(NamedTuple):
    """Features that classes were made of: one .npy [N, dim] a recording in `folder`.

    spread: their variance over time, mean over dimensions.
    """

    folder: Path
    dim: int
    spread: float

    @classmethod
    def of(cls, folder: Path, keys: list[str]) -> Teacher:
        """Look at some of these recordings' features. Raises UserError where they are not there."""
        missing = [key for key in keys if not (folder / f"{key}.npy").is_file()]
        if missing:
            raise UserError(
                f"{folder / missing[0]}.npy: not found, and {len(missing) - 1} more; the classes are of "
                "these features: make them again, or set teacher to 0 in [train.units]"
            )
        some = keys[:: max(1, len(keys) // SAMPLED)]
        loaded = [arrays.read(folder / f"{key}.npy", REMEDY) for key in some]
        features = np.concatenate(loaded).astype(np.float32)
        return cls(folder, features.shape[1], float(features.var(axis=0).mean()))


def fit(features: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """k-means centres [clusters, dim] of feature frames [M, dim], mini-batches, seeded."""
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415  slow to load, for k-means alone

    _enough(len(features), clusters)
    kmeans = MiniBatchKMeans(
        clusters,
        random_state=seed,
        batch_size=10000,
        n_init=5,
        max_no_improvement=100,
        reassignment_ratio=0.01,
    )
    return kmeans.fit(features.astype(np.float32)).cluster_centers_.astype(np.float32)


def assign(features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index of the nearest centre of each frame, [N, dim] -> int64 [N]."""
    squared = (centres**2).sum(axis=1) - 2.0 * features.astype(np.float32) @ centres.T
    return squared.argmin(axis=1)


def make_discrete(folder: DataFolder, args: argparse.Namespace, config: dict) -> int:
    """--discrete: k-means on the training files' features, then the class of every frame of every file."""
    before, centres = folder.read_json("units-discrete.json"), folder.root / "kmeans.npy"
    seed = SPLIT["seed"] if args.seed is None else args.seed
    about = {"features": args.features, "clusters": args.clusters, "seed": seed}
    about |= {"fit_frames": args.fit_frames, **teacher_hash(args.features)}
    before = before and {**about, **before}  # folders of earlier versions do not tell all
    redo = args.force or not arrays.whole(centres)
    require_frames(folder, args.clusters)
    invalidate(folder, "units-discrete.json", ["units-discrete", "kmeans.npy"], before, about, redo)
    keys = todo(folder, folder.files, ["units-discrete"])
    extract = partial(file_features, args.features, args.device)
    workers = args.n_workers
    if isinstance(workers, Cluster):
        workers = workers.with_threads(1 if args.features == "mfcc" else torch.get_num_threads())
    elif args.features != "mfcc":
        workers = 1
    made, failures = each_key(extract, folder, keys, workers, "features")
    if not arrays.whole(centres):
        training = set((folder.read_json("split.json") or {})["train"])
        pool = [frames for key, frames in made.items() if key in training]
        if not pool:
            return cli.report_failures(failures, len(folder.files))
        pool = np.concatenate(pool)
        chosen = np.random.default_rng(seed).permutation(len(pool))[: args.fit_frames]
        save_array(centres, fit(pool[chosen], args.clusters, seed))
    fitted = np.load(centres)
    for key, frames in progress.each(made.items(), "classes", unit="file"):
        folder.save("units-discrete", key, assign(frames, fitted).astype(np.int16))
    commit(folder, "units-discrete.json", about)
    return finish(folder, len(folder.files), "discrete units", len(made), failures)


def require_frames(folder: DataFolder, clusters: int) -> None:
    """Raises UserError where the training recordings are known to be too short for so many classes."""
    keys = (folder.read_json("split.json") or {}).get("train", [])
    if keys and all(folder.has("prepared", key) for key in keys):
        _enough(round(folder.hours(keys) * 3600 * UNIT_RATE), clusters)


def _enough(frames: int, clusters: int) -> None:
    if frames < clusters:
        raise UserError(f"k-means needs at least {clusters} frames, found {frames}; add recordings")


def file_features(source: str, device: str | None, folder: DataFolder, key: str):
    """[N, dim] float16 of one wav: "mfcc", "CHECKPOINT:LAYER", or from a folder of arrays."""
    wav = folder.prepared(key)
    if source == "mfcc":
        return mfcc(wav).astype("float16")
    if Path(source).is_dir():
        return read_features(Path(source), key, len(wav) // UNIT_HOP).astype("float16")
    return layer_features(*_teacher(source, device), wav).astype("float16")


def teacher_hash(source: str) -> dict[str, str]:
    """{"checkpoint": hash} of CHECKPOINT:LAYER, whose name does not tell its weights, else nothing.

    Raises UserError when the source is of no kind that `of_file` knows.
    """
    if source == "mfcc" or Path(source).is_dir():
        return {}
    return {"checkpoint": file_format.weights_hash(_checkpoint_layer(source)[0])}


def load_source(source: str, device: str | None) -> None:
    """Load the checkpoint of CHECKPOINT:LAYER, so that it need not be loaded again.

    Raises UserError where there is no such checkpoint or layer, or a folder of features holds none.
    """
    if Path(source).is_dir() and not any(Path(source).rglob("*.npy")):
        raise cli.UserError(f"--features {source}: expected one .npy per wav in this folder, found none")
    if source == "mfcc" or Path(source).is_dir():
        return
    hubert, layer = _teacher(source, device)
    if layer > (layers := len(hubert.encoder.layers)):
        raise cli.UserError(f"--features {source}: expected a layer from 0 to {layers}, found {layer}")


def _checkpoint_layer(source: str) -> tuple[Path, int]:
    path, _, layer = source.rpartition(":")
    if not path or not layer.isdigit():
        raise cli.UserError(f"--features {source}: expected mfcc, CHECKPOINT:LAYER or a folder of .npy files")
    return cli.path(path), int(layer)


@cache
def _teacher(source: str, device: str | None):
    """The HuBERT and layer that CHECKPOINT:LAYER names."""
    path, layer = _checkpoint_layer(source)
    return models.load_hubert(path).to(choose_device(device)), layer
