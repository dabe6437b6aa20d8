"""Measure: one conversion, a voice on a folder, label models, the layers of a trunk, vocoders, or speed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common import cli
from conversion.arguments import add_voice_arguments

PICTURE = cli.new_file(".png", ".svg", ".pdf")


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    pair = commands.add_parser("pair", help="a recording and its conversion")
    pair.add_argument("source", type=cli.path, help="the recording that was converted")
    pair.add_argument("converted", type=cli.path, help="what became of it, of the same length")
    pair.add_argument("--text", help="what is said in it (English), for WER and CER")
    pair.add_argument(
        "--reference", type=cli.path, help="the same sentence spoken by the target, for the MCD"
    )
    pair.add_argument(
        "--plot",
        type=PICTURE,
        help="also draw spectrograms, F0 and loudness to this file",
    )
    voice = commands.add_parser("voice", help="convert a folder with a voice, and measure")
    voice.add_argument("vbank", nargs="?", type=cli.voice_or_file, help="voice, as for infer.py")
    add_voice_arguments(voice)
    voice.add_argument("--input", type=cli.path, help="an audio file, or a folder (with all below)")
    voice.add_argument(
        "--out_path", type=cli.path, default=Path("gen"), help="folder for wavs (default: %(default)s)"
    )
    voice.add_argument(
        "--compare",
        type=cli.path,
        nargs=2,
        metavar=("A", "B"),
        help="convert nothing: differences B - A of two files that --json wrote",
    )
    voice.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: %(default)s)")
    heads = commands.add_parser("heads", help="pitch and dynamics models on labelled recordings")
    heads.add_argument("dataset", type=cli.voice, help="encoder: out/<dataset>/hubert-pit and hubert-dyn")
    heads.add_argument(
        "--floor", type=cli.path, help="data folder whose most frequent classes are the floor (--data)"
    )
    heads.add_argument("--content", type=cli.path, help="content encoder (default: the one trained with)")
    heads.add_argument("--config", type=cli.path, help="preset (default: configs/base.toml)")
    layers = commands.add_parser("layers", help="what each layer of a trunk knows of pitch and loudness")
    layers.add_argument("trunk", help="a HuBERT checkpoint, or hubert-soft or hubert-discrete (official)")
    layers.add_argument("--train", type=cli.path, required=True, help="data folder to train the probes on")
    layers.add_argument("--files", type=int, default=300, help="training recordings (default: %(default)s)")
    layers.add_argument("--steps", type=int, default=600, help="of each probe (default: %(default)s)")
    layers.add_argument("--plot", type=PICTURE, help="also draw the table to this file")
    vocoder = commands.add_parser("vocoder", help="recordings through mel and vocoder, against themselves")
    vocoder.add_argument("vocoders", nargs="+", help="files, official, or griffin_lim")
    vocoder.add_argument("--input", type=cli.path, required=True, help="an audio file, or a folder")
    vocoder.add_argument("--config", type=cli.path, help="preset, for the level of mels")
    vocoder.add_argument(
        "--given_f0",
        "--tell_pitch",
        action="store_true",
        help="measure vocoders that are conditioned on F0 again with the F0 of the labels' tracker, as in a "
        "conversion",
    )
    vocoder.add_argument("--device", help="cpu, cuda, … (default: cuda where there is one)")
    bench = commands.add_parser("bench", help="time and memory of conversions, preprocessing, trainings")
    bench.add_argument("vbank", type=cli.voice, help="voice: out/<vbank>/acoustic/model-best.pt")
    parts = ("start", "stages", "folder", "growth", "preprocess", "train")
    bench.add_argument("--parts", nargs="+", choices=parts, default=parts, help="default: all")
    sizes = ("shipped", "official")
    bench.add_argument("--sizes", nargs="+", choices=sizes, default=sizes, help="of the stages' models")
    bench.add_argument("--seconds", nargs="+", type=float, default=[10, 60], help="default: 10 60")
    bench.add_argument("--growth", nargs="+", type=float, default=[10, 60, 600, 3600], help="in seconds")
    bench.add_argument(
        "--material", nargs="+", type=float, default=[600, 3600], help="seconds to preprocess (600 3600)"
    )
    bench.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="default: 1 2")
    bench.add_argument("--rounds", type=int, default=3, help="of each measurement (default: %(default)s)")
    bench.add_argument(
        "--reference", type=cli.path, help="Python file of a plain chain, such as tests/plain_chain.py"
    )
    for command in (heads, layers):
        command.add_argument(
            "--data", type=cli.path, required=True, help="data folder, made by preprocess.py --pitdyn"
        )
        command.add_argument("--device", help="cpu, cuda, … (default: cuda where there is one)")
    for command in (voice, vocoder):
        command.add_argument(
            "--texts", type=cli.path, help="CSV with columns path and text, matched by file name, for the WER"
        )
    for command in (pair, voice, heads, layers, vocoder, bench):
        command.add_argument("--json", type=cli.new_file(".json"), help="also write the figures to this file")
    for command in (pair, voice):
        command.add_argument(
            "--target_dir", type=cli.path, help="recordings of the target, for the speaker similarity"
        )
    args = parser.parse_args()
    if args.command == "voice" and not args.compare:
        absent = [f"--{n}" if n != "vbank" else n for n in ("vbank", "input") if not vars(args)[n]]
        if absent:
            voice.error(f"needs {', '.join(absent)}, or --compare A B")
    return args


def refuse_early(args: argparse.Namespace) -> None:
    """What is wrong with names and places is said before torch is loaded, and before hours of measuring."""
    from checkpoints import places
    from common.files import require_writable

    if args.command == "bench":
        places.acoustic_path(args.vbank)
    if args.command == "voice" and not args.compare:
        places.voice_path(args.vbank)
        require_writable(args.out_path)
    if getattr(args, "dataset", None):
        places.require_dataset(args.dataset)
    for written in (args.json, getattr(args, "plot", None)):
        if written:
            require_writable(written.parent)


def main() -> int:
    args = parse_args()
    refuse_early(args)
    from evaluation.commands import COMMANDS

    return COMMANDS[args.command](args)


if __name__ == "__main__":
    sys.exit(cli.run(main))
