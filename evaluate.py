"""Measure one conversion, a voice on a folder, label models, layers of a trunk, vocoders, speed; or draw.

python evaluate.py pair test/slt_clear.wav gen/slt_clear_scottpoid.wav --plot gen/pair.png
python evaluate.py voice scottpoid --input test --json gen/plain.json
python evaluate.py voice scottpoid --input test --json gen/auto.json --auto_pitch
python evaluate.py voice --compare gen/plain.json gen/auto.json
python evaluate.py heads demo --data data/unseen
python evaluate.py layers hubert-soft --train data/corpus --data data/unseen --plot layers.png
python evaluate.py vocoder griffin_lim out/demo/hifigan/model-best.pt --input test --given_f0
python evaluate.py bench kathleen --parts start growth
python evaluate.py spectra test/slt_clear.wav gen/slt_clear_scottpoid.wav --plot gen/spectra.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common import cli, progress
from conversion.arguments import add_voice_arguments

GIVEN, MADE = "what goes in", "what comes out"
DEVICE = "cpu, cuda, … (default: cuda where there is one)"
# What Whisper base transcribes, by the codes of its vocabulary
LANGUAGES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi "
    "hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no "
    "oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo "
    "zh"
)
PICTURE = cli.new_file(".png", ".svg", ".pdf")


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    groups = [
        make(parser, commands)
        for make in (add_pair, add_voice, add_heads, add_layers, add_vocoder, add_bench)
    ]
    add_spectra(parser, commands)
    for made in groups:
        made.add_argument("--json", type=cli.new_file(".json"), help="also write the figures to this file")
    args = parser.parse_args()
    if args.command == "voice" and not args.compare:
        absent = [f"--{n}" if n != "vbank" else n for n in ("vbank", "input") if not vars(args)[n]]
        if absent:
            commands.choices["voice"].error(f"needs {', '.join(absent)}, or --compare A B")
    return args


def add_pair(parser: cli.Parser, commands) -> argparse._ArgumentGroup:
    """`pair`; it returns the group of what comes out, as the others do."""
    pair = parser.add_command(commands, "pair", "a recording and its conversion")
    given, made = (pair.add_argument_group(title) for title in (GIVEN, MADE))
    given.add_argument("source", type=cli.path, help="the recording that was converted")
    given.add_argument("converted", type=cli.path, help="what became of it, of the same length")
    given.add_argument("--text", help="what is said in it, for WER and CER")
    add_language(given)
    given.add_argument(
        "--reference", type=cli.path, help="the same sentence spoken by the target, for the MCD"
    )
    add_target(given)
    made.add_argument("--plot", type=PICTURE, help="also draw spectrograms, F0 and loudness to this file")
    return made


def add_voice(parser: cli.Parser, commands) -> argparse._ArgumentGroup:
    voice = parser.add_command(commands, "voice", "convert a folder with a voice, and measure")
    given, made = (voice.add_argument_group(title) for title in (GIVEN, MADE))
    given.add_argument("vbank", nargs="?", type=cli.voice_or_file, help="voice, as for infer.py")
    add_voice_arguments(voice)
    given.add_argument("--input", type=cli.path, help="an audio file, or a folder (with all below)")
    add_texts(given)
    add_target(given)
    given.add_argument(
        "--compare",
        type=cli.path,
        nargs=2,
        metavar=("A", "B"),
        help="convert nothing: differences B - A of two files that --json wrote",
    )
    made.add_argument(
        "--out_path", type=cli.path, default=Path("gen"), help="folder for wavs (default: %(default)s)"
    )
    made.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: %(default)s)")
    return made


def add_heads(parser: cli.Parser, commands) -> argparse._ArgumentGroup:
    heads = parser.add_command(commands, "heads", "pitch and dynamics models on labelled recordings")
    given, made = (heads.add_argument_group(title) for title in (GIVEN, MADE))
    given.add_argument("dataset", type=cli.voice, help="encoder: out/<dataset>/hubert-pit and hubert-dyn")
    add_data(given)
    given.add_argument(
        "--floor", type=cli.path, help="data folder whose most frequent classes are the floor (--data)"
    )
    given.add_argument("--content", type=cli.path, help="content encoder (default: the one trained with)")
    given.add_argument("--config", type=cli.path, help="preset (default: configs/base.toml)")
    return made


def add_layers(parser: cli.Parser, commands) -> argparse._ArgumentGroup:
    layers = parser.add_command(commands, "layers", "what each layer of a trunk knows of pitch and loudness")
    given, made = (layers.add_argument_group(title) for title in (GIVEN, MADE))
    given.add_argument("trunk", help="a HuBERT checkpoint, or hubert-soft or hubert-discrete (official)")
    given.add_argument("--train", type=cli.path, required=True, help="data folder to train the probes on")
    add_data(given)
    given.add_argument("--files", type=int, default=300, help="training recordings (default: %(default)s)")
    given.add_argument("--steps", type=int, default=600, help="of each probe (default: %(default)s)")
    made.add_argument("--plot", type=PICTURE, help="also draw the table to this file")
    return made


def add_vocoder(parser: cli.Parser, commands) -> argparse._ArgumentGroup:
    vocoder = parser.add_command(
        commands, "vocoder", "recordings through mel and vocoder, against themselves"
    )
    given, made = (vocoder.add_argument_group(title) for title in (GIVEN, MADE))
    given.add_argument("vocoders", nargs="+", help="files, official, or griffin_lim")
    given.add_argument("--input", type=cli.path, required=True, help="an audio file, or a folder")
    add_texts(given)
    given.add_argument("--config", type=cli.path, help="preset, for the level of mels")
    given.add_argument(
        "--given_f0",
        "--tell_pitch",
        action="store_true",
        help="measure vocoders that are conditioned on F0 again with the F0 of the labels' tracker, as in a "
        "conversion",
    )
    given.add_argument(
        "--wide",
        action="store_true",
        help="measure what vocoders of more than 16 kHz draw above 8 kHz instead: spectral distance and "
        "levels, within each recording's bandwidth",
    )
    given.add_argument("--device", help=DEVICE)
    return made


def add_bench(parser: cli.Parser, commands) -> argparse._ArgumentGroup:
    about = "time and memory of conversions, preprocessing, trainings"
    bench = parser.add_command(commands, "bench", about)
    given, made = (bench.add_argument_group(title) for title in (GIVEN, MADE))
    given.add_argument("vbank", type=cli.voice, help="voice: out/<vbank>/acoustic/model-best.pt")
    given.add_argument("--dataset", type=cli.voice, help="encoders out/<dataset> (default: the voice's own)")
    parts = ("start", "stages", "stream", "folder", "growth", "preprocess", "train")
    given.add_argument("--parts", nargs="+", choices=parts, default=parts, help="default: all")
    sizes = ("shipped", "official", "one_trunk_hifigan", "one_trunk")
    given.add_argument("--sizes", nargs="+", choices=sizes, default=sizes, help="of the stages' models")
    given.add_argument("--seconds", nargs="+", type=float, default=[10, 60], help="default: 10 60")
    given.add_argument("--growth", nargs="+", type=float, default=[10, 60, 600, 3600], help="in seconds")
    given.add_argument(
        "--growth_sizes", nargs="+", choices=sizes, default=["shipped"], help="models it is of"
    )
    given.add_argument(
        "--material", nargs="+", type=float, default=[600, 3600], help="seconds to preprocess (600 3600)"
    )
    given.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="default: 1 2")
    given.add_argument("--amp", choices=("auto", "off"), default="auto", help="as for infer.py (auto)")
    given.add_argument("--rounds", type=int, default=3, help="of each measurement (default: %(default)s)")
    given.add_argument(
        "--reference", type=cli.path, help="Python file of a plain chain, such as tests/plain_chain.py"
    )
    return made


def add_spectra(parser: cli.Parser, commands) -> None:
    """`spectra`, which measures nothing."""
    spectra = parser.add_command(
        commands, "spectra", "a picture of sounds, one below the other, up to 20 kHz"
    )
    given, made = (spectra.add_argument_group(title) for title in (GIVEN, MADE))
    given.add_argument("sounds", nargs="+", type=cli.path, help="audio files, each at its own rate")
    made.add_argument("--plot", type=PICTURE, required=True, help="the picture")


def add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data", type=cli.path, required=True, help="data folder, made by preprocess.py --pitdyn"
    )
    group.add_argument("--device", help=DEVICE)


def add_texts(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--texts", type=cli.path, help="CSV with columns path and text, matched by file name, for the WER"
    )
    add_language(group)


def add_language(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--language",
        choices=LANGUAGES.split(),
        default="en",
        metavar="CODE",
        help="of the text: de, ja, zh … (default: %(default)s)",
    )


def add_target(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--target_dir", type=cli.path, help="recordings of the target, for the speaker similarity"
    )


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
    for name in ("data", "train", "floor"):
        if getattr(args, name, None):
            places.require_data(getattr(args, name))
    for name in ("json", "plot"):
        written = getattr(args, name, None)  # an old Python, which is to say that it is old, knows no :=
        if written:
            require_writable(written.parent)


def main() -> int:
    args = parse_args()
    refuse_early(args)
    progress.say(f"loading what {args.command} needs ...")
    from evaluation.commands import COMMANDS

    return COMMANDS[args.command](args)


if __name__ == "__main__":
    sys.exit(cli.run(main))
