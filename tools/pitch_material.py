"""Sounds with exactly known F0 for the pitch encoder, beside the recordings that it is trained on.

    python preprocess.py corpus --wavs WAVS/corpus --pitdyn --config configs/tiny.toml
    python -m tools.pitch_material data/corpus WAVS/corpus/made
    python preprocess.py corpus --pitdyn --config configs/tiny.toml

Four folders come, each wav with its F0 beside it as a table that preprocess.py reads instead of tracking:
- shifted: training recordings on pitches from 50 to 1050 Hz, by WORLD, with their formants a little moved
- whispers: training recordings whose voice is replaced by noise of the same envelope
- singer: melodies of a formant singer, from a bass to a whistle
- breaths: noise through formants
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from audio import SAMPLE_RATE
from common import cli
from common.workers import each_file
from preprocessing import given_f0, known_f0
from preprocessing.data_folder import DataFolder

SEED = 20
COUNTS = {"shifted": 900, "whispers": 200, "singer": 1800, "breaths": 200}
OF_RECORDINGS = {"shifted": known_f0.shifted, "whispers": known_f0.whispered}
OF_NOTHING = {"singer": known_f0.sung, "breaths": known_f0.breathed}


def make(data: Path, out: Path, name: str) -> None:
    """One sound and its table. name: kind/number, with the key of its recording behind where it is of one."""
    kind, number, *key = name.split("/", 2)
    rng = np.random.default_rng([SEED, list(COUNTS).index(kind), int(number)])
    if key:
        recording = known_f0.read(DataFolder(data, {}, {}), key[0], rng)
        known = OF_RECORDINGS[kind](recording, rng)
    else:
        known = OF_NOTHING[kind](rng)
    if known is None:
        raise cli.UserError("no voice found in it")
    wav, f0 = known
    target = path_of(out, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    given_f0.write(target, np.arange(len(f0)) * known_f0.STEP, f0)
    soundfile.write(target, wav * min(1.0, 0.9 / np.abs(wav).max()), SAMPLE_RATE)


def path_of(out: Path, name: str) -> Path:
    """Where a sound goes. Those of one recording are takes of one prompt, on one side of a split."""
    kind, number, *key = name.split("/", 2)
    stem = f"{key[0].replace('/', '-')}_take{number}" if key else number
    return out / kind / f"{stem}.wav"


def names(folder: DataFolder, counts: dict[str, int]) -> list[str]:
    """What is to be made, recordings in turn in a random order."""
    keys = [key for key in folder.split("train", "f0") if known_f0.is_tracked(folder, key)]
    order = np.random.default_rng(SEED).permutation(len(keys))
    made, place = [], 0
    for kind, count in counts.items():
        for number in range(count):
            of = f"/{keys[order[place % len(keys)]]}" if kind in OF_RECORDINGS else ""
            made.append(f"{kind}/{number:05d}{of}")
            place += bool(of)
    return made


def main() -> int:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("data", type=cli.path, help="data folder of speech and singing, with labels")
    parser.add_argument("out", type=cli.path, help="folder to write to; what is there already stays")
    for name, count in {**COUNTS, "n_workers": os.cpu_count() or 1}.items():
        parser.add_argument(f"--{name}", type=int, default=count, help="how many (default: %(default)s)")
    args = parser.parse_args()
    counts = {name: getattr(args, name) for name in COUNTS}
    todo = [name for name in names(DataFolder(args.data), counts) if not path_of(args.out, name).is_file()]
    made, failures = each_file(partial(make, args.data, args.out), todo, args.n_workers, "sounds")
    print(f"{args.out}: {len(made)} sounds made")
    return cli.report_failures(failures, len(todo))


if __name__ == "__main__":
    sys.exit(cli.run(main))
