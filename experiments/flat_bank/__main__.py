"""A monotone bank follows a melody: ways of training its voice, measured on notes that it does not have.

python -m experiments.flat_bank WAVS/kathleen WAVS/low --real WAVS/high --lines WAVS/new --dataset demo

With --voice, a voice that is there is measured in place of those that would be trained here. Then the one of
content alone, the only one trained, holds out the lines that it does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common import cli


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    given = parser.add_argument_group("what goes in")
    given.add_argument("rich", type=cli.path, help="wavs of a speaker with intonation, to pretrain on")
    given.add_argument("bank", type=cli.path, help="wavs of a bank sung on one note")
    given.add_argument(
        "--real",
        type=cli.path,
        nargs="+",
        required=True,
        help="recordings of the same lines on other notes, a folder each; one row is trained on the first",
    )
    given.add_argument(
        "--lines", type=cli.path, required=True, help="wavs of speech that no model was trained on"
    )
    given.add_argument(
        "--songs",
        type=cli.path,
        default=Path("test/sung_melody.wav"),
        help="sung wavs (default: %(default)s)",
    )
    given.add_argument("--voice", type=cli.voice, help="a voice of the bank, with pitch-shifted copies")
    given.add_argument("--data", type=cli.path, help="with --voice: the data folder that it was trained on")
    given.add_argument("--prompts", type=cli.path, help="CSV (path, prompt), to know the rich voice's takes")
    given.add_argument(
        "--models", action="store_true", help="also with the acoustic models that were not chosen"
    )
    made = parser.add_argument_group("what is made of it")
    made.add_argument("--dataset", required=True, help="encoder: out/<dataset>/hubert-pit and hubert-dyn")
    made.add_argument("--content", type=cli.path, help="content encoder (default: see docs/training.md)")
    made.add_argument("--config", type=cli.path, default=Path("configs/tiny.toml"), help="%(default)s")
    made.add_argument(
        "--name", help="folder below data/, out/ and gen/ (default: flat, with --quick flat-quick)"
    )
    made.add_argument(
        "--jobs", type=int, default=2, help="trainings, or rows measured, at a time (%(default)s)"
    )
    made.add_argument("--quick", action="store_true", help="a few steps: does it run?")
    made.add_argument(
        "--doc", type=cli.path, help="what to write (default: docs/flat-bank.md, with --quick below out/)"
    )
    args = parser.parse_args()
    if bool(args.voice) != bool(args.data):
        parser.error("--voice and --data go together")
    if args.voice and args.models:
        parser.error("--models are trained here, and with --voice they are not")
    return args


def main() -> int:
    args = parse_args()
    from experiments import runs
    from experiments.flat_bank import report, steps

    args = runs.settle(args, "flat", steps.DOCUMENT)
    with runs.clocked(steps.OUT / args.name) as seconds:
        steps.make_voices(args)
        sets = steps.choose_lines(args)
        figures, converted = steps.measure_all(args, sets)
        image = steps.draw(args, sets, converted)
        command = runs.command_line("experiments.flat_bank", sys.argv[1:])
        facts = {**steps.facts(args, sets), "minutes": seconds() / 60}
        report.write(args.doc, image, command, figures, facts)
    print(args.doc)
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
