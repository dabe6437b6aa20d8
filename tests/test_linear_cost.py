"""Cost of a file in large folders: it must not grow with the number of files.

As a script it prints CPU seconds a file, and their ratios (in one thread: several wait for one another):

    PYTHONPATH=. OMP_NUM_THREADS=1 python tests/test_linear_cost.py [SMALL LARGE]
"""

import os
import sys
import time
from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import soundfile
from conftest import micro_config, sing

from common.presets import load_config
from listening.items import collect
from preprocessing import acoustic, discrete, labels
from preprocessing.bookkeeping import drop_replaced
from preprocessing.data_folder import DataFolder
from preprocessing.split import write_split

MOST = 1.3  # times as many CPU seconds a file in the large folder
SMALL, LARGE = 200, 4000
ARGUMENTS = {
    "force": False,
    "n_workers": 1,
    "device": "cpu",
    "features": "mfcc",
    "clusters": 4,
    "fit_frames": 1000,
    "seed": None,
    "augment_pitch": None,
    "augment_gain": 3.0,
    "augment_copies": 1,
}


def recordings(folder: Path, count: int) -> Path:
    """So many names of one short recording, every tenth a twin of another that differs by suffix."""
    folder.mkdir(parents=True)
    first = folder / "0.wav"
    soundfile.write(first, sing(150, 250, 0.1, 0), 16000)
    for number in range(1, count):
        name = f"{number - 1}.aif" if number % 10 == 0 else f"{number}.wav"
        os.link(first, folder / name)
    return folder


def steps(root: Path, count: int) -> dict[str, float]:
    """CPU seconds a file of each step."""
    wavs, spent = recordings(root / "wavs", count), {}
    config = load_config(micro_config(root))
    arguments = Namespace(**ARGUMENTS)

    def measured(name: str, work) -> None:
        began = time.process_time()
        work()
        spent[name] = (time.process_time() - began) / count

    def first_steps() -> None:
        folder().connect(wavs)
        write_split(folder())
        drop_replaced(folder(), 1)

    def folder() -> DataFolder:
        return DataFolder(root / "data" / "x")

    measured("connect and split", first_steps)
    measured("labels", lambda: labels.make_labels(folder(), arguments, config))
    measured("copies and mels", lambda: acoustic.make_mels(folder(), arguments, config))
    measured("classes", lambda: discrete.make_discrete(folder(), arguments, config))
    measured("all there", lambda: acoustic.make_mels(folder(), arguments, config))
    for wav in (*wavs.glob("*.wav"), *wavs.glob("*.aif")):
        path = root / "gen" / f"{wav.name if wav.suffix == '.aif' else wav.stem}_a_b.wav"
        path.parent.mkdir(exist_ok=True)
        os.link(wav, path)
    measured("what a page lists", lambda: collect(wavs, root / "gen"))
    return spent


def warm_up(root: Path) -> None:
    """What is loaded and compiled once is no cost of a file."""
    steps(root, 20)


@pytest.mark.slow
def test_a_file_costs_the_same_in_a_large_folder(tmp_path):
    warm_up(tmp_path / "warm")
    small, large = (sum(steps(tmp_path / str(count), count).values()) for count in (SMALL, LARGE // 4))
    assert large < MOST * small


def main() -> None:
    small, large = map(int, sys.argv[1:] or (SMALL, LARGE))
    with TemporaryDirectory() as folder:
        warm_up(Path(folder) / "warm")
        one, other = (steps(Path(folder) / str(count), count) for count in (small, large))
    for cost in (one, other):
        cost["all"] = sum(cost.values())
    for name in one:
        figures = (1000 * one[name], 1000 * other[name], other[name] / one[name])
        print("{:20} {:8.2f} ms {:8.2f} ms  x {:.2f}".format(name, *figures))


if __name__ == "__main__":
    main()
