"""Compare the F0 trackers on speech whose F0 is known: WORLD analysis, then synthesis from that very F0.

    python -m experiments.compare_trackers WAVS/slt WAVS/rms --files 20 --json trackers.json

The truth is the F0 given to WORLD's synthesis, at the unit centres (its 5 ms frame 4k + 2 is on sample
320k + 160). It is Harvest's, set to 0 before the synthesis where D4C's periodicity test (Morise's love train)
fails or the frame is LEVEL_RANGE_DB below the loud ones: what the truth calls voiced is audibly periodic.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

import numpy as np

from audio import AUDIO_SUFFIXES, SAMPLE_RATE, UNIT_HOP, prepare
from common import audio_files, cli, progress
from common.files import write_text
from evaluation import metrics
from hubert_pitdyn import pitch
from hubert_pitdyn.pitch import F_MAX, F_MIN, voiced_probability

ROOT = Path(__file__).resolve().parents[1]

FRAME_MS = 5.0  # WORLD's frame period; 4 frames a unit
FRAMES_PER_UNIT, FIRST_FRAME = 4, 2
LOVE_TRAIN = 0.85  # WORLD's own default for D4C
LEVEL_RANGE_DB = 40.0
SHIFTS = (-12, 12)  # semitones; every second file is also moved, down and up in turn
EDGE = 1  # units (20 ms) left out on each side of a voicing change in the "inner" figures
TRACKERS = ("swift_f0", "fcpe", "pyin", "yin")
# What each tracker by itself calls voiced, as log-odds (pyin: flag): its package's default threshold.
OWN_THRESHOLD = {"swift_f0": 0.0, "fcpe": -5.1, "pyin": 0.5, "yin": None}
COLUMNS = (
    "GPE %",
    "VDE %",
    "VDE inner %",
    "VDE alone %",
    "RPA50 %",
    "RPA20 %",
    "median |cents|",
    "RTF",
)


def resynthesise(wav, shift: float = 0.0):
    """wav float32 [S] -> (copy [S] moved by `shift` semitones, its true F0 [N] in Hz, 0 = unvoiced)."""
    import pyworld

    x = wav.astype(np.float64)
    f0, times = pyworld.harvest(x, SAMPLE_RATE, frame_period=FRAME_MS)
    envelope = pyworld.cheaptrick(x, f0, times, SAMPLE_RATE)
    aperiodicity = pyworld.d4c(x, f0, times, SAMPLE_RATE, threshold=LOVE_TRAIN)
    level = 10 * np.log10(envelope.mean(axis=1) + 1e-15)
    periodic = aperiodicity[:, : aperiodicity.shape[1] // 2].mean(axis=1) < 0.99
    loud = level > np.percentile(level, 95) - LEVEL_RANGE_DB
    f0 = np.where(periodic & loud, f0, 0.0) * 2 ** (shift / 12)
    aperiodicity[f0 == 0] = 1.0
    copy = pyworld.synthesize(f0, envelope, aperiodicity, SAMPLE_RATE, FRAME_MS)[: len(x)]
    copy = np.pad(copy, (0, len(x) - len(copy))).astype(np.float32)
    return copy, f0[FIRST_FRAME::FRAMES_PER_UNIT][: len(x) // UNIT_HOP]


def choose_files(folders: list[Path], count: int, seed: int) -> list[tuple[str, Path]]:
    """`count` audio files of each folder, found recursively: (folder name, file)."""
    chosen = []
    for folder in folders:
        files = audio_files.find(folder, AUDIO_SUFFIXES).paths
        if not files:
            raise SystemExit(f"{folder}: no audio files")
        picked = random.Random(f"{seed} {folder.name}").sample(files, min(count, len(files)))
        chosen += [(folder.name, path) for path in picked]
    return chosen


def make_material(files: list[tuple[str, Path]]) -> list[dict]:
    """[{speaker, shift, wav [S], truth [N]}]: every file as it is, every second one also down or up."""
    material = []
    for number, (speaker, path) in enumerate(progress.each(files, "copies", unit="file")):
        wav = prepare(path).wav
        for shift in (0, SHIFTS[number // 2 % 2]) if number % 2 else (0,):
            copy, truth = resynthesise(wav, shift)
            material.append({"speaker": speaker, "shift": shift, "wav": copy, "truth": truth})
    return material


def run_tracker(name: str, material: list[dict]) -> tuple[list[tuple], float]:
    """[(F0, evidence, similarity, audible), each [N]] of every item, and the real-time factor."""
    pitch.track(material[0]["wav"], name)  # loads the model and compiles; not counted
    start = time.perf_counter()
    curves = [
        (*pitch.analyse(item["wav"], name), pitch.audible(item["wav"]))
        for item in progress.each(material, name, unit="file")
    ]
    seconds = sum(len(item["wav"]) for item in material) / SAMPLE_RATE
    return curves, (time.perf_counter() - start) / seconds


def figures(name: str, items: list[dict], curves: list[tuple]) -> dict[str, float]:
    """The table's figures over all frames of `items` whose true F0 is unvoiced or inside the search range."""
    truth = np.concatenate([item["truth"] for item in items])
    inner = np.concatenate([_inner(item["truth"] > 0) for item in items])
    f0, evidence, similarity, audible = (np.concatenate(part) for part in zip(*curves, strict=True))
    guess = (voiced_probability(name, evidence, similarity) >= 0.5) & audible
    scored = (truth == 0) | ((truth >= F_MIN) & (truth <= F_MAX))
    own = OWN_THRESHOLD[name]
    alone = np.nan if own is None else metrics.vde(truth[scored], evidence[scored] >= own)
    truth, inner, voiced = truth[scored], inner[scored], guess[scored]
    estimate = np.where(voiced, f0[scored], 0.0)
    return {
        "GPE %": 100 * metrics.gpe(truth, estimate),
        "VDE %": 100 * metrics.vde(truth, estimate),
        "VDE inner %": 100 * metrics.vde(truth[inner], estimate[inner]),
        "VDE alone %": 100 * alone,
        "RPA50 %": 100 * metrics.rpa(truth, estimate, 50.0),
        "RPA20 %": 100 * metrics.rpa(truth, estimate, 20.0),
        "median |cents|": float(np.median(np.abs(metrics.cents(truth, estimate)))),
        "missed %": 100 * ((truth > 0) & ~voiced).mean(),
        "false %": 100 * ((truth == 0) & voiced).mean(),
        "frames": int(len(truth)),
        "voiced %": 100 * (truth > 0).mean(),
    }


