"""Make labels, mels or units from a folder of wavs, into data/<name>/.

python preprocess.py databaker --wavs BZNSYP/Wave --pitdyn
python preprocess.py hana --wavs hana.zip --mel --config configs/tiny.toml --augment_pitch 20
python preprocess.py hana --encode demo --config configs/tiny.toml
python preprocess.py hana --show_qt --count 8
"""

from __future__ import annotations

import argparse
import os
import sys

from common import cli

MOVED_HZ = 50, 1100  # what pitch models know, and so the most that copies reach
MOST_MOVED = 60  # semitones or dB of pitch-shifted copies; more is a typing error


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument(
        "name", type=cli.voice, help="data set or voice bank; everything goes to data/<name>/"
    )
    given = parser.add_argument_group("what goes in")
    given.add_argument(
        "--wavs", type=cli.path, help="folder of recordings, or a voice bank's zip; needed the first time"
    )
    given.add_argument(
        "--keep_noises", action="store_true", help="with --wavs: take a bank's breaths and noises, too"
    )
    making = parser.add_argument_group("what is made: one of the first five")
    verb = making.add_mutually_exclusive_group(required=True)
    verb.add_argument("--pitdyn", action="store_true", help="pitch and loudness classes, to pits/ and dyns/")
    verb.add_argument("--mel", action="store_true", help="log-mels, to mels/")
    verb.add_argument(
        "--encode", type=cli.voice, metavar="DATASET", help="units of DATASET's encoder, to units-pitdyn/"
    )
    verb.add_argument("--discrete", action="store_true", help="k-means content classes, to units-discrete/")
    verb.add_argument("--show_qt", action="store_true", help="draw labels over spectrograms, to show_qt/")
    making.add_argument(
        "--config", type=cli.path, help="preset (default: that of the encoders, else configs/base.toml)"
    )
    making.add_argument("--force", action="store_true", help="redo what is there already, from the wavs on")
    speed = parser.add_argument_group("speed")
    speed.add_argument(
        "--n_workers",
        type=cli.at_least(1),
        default=os.cpu_count() or 1,
        help="processes (default: all cores)",
    )
    speed.add_argument(
        "--scheduler", metavar="ADDRESS", help="hand the files to a Dask cluster: see docs/training.md"
    )
    speed.add_argument("--device", help="for --encode and layer features: cpu, cuda, …")
    add_split_arguments(parser)
    add_making_arguments(parser)
    return parser.parse_args()


def add_split_arguments(parser: argparse.ArgumentParser) -> None:
    """What split.json is made by."""
    split = parser.add_argument_group(
        "split.json (train, val, test; whole prompts on one side); once made it stays, new wavs join it"
    )
    split.add_argument("--seed", type=cli.at_least(0, 2**32 - 1), help="of split and k-means (default: 1234)")
    split.add_argument("--val_share", type=fraction, help="fraction of the prompts (default: 0.05)")
    split.add_argument(
        "--test_share", type=fraction, help="fraction of the prompts never trained on (default: 0)"
    )
    split.add_argument(
        "--prompts", type=cli.path, help="CSV with columns path and prompt, to know takes of one prompt"
    )


def add_making_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of one or two verbs each."""
    encode = parser.add_argument_group("--encode and --discrete")
    encode.add_argument(
        "--encode_with",
        choices=("hubert", "tracker", "none"),
        default="hubert",
        help="source of pitch and loudness: the trained models, an F0 tracker, or none, as in Soft-VC "
        "(default: %(default)s)",
    )
    encode.add_argument("--content", type=cli.path, help="content encoder (default: see docs/training.md)")
    encode.add_argument(
        "--features", default="mfcc", help="mfcc, CHECKPOINT:LAYER, or a folder of 50 Hz .npy"
    )
    encode.add_argument(
        "--clusters", type=cli.at_least(1), default=100, help="k-means classes (default: %(default)s)"
    )
    encode.add_argument(
        "--fit_frames",
        type=cli.at_least(1),
        default=200_000,
        help="frames that k-means is fitted to (%(default)s)",
    )
    moved = parser.add_argument_group(
        "pitch-shifted copies of the training recordings, with --mel or --encode; for monotone voice banks"
    )
    moved.add_argument(
        "--augment_pitch",
        type=reach,
        metavar="ST",
        help="pitch shifted within ± so many semitones, or LOW-HIGH: to anywhere between so many Hz",
    )
    moved.add_argument(
        "--augment_gain", type=plus_minus, metavar="DB", help="loudness changed within ± so many dB"
    )
    moved.add_argument(
        "--augment_copies", type=cli.at_least(1), metavar="N", help="of each recording (default: 4)"
    )
    show = parser.add_argument_group("--show_qt")
    show.add_argument(
        "--count", type=cli.at_least(1), default=4, help="how many files to draw (default: %(default)s)"
    )
    show.add_argument("--window", action="store_true", help="open the pictures in a window too")


def plus_minus(text: str) -> float:
    """argparse type: 12 or ±12."""
    value = float(text.lstrip("±"))
    if not 0 <= value <= MOST_MOVED:
        raise argparse.ArgumentTypeError(f"expected 0 to {MOST_MOVED}, found {text}")
    return value


def reach(text: str) -> float | tuple[float, float]:
    """argparse type: 12 or ±12 semitones, or 50-1050 Hz."""
    low, dash, high = text.partition("-")
    if not (low and dash):
        return plus_minus(text)
    lowest, highest = MOVED_HZ
    if not lowest <= float(low) < float(high) <= highest:
        raise argparse.ArgumentTypeError(f"expected LOW-HIGH from {lowest} to {highest} Hz, found {text}")
    return float(low), float(high)


def fraction(text: str) -> float:
    """argparse type: from 0 to below 1."""
    if not 0 <= float(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 0 or more and less than 1, found {text}")
    return float(text)


def main() -> int:
    args = parse_args()
    from preprocessing.steps import preprocess

    return preprocess(args)


if __name__ == "__main__":
    sys.exit(cli.run(main))
