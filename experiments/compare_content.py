"""Compare content encoders: what their units contain of the teacher, of phones, of the speaker and of pitch.

    python -m tools.unseen_voices WAVS/unseen
    python preprocess.py unseen --wavs WAVS/unseen --pitdyn --config configs/tiny.toml
    python -m tools.whisper_features data/corpus features/corpus
    python -m tools.whisper_features data/unseen features/corpus
    python -m experiments.compare_content data/corpus data/unseen --phones WAVS/unseen/phones.json \\
        --features features/corpus --encoder out/demo/hubert-soft/model-best.pt --encoder OTHER

Everything is read from the units by linear maps, so that encoders trained in different ways compare:

teacher R²: fraction of the variance of Whisper's features that the units give, on the test recordings of the
first data folder and on all of the second; fitted (ridge) on training recordings of the first.
phones, speakers: fraction of units, silence apart, whose phone or voice a linear discriminant finds in lines
that phones.json names. Lines of even number are for fitting and those of odd number for measuring, and the
other way round. All voices say the same; chance is one over the voices.
log-F0: its correlation with what is read from voiced units of the second folder, each speaker's mean removed.
other voice: how far other pitch, formants and equaliser move units, as a fraction of how far two lie apart.
CPU: time for 10 s of audio, as a ratio to the first encoder, by turns.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

import audio
from audio import UNIT_HOP
from common import cli, progress
from experiments import compare_teachers
from experiments.tables import markdown
from preprocessing.data_folder import DataFolder

RIDGE = 1e-3  # of the mean variance of the units
CPU_SECONDS, CPU_ROUNDS = 10, 5
MOVED_LINES = 24


class Part(NamedTuple):
    """Recordings of a data folder: {key: units [N, D]}, {key: the teacher's [N, T]}, {key: F0 [N]}."""

    units: dict[str, np.ndarray]
    teacher: dict[str, np.ndarray]
    f0: dict[str, np.ndarray]


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("train", type=cli.path, help="data folder with a split and labels of pitch")
    parser.add_argument("test", type=cli.path, help="data folder of strangers, with labels and flite's lines")
    parser.add_argument("--phones", type=cli.path, required=True, help="phones.json of tools.unseen_voices")
    parser.add_argument("--features", type=cli.path, required=True, help="Whisper's features of both folders")
    parser.add_argument(
        "--encoder", type=cli.path, action="append", required=True, help="may be given several times"
    )
    parser.add_argument("--files", type=int, default=300, help="recordings to fit on (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="%(default)s")
    return parser.parse_args()


def units_of(model, wav: np.ndarray) -> np.ndarray:
    """A prepared wav [S] -> units [N, D]."""
    import torch

    with torch.inference_mode():
        return model.units(torch.from_numpy(audio.encoder_input(wav))[None, None])[0].numpy()


def part_of(model, folder: DataFolder, keys: list[str], features: Path) -> Part:
    """What is known of these recordings."""
    from preprocessing.discrete import read_features

    part = Part({}, {}, {})
    for key in progress.each(keys, f"units of {folder.name}", unit="file"):
        wav = folder.prepared(key)
        part.units[key] = units_of(model, wav)
        part.teacher[key] = np.asarray(read_features(features, key, len(wav) // UNIT_HOP), dtype=np.float32)
        part.f0[key] = folder.read("f0", key)
    return part


def joined(arrays: dict[str, np.ndarray], keys=None) -> np.ndarray:
    """The arrays of these keys (default: of all), one behind another."""
    return np.concatenate([arrays[key] for key in (arrays if keys is None else keys)])


def log_f0(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Units [M, D] of all voiced moments, and their log2-F0 [M] without each speaker's mean."""
    keys, by_speaker = list(part.units), {}
    for key in keys:
        by_speaker.setdefault(Path(key).parts[0], []).append(key)
    inputs, targets = [], []
    for own in by_speaker.values():
        f0 = joined(part.f0, own)
        logs = np.log2(f0[f0 > 0])
        inputs.append(joined(part.units, own)[f0 > 0])
        targets.append(logs - (logs.mean() if len(logs) else 0.0))
    return np.concatenate(inputs), np.concatenate(targets)


def ridge(inputs: np.ndarray, targets: np.ndarray):
    """A linear map with an offset, fitted by least squares; RIDGE keeps it from dividing by nothing."""
    from sklearn.linear_model import Ridge

    return Ridge(RIDGE * len(inputs) * float(inputs.var(axis=0).mean())).fit(inputs, targets)


def explained(said: np.ndarray, wanted: np.ndarray) -> float:
    """R² over all dimensions together."""
    return 1 - float(np.square(wanted - said).mean() / wanted.var(axis=0).mean())


def half_of(key: str) -> int:
    """0 or 1: the side of a line by the number that ends its name, and so of its sentence in all voices."""
    return int("".join(c for c in Path(key).name.rpartition("-")[2] if c.isdigit()) or 0) % 2


def found(units: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> float:
    """Fraction of units whose label a linear discriminant finds, fitted on the other half of the lines."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    right = total = 0
    for side in (0, 1):
        given, asked = ([key for key in labels if half_of(key) == s] for s in (side, 1 - side))
        probe = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        probe.fit(joined(units, given), joined(labels, given))
        right += int((probe.predict(joined(units, asked)) == joined(labels, asked)).sum())
        total += len(joined(labels, asked))
    return right / total


def in_other_voices(folder: DataFolder, seed: int) -> dict[str, np.ndarray]:
    """{key: wav [S] in another voice} of some recordings."""
    from training.other_voices import other_voices

    keys = sorted(random.Random(seed).sample(list(folder.files), min(MOVED_LINES, len(folder.files))))
    shown = progress.each(keys, "other voices", unit="line")
    return {
        key: next(other_voices(folder.prepared(key), [(seed, number)])) for number, key in enumerate(shown)
    }


def moved(model, units: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> float:
    """Mean squared distance of units to those of the same moment in another voice, over that of two units."""
    off = np.concatenate([units[key] - units_of(model, wav) for key, wav in others.items()])
    return float(np.square(off).mean() / (2 * joined(units, others).var(axis=0).mean()))


def seconds(models: list, seed: int) -> list[float]:
    """CPU seconds of each for CPU_SECONDS of noise: the least of several, by turns."""
    rng = np.random.default_rng(seed)
    wav = rng.standard_normal(CPU_SECONDS * audio.SAMPLE_RATE).astype(np.float32)
    took = [[] for _ in models]
    for _ in range(CPU_ROUNDS):
        for times, model in zip(took, models, strict=True):
            begin = time.process_time()
            units_of(model, wav)
            times.append(time.process_time() - begin)
    return [min(times) for times in took]


def figures(
    model, folders: tuple[DataFolder, DataFolder], lines: dict, others: dict, args
) -> dict[str, float]:
    """The row of one encoder but for size and time. lines: {key: `compare_teachers.spoken` of it}."""
    train, test = folders
    keys = train.split("train", "f0")
    chosen = sorted(random.Random(args.seed).sample(keys, min(args.files, len(keys))))
    fit = part_of(model, train, chosen, args.features)
    own = part_of(model, train, train.split("test", "f0"), args.features)
    strangers = part_of(model, test, test.have("f0"), args.features)
    teacher = ridge(joined(fit.units), joined(fit.teacher))
    inputs, logs = log_f0(strangers)
    read = ridge(*log_f0(fit)).predict(inputs)
    audible = {key: strangers.units[key][sounding] for key, (_, sounding) in lines.items()}
    phones = {key: phone[sounding] for key, (phone, sounding) in lines.items()}
    who = {key: np.full(len(audible[key]), Path(key).parts[0]) for key in lines}
    return {
        "teacher R², strangers": explained(
            teacher.predict(joined(strangers.units)), joined(strangers.teacher)
        ),
        "… test prompts": explained(teacher.predict(joined(own.units)), joined(own.teacher)),
        "phones %": 100 * found(audible, phones),
        "speakers %": 100 * found(audible, who),
        "log-F0 r": float(np.corrcoef(read, logs)[0, 1]),
        "other voice": moved(model, strangers.units, others),
    }


def main() -> int:
    args = parse_args()
    from checkpoints import models

    folders = DataFolder(args.train), DataFolder(args.test)
    named = compare_teachers.lines_of(folders[1], args.phones)
    lines = {key: compare_teachers.spoken(folders[1], key, ends) for key, ends in named.items()}
    encoders = [models.load_hubert(path) for path in args.encoder]
    others = in_other_voices(folders[1], args.seed)
    rows = [figures(model, folders, lines, others, args) for model in encoders]
    took = seconds(encoders, args.seed)
    for row, path, cpu in zip(rows, args.encoder, took, strict=True):
        row["MB"], row["CPU"] = path.stat().st_size / 2**20, cpu / took[0]
    voices = len({Path(key).parts[0] for key in lines})
    print(f"{len(lines)} lines of {voices} voices (chance {100 / voices:.1f} %); CPU 1 is {took[0]:.2f} s\n")
    cells = [
        [
            path.as_posix(),
            *(f"{value:.{1 if name.endswith('%') or name == 'MB' else 3}f}" for name, value in row.items()),
        ]
        for row, path in zip(rows, args.encoder, strict=True)
    ]
    print(markdown(["", *rows[0]], cells))
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
