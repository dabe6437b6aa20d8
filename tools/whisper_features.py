"""Features of Whisper's encoder for every recording of a data folder: a teacher of content units.

    python tools/whisper_features.py data/corpus features/corpus
    python preprocess.py corpus --discrete --features features/corpus

Whisper was trained to write down what is said by anybody, so its features hold less of the speaker than MFCC
do. It is needed for making the classes that a content encoder is trained on, never for using the encoder.
One float16 [N, 512] array a recording, on the time grid of its units.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

GAP = 25  # units of silence before each recording in a window
WINDOW = 1500  # units


def parse_args() -> argparse.Namespace:
    import cli

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=cli.path, help="data/<name>, with its wavs connected")
    parser.add_argument("out", type=cli.path, help="folder for the arrays")
    return parser.parse_args()


def windows(sizes: dict[str, int]) -> Iterator[list[tuple[str, int, int, int]]]:
    """Recordings of so many units packed into windows of 30 s: (key, first unit of its piece, units of the
    piece, its place in the window). One that does not fit is cut into pieces."""
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


def main() -> int:
    args = parse_args()
    import numpy as np
    from tqdm import tqdm

    import cli
    from audio import UNIT_HOP
    from datafolder import DataFolder, save_array
    from evaluation.whisper import Whisper

    folder, whisper = DataFolder(args.data), Whisper()
    todo = [key for key in folder.files if not (args.out / f"{key}.npy").is_file()]
    sizes = {key: len(folder.prepared(key)) // UNIT_HOP for key in todo}
    packed, parts = list(windows(sizes)), {}
    for window in tqdm(packed, desc="windows", disable=None):
        wav = np.zeros(WINDOW * UNIT_HOP, np.float32)
        for key, first, units, place in window:
            # Half a unit early, since unit k of ours lies half a unit behind frame k of Whisper's.
            start = place * UNIT_HOP - UNIT_HOP // 2
            wav[start : start + units * UNIT_HOP] = folder.crop(key, first, units)
        heard = whisper.features(wav).astype(np.float16)
        for key, _, units, place in window:
            parts.setdefault(key, []).append(heard[place : place + units])
            if sum(map(len, parts[key])) == sizes[key]:
                save_array(args.out / f"{key}.npy", np.concatenate(parts.pop(key)))
    print(f"{args.out}: {len(todo)} recordings in {len(packed)} windows, by {whisper.name}")
    return cli.DONE


if __name__ == "__main__":
    import cli

    sys.exit(cli.run(main))
