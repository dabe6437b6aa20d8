"""Features of Whisper's encoder for every recording of a data folder: a teacher of content units.

    python -m tools.whisper_features data/corpus features/corpus
    python preprocess.py corpus --discrete --features features/corpus

Whisper was trained to write down what is said by anybody, so its features hold less of the speaker than MFCC
do. It is needed for making the classes that a content encoder is trained on, never for using the encoder.
One float16 [N, 512] array a recording, on the time grid of its units.

Recordings are packed into windows of 30 s, since each window costs the same. Whisper tells its features where
in the window they are, in few dimensions but loudly: of k-means classes of the raw features 3.1 of 6.5 bits
said nothing but the place. So the mean feature of every place is taken off (0.05 bits are left).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import numpy as np

from audio import UNIT_HOP
from common import cli, progress
from evaluation.whisper import Whisper
from preprocessing.data_folder import DataFolder, save_array

GAP = 25  # units of silence before each recording in a window
WINDOW = 1500  # units
SMOOTH = 25  # units over which the means of places are taken together

Piece = tuple[str, int, int, int]  # recording, first of its units, how many, their place in the window


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("data", type=cli.path, help="data/<name>, with its wavs connected")
    parser.add_argument("out", type=cli.path, help="folder for the arrays")
    return parser.parse_args()


def windows(sizes: dict[str, int]) -> Iterator[list[Piece]]:
    """Recordings of so many units packed into windows of 30 s; one that does not fit is cut into pieces."""
    longest, window, place = WINDOW - GAP, [], 0
    for key, size in sizes.items():
        for first in range(0, size, longest):
            units = min(longest, size - first)
            if place + GAP + units > WINDOW:
                yield window
                window, place = [], 0
            window.append((key, first, units, place + GAP))
            place += GAP + units
    if window:
        yield window


def placed(features: dict[str, np.ndarray], packed: list[list[Piece]]) -> Iterator[tuple[np.ndarray, int]]:
    """(features [n, dim] of a piece, its place): views, so that changing them changes the recordings'."""
    for window in packed:
        for key, first, units, place in window:
            yield features[key][first : first + units], place


def take_off_places(features: dict[str, np.ndarray], packed: list[list[Piece]]) -> None:
    """Subtract from all features [N, dim] the mean over windows at their place, smoothed."""
    dim = next(iter(features.values())).shape[1]
    total, count = np.zeros((WINDOW, dim)), np.zeros(WINDOW)
    for piece, place in placed(features, packed):
        total[place : place + len(piece)] += piece
        count[place : place + len(piece)] += 1
    near = np.ones(SMOOTH)
    total = np.stack([np.convolve(column, near, "same") for column in total.T], axis=1)
    means = total / np.maximum(np.convolve(count, near, "same"), 1)[:, None]
    for piece, place in placed(features, packed):
        piece -= means[place : place + len(piece)].astype(piece.dtype)


def main() -> int:
    args = parse_args()
    folder, whisper, features = DataFolder(args.data), Whisper(), {}
    files = progress.each(folder.files, "sizes", unit="file")
    sizes = {key: len(folder.prepared(key)) // UNIT_HOP for key in files}
    packed = list(windows(sizes))
    for window in progress.each(packed, "windows"):
        wav = np.zeros(WINDOW * UNIT_HOP, np.float32)
        for key, first, units, place in window:
            # Half a unit early, since unit k of ours lies half a unit behind frame k of Whisper's.
            start = place * UNIT_HOP - UNIT_HOP // 2
            wav[start : start + units * UNIT_HOP] = folder.crop(key, first, units)
        output = whisper.features(wav)
        for key, first, units, place in window:
            own = features.setdefault(key, np.zeros((sizes[key], output.shape[1]), np.float16))
            own[first : first + units] = output[place : place + units]
    take_off_places(features, packed)
    for key, own in progress.each(features.items(), "arrays", unit="file"):
        save_array(args.out / f"{key}.npy", own)
    print(f"{args.out}: {len(features)} recordings in {len(packed)} windows, by {whisper.name}")
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
