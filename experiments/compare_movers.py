"""Compare pitch shifters that keep the formants, by what the copy of a recording loses.

    python -m pip install -r requirements-eval.txt stftpitchshift==2.0
    python -m experiments.compare_movers WAVS/bank WAVS/voice --same WAVS/bank_low WAVS/bank_high

Every file is shifted by every step and compared with itself: its pitch with the target, its formants by the
MCD, the speaker encoder and DNSMOS. WORLD measures the MCD, which may favour its own copies. --same answers
another question: lines that one singer recorded on two notes, the first shifted onto the second, compared
with the real ones.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import audio
from audio import SAMPLE_RATE
from common import cli, progress
from conversion.files import find_sources
from evaluation import metrics, pair, trackers
from evaluation.scorers import Scorers
from hubert_pitdyn import pitch
from preprocessing.moved_copies import FRAME_MS, move_pitch

STEPS = (-12, -6, 0, 6, 12)  # semitones
STFT_FRAME, STFT_HOP = 1024, 128  # samples at 16 kHz
LIFTER = 0.001  # seconds, cut of the cepstrum that keeps the formants; shorter than any period here
COLUMNS = {  # figure -> heading
    "cents": "median abs cents",
    "vde": "VDE %",
    "mcd": "MCD dB",
    "similarity": "speaker",
    "dnsmos": "DNSMOS",
    "rtf": "RTF",
}


def by_world(wav, semitones: float, voiced=None):
    """WORLD's vocoder (pyworld-prebuilt, MIT), voiced where its own tracker finds a pitch."""
    frames = int(len(wav) / SAMPLE_RATE * 1000 / FRAME_MS) + 1
    return move_pitch(wav.astype(np.float64), np.full(frames, semitones), voiced)


def by_world_gated(wav, semitones: float):
    """WORLD, voiced where the tracker of the labels finds a pitch, as in preprocessing/moved_copies.py."""
    return by_world(wav, semitones, pitch.track(wav) > 0)


def by_stft(wav, semitones: float):
    """Phase vocoder that restores the cepstral envelope (stftpitchshift, MIT)."""
    from stftpitchshift import StftPitchShift

    shifter = StftPitchShift(STFT_FRAME, STFT_HOP, SAMPLE_RATE)
    return shifter.shiftpitch(wav.astype(np.float64), 2 ** (semitones / 12), LIFTER)


def by_resampling(wav, semitones: float):
    """Stretched by a phase vocoder, then resampled (librosa, ISC): formants shift too."""
    import librosa

    return librosa.effects.pitch_shift(wav, sr=SAMPLE_RATE, n_steps=semitones)


WAYS: dict[str, Callable] = {
    "world, voiced as labelled": by_world_gated,
    "world": by_world,
    "stft": by_stft,
    "resampling": by_resampling,
}


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("folders", nargs="+", type=cli.path, metavar="FOLDER", help="one speaker each")
    parser.add_argument(
        "--same", nargs=2, type=cli.path, metavar=("A", "B"), help="the same lines, two notes"
    )
    parser.add_argument("--files", type=int, default=8, help="of each folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="choice of files (default: %(default)s)")
    return parser.parse_args()


def choose(folder: Path, count: int, seed: int) -> list[Path]:
    return sorted(random.Random(seed).sample(list(find_sources(folder)), count))


def figures(way: Callable, wav, semitones: float, scorers, target) -> dict[str, float]:
    """What one copy of [S] lost."""
    start = time.perf_counter()
    copy = np.asarray(way(wav, semitones), np.float32)[: len(wav)]
    seconds = time.perf_counter() - start
    target_f0 = pitch.track(wav, trackers.TRACKER) * 2 ** (semitones / 12)
    found = pitch.track(copy, trackers.TRACKER)
    return {
        "cents": float(np.median(np.abs(metrics.cents(target_f0, found)))),
        "vde": 100 * metrics.vde(target_f0, found),
        "mcd": pair.parallel_mcd(wav, copy, print),
        "similarity": scorers.similarity(copy, target),
        "dnsmos": scorers.dnsmos(copy),
        "rtf": seconds / (len(wav) / SAMPLE_RATE),
    }


def onto(way: Callable, low: Path, high: Path) -> float:
    """MCD in dB of a line shifted to another line's median pitch, against that line (by DTW)."""
    one, other = (audio.prepare(path).wav for path in (low, high))
    tracks = [pitch.track(wav, trackers.TRACKER) for wav in (one, other)]
    medians = [np.median(f0[f0 > 0]) for f0 in tracks]
    shifted = way(one, 12 * float(np.log2(medians[1] / medians[0])))
    return pair.parallel_mcd(other, np.asarray(shifted, np.float32), print)


def table(title: str, rows: dict[str, dict[str, float]], columns: dict[str, str]) -> None:
    print(f"\n{title}\n\n| | " + " | ".join(columns.values()) + " |\n|---|" + "---:|" * len(columns))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(f"{row[c]:.2f}" for c in columns) + " |")


def measure(folders: list[Path], count: int, seed: int, scorers: Scorers) -> dict[tuple[str, int], list]:
    """{(way, step): figures of every chosen file}."""
    found: dict[tuple[str, int], list[dict]] = {}
    for folder in folders:
        target = scorers.target(choose(folder, count, seed + 1), folder.name)
        for path in progress.each(choose(folder, count, seed), folder.name, unit="file"):
            wav = audio.prepare(path).wav
            for name, way in WAYS.items():
                for step in STEPS:
                    found.setdefault((name, step), []).append(figures(way, wav, step, scorers, target))
    return found


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {column: float(np.nanmean([row[column] for row in rows])) for column in COLUMNS}


def same_lines(low: Path, high: Path, count: int, seed: int) -> None:
    """The table of one singer's lines shifted from one note onto the other."""
    lines = [path for path in choose(low, count, seed) if (high / path.name).is_file()]
    ways = {**WAYS, "not shifted": lambda wav, _: wav}
    rows = {
        name: {"mcd": float(np.mean([onto(way, path, high / path.name) for path in lines]))}
        for name, way in progress.each(ways.items(), "the same lines")
    }
    table(f"{len(lines)} lines of {low.name} shifted onto {high.name}", rows, {"mcd": "MCD dB"})


def main() -> int:
    args = parse_args()
    found = measure(args.folders, args.files, args.seed, Scorers(print))
    of_way = {name: [row for step in STEPS for row in found[name, step]] for name in WAYS}
    table("Mean of all steps", {name: mean(rows) for name, rows in of_way.items()}, COLUMNS)
    for step in STEPS:
        table(f"{step:+d} semitones", {name: mean(found[name, step]) for name in WAYS}, COLUMNS)
    if args.same:
        same_lines(*args.same, 4 * args.files, args.seed)
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
