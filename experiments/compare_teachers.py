"""Compare teachers of content units: what their k-means classes contain of phones, speakers and pitch.

    python -m tools.unseen_voices WAVS/unseen
    python preprocess.py unseen --wavs WAVS/unseen --pitdyn
    python -m experiments.compare_teachers data/corpus data/unseen --phones WAVS/unseen/phones.json \\
        --teacher mfcc --teacher out/first/hubert-soft/model-best.pt:4 --teacher features/whisper

The classes are fitted on training recordings of the first data folder and assigned to flite's lines in the
second. flite states its phones to the millisecond, and its voices are in no training data here. A teacher is
mfcc, CHECKPOINT:LAYER, or a folder with features of both data folders (python -m tools.whisper_features).

Phone purity is the fraction of units whose phone is the most frequent one of their class. PNMI is the
fraction of the phones' entropy that the class explains. Both are defined as in HuBERT (arXiv 2106.07447).
Speaker purity is phone purity with speakers in place of phones. The last column is the fraction of the
variance of log-F0, each speaker's mean removed, that the class explains. Low values of these two are good.
"chance" permutes the classes of the last teacher.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import audio
from audio import UNIT_HOP
from common import cli, progress
from common.readers import read_json
from evaluation import trackers
from experiments.tables import markdown
from hubert_pitdyn import pitch
from preprocessing.data_folder import DataFolder

SILENCE = "pau"


class Frames(NamedTuple):
    """Of all units of all lines, none of them silent: integers, integers, and F0 in Hz (0 = unvoiced)."""

    phones: np.ndarray
    speakers: np.ndarray
    f0: np.ndarray


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("train", type=cli.path, help="data folder to fit the classes on")
    parser.add_argument("test", type=cli.path, help="data folder with flite's lines")
    parser.add_argument("--phones", type=cli.path, required=True, help="phones.json of tools.unseen_voices")
    parser.add_argument("--teacher", action="append", required=True, help="may be given several times")
    parser.add_argument("--clusters", type=int, default=100, help="%(default)s")
    parser.add_argument("--files", type=int, default=600, help="recordings to fit on (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="%(default)s")
    return parser.parse_args()


def features_of(teacher: str) -> Callable:
    """(key, wav [S]) -> features [N, dim]."""
    from checkpoints import models
    from preprocessing import discrete

    if teacher == "mfcc":
        return lambda key, wav: discrete.mfcc(wav)
    if Path(teacher).is_dir():
        return lambda key, wav: discrete.read_features(Path(teacher), key, len(wav) // UNIT_HOP)
    path, _, layer = teacher.rpartition(":")
    hubert = models.load_hubert(path)
    return lambda key, wav: discrete.layer_features(hubert, int(layer), wav)


def spoken(folder, key: str, ends: list) -> tuple[np.ndarray, np.ndarray]:
    """Phone of every unit of a line (as str) and which of them are no silence."""
    prepared = audio.prepare(folder.files[key])
    centres = (np.arange(prepared.units) + 0.5) / audio.UNIT_RATE + prepared.start / audio.SAMPLE_RATE
    place = np.searchsorted([end for _, end in ends], centres).clip(max=len(ends) - 1)
    phones = np.array([phone for phone, _ in ends])[place]
    return phones, phones != SILENCE


def entropy(counts: np.ndarray) -> float:
    """Bits of a table of counts."""
    probabilities = counts[counts > 0] / counts.sum()
    return float(-(probabilities * np.log2(probabilities)).sum())


def table_of(classes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts [classes, labels]."""
    table = np.zeros((classes.max() + 1, labels.max() + 1))
    np.add.at(table, (classes, labels), 1)
    return table


def figures(classes: np.ndarray, frames: Frames) -> dict[str, float]:
    """How much the classes of all frames contain of phones, speakers and pitch."""
    phones, speakers = (table_of(classes, labels) for labels in (frames.phones, frames.speakers))
    total = len(classes)
    shared = entropy(phones.sum(0)) + entropy(phones.sum(1)) - entropy(phones.ravel())
    voiced = frames.f0 > 0
    log_f0, own = np.log2(frames.f0[voiced]), frames.speakers[voiced]
    log_f0 -= (np.bincount(own, log_f0) / np.bincount(own))[own]
    inside = classes[voiced]
    means = np.bincount(inside, log_f0) / np.maximum(np.bincount(inside), 1)
    return {
        "phone purity %": 100 * phones.max(1).sum() / total,
        "PNMI": shared / entropy(phones.sum(0)),
        "speaker purity %": 100 * speakers.max(1).sum() / total,
        "log-F0 explained %": 100 * np.square(means[inside]).sum() / np.square(log_f0).sum(),
    }


def lines_of(folder: DataFolder, phones: Path) -> dict[str, list]:
    """{key: flite's phones with their ends in seconds} of the recordings that a phones.json names."""
    ends = read_json(phones, {str: list}, "make it again: python -m tools.unseen_voices")
    places = {key: path.relative_to(folder.wavs).as_posix() for key, path in folder.files.items()}
    found = {key: ends[place] for key, place in places.items() if place in ends}
    if not found:
        raise cli.UserError(f"{phones}: names no recording of {folder.root}; make both from one folder")
    return found


def frames_of(folder: DataFolder, parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> Frames:
    """Phones, speakers and F0 of all lines, from `spoken` of each."""
    phones = np.concatenate([phone[sounding] for phone, sounding in parts.values()])
    speakers = [np.repeat(Path(key).parts[0], sounding.sum()) for key, (_, sounding) in parts.items()]
    tracks = [
        pitch.track(folder.prepared(key), trackers.TRACKER)[sounding] for key, (_, sounding) in parts.items()
    ]
    ids = [np.unique(labels, return_inverse=True)[1] for labels in (phones, np.concatenate(speakers))]
    return Frames(*ids, np.concatenate(tracks))


def classes_of(
    make: Callable, train: DataFolder, chosen: list[str], test: DataFolder, parts: dict, args
) -> np.ndarray:
    """Classes of the units of all lines that are no silence, fitted on the chosen training recordings."""
    from preprocessing import discrete

    shown = progress.each(chosen, "features to fit", unit="file")
    pool = np.concatenate([make(key, train.prepared(key)) for key in shown])
    centres = discrete.fit(pool, args.clusters, args.seed)
    classes = [
        discrete.assign(make(key, test.prepared(key)), centres)[sounding]
        for key, (_, sounding) in progress.each(parts.items(), "classes", unit="line")
    ]
    return np.concatenate(classes)


def main() -> int:
    args = parse_args()
    train, test = DataFolder(args.train), DataFolder(args.test)
    parts = {key: spoken(test, key, ends) for key, ends in lines_of(test, args.phones).items()}
    frames = frames_of(test, parts)
    keys = train.split("train", "prepared")
    chosen = sorted(random.Random(args.seed).sample(keys, min(args.files, len(keys))))
    rows = {}
    for teacher in args.teacher:
        classes = classes_of(features_of(teacher), train, chosen, test, parts, args)
        rows[teacher] = figures(classes, frames)
    rows["chance"] = figures(np.random.default_rng(args.seed).permutation(classes), frames)
    print(f"{len(parts)} lines, {len(frames.f0)} units that are no silence, {args.clusters} classes\n")
    cells = [
        [name, *(f"{v:.2f}" if v < 1 else f"{v:.1f}" for v in row.values())] for name, row in rows.items()
    ]
    print(markdown(["", *rows["chance"]], cells))
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