def _inner(voiced):
    """[N] bool: no voicing change within EDGE units."""
    change = np.zeros(len(voiced) + 1, dtype=bool)
    change[1:-1] = voiced[1:] != voiced[:-1]
    near = np.zeros(len(voiced), dtype=bool)
    for step in range(EDGE):
        near[: len(voiced) - step] |= change[1 + step :]
        near[step:] |= change[: len(voiced) - step]
    return ~near


def fit_voicing(items: list[dict], curves: list[tuple]) -> tuple[float, float, float]:
    """Weights (evidence, similarity, constant) of the log-odds of voicing, by logistic regression."""
    from sklearn.linear_model import LogisticRegression

    truth = np.concatenate([item["truth"] > 0 for item in items])
    _, evidence, similarity, audible = (np.concatenate(part) for part in zip(*curves, strict=True))
    inputs = np.stack([evidence, similarity], axis=1)[audible]
    model = LogisticRegression().fit(inputs, truth[audible])
    return (*map(float, model.coef_[0]), float(model.intercept_[0]))


def print_table(title: str, rows: dict[str, dict[str, float]]) -> None:
    print(f"\n{title}\n\n| tracker | " + " | ".join(COLUMNS) + " |\n|---|" + "---|" * len(COLUMNS))
    for name, row in rows.items():
        cells = [f"{row[c]:.3f}" if c == "RTF" else f"{row[c]:.2f}" for c in COLUMNS]
        print(f"| {name} | " + " | ".join(cells) + " |")


def select(material: list[dict], curves: list, keep) -> tuple[list, list]:
    pairs = [(item, curve) for item, curve in zip(material, curves, strict=True) if keep(item)]
    return [item for item, _ in pairs], [curve for _, curve in pairs]


def compare(args: argparse.Namespace) -> dict:
    material = make_material(choose_files(args.folders, args.files, args.seed))
    tuning = set(args.tune)
    groups = {"all": lambda item: True}
    for shift in sorted({item["shift"] for item in material}):
        groups[f"{shift:+d} st"] = lambda item, shift=shift: item["shift"] == shift
    results: dict[str, dict] = {group: {} for group in groups}
    if tuning:
        print(f"VOICING fitted on {', '.join(sorted(tuning))}, which the tables leave out:")
    for name in args.trackers:
        curves, rtf = run_tracker(name, material)
        if tuning:
            weights = fit_voicing(*select(material, curves, lambda item: item["speaker"] in tuning))
            print(f"  {name}: " + ", ".join(f"{weight:.2f}" for weight in weights))
        for group, inside in groups.items():
            items, kept = select(material, curves, lambda i, f=inside: i["speaker"] not in tuning and f(i))
            if items:
                results[group][name] = figures(name, items, kept) | {"RTF": rtf}
    return results


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="CORPUS_FOLDER", help="one speaker each")
    parser.add_argument("--files", type=int, default=12, help="files per folder (default %(default)s)")
    parser.add_argument("--tune", nargs="*", default=[], metavar="NAME", help="speakers to fit VOICING on")
    parser.add_argument("--trackers", nargs="+", default=list(TRACKERS), choices=TRACKERS)
    parser.add_argument("--seed", type=int, default=0, help="choice of files (default %(default)s)")
    parser.add_argument("--json", type=Path, help="also write every figure here")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    results = compare(args)
    for group, rows in results.items():
        any_row = next(iter(rows.values()))
        print_table(f"{group}: {any_row['frames']} frames, {any_row['voiced %']:.0f} % voiced", rows)
    if args.json:
        plain = json.dumps(results, indent=1).replace("NaN", "null")  # NaN is no JSON
        write_text(args.json, plain)
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
