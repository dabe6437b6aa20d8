"""A monotone bank follows a melody: ways of training its voice, measured on notes that it does not have."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common import cli


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(description=__doc__)
    parser.add_argument("rich", type=cli.path, help="wavs of a speaker with intonation, to pretrain on")
    parser.add_argument("bank", type=cli.path, help="wavs of a bank sung on one note")
    parser.add_argument("--real", type=cli.path, required=True, help="the same lines sung on another note")
    parser.add_argument(
        "--lines", type=cli.path, required=True, help="wavs of speech that no model was trained on"
    )
    parser.add_argument(
        "--songs",
        type=cli.path,
        default=Path("test/sung_melody.wav"),
        help="sung wavs (default: %(default)s)",
    )
    parser.add_argument("--prompts", type=cli.path, help="CSV (path, prompt), to know the rich voice's takes")
    parser.add_argument(
        "--models", action="store_true", help="also with the acoustic models that were not chosen"
    )
    parser.add_argument("--dataset", required=True, help="encoder: out/<dataset>/hubert-pit and hubert-dyn")
    parser.add_argument("--content", type=cli.path, help="content encoder (default: see docs/training.md)")
    parser.add_argument("--config", type=cli.path, default=Path("configs/tiny.toml"), help="%(default)s")
    parser.add_argument(
        "--name", help="folder below data/, out/ and gen/ (default: flat, with --quick flat-quick)"
    )
    parser.add_argument(
        "--jobs", type=int, default=2, help="trainings, or rows measured, at a time (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="a few steps: does it run?")
    parser.add_argument(
        "--doc", type=cli.path, help="what to write (default: docs/flat-bank.md, with --quick below out/)"
    )
    return parser.parse_args()


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
