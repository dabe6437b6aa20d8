"""Why 2022 stayed at "50 % and a little": all recipes trained alike, measured on unseen voices.

python -m experiments.ablation data/corpus --unseen data/unseen --voice data/kathleen --quick
"""

from __future__ import annotations

import argparse
import os
import sys

from common import cli


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    given = parser.add_argument_group("what goes in")
    given.add_argument("data", type=cli.path, help="labelled speech of several people, data/<name>")
    given.add_argument(
        "--unseen", type=cli.path, required=True, help="labelled speech of others, data/<name>"
    )
    given.add_argument("--voice", type=cli.path, required=True, help="voice to convert to, data/<name>")
    given.add_argument("--texts", type=cli.path, help="CSV path,text: the unseen lines to convert")
    made = parser.add_argument_group("what is made of it")
    made.add_argument("--quick", action="store_true", help="ten minutes instead of two hours: does it run?")
    made.add_argument("--seeds", type=int, help="trainings of each label model (default: 3)")
    made.add_argument("--jobs", type=int, default=os.cpu_count(), help="trainings at a time (%(default)s)")
    made.add_argument(
        "--name", help="folder below data/ and out/ (default: ablation, with --quick ablation-quick)"
    )
    made.add_argument(
        "--doc", type=cli.path, help="what to write (default: docs/ablation.md, with --quick below out/)"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from experiments import runs
    from experiments.ablation import conversion, report, scores, steps

    plan = steps.Plan(runs.settle(args, "ablation", steps.DOCUMENT))
    with runs.clocked(plan.out) as seconds:
        steps.make_labels(plan)
        steps.train_heads(plan)
        heads = steps.score_heads(plan)
        bounds = scores.bounds(plan.unseen, plan.base, plan.every)
        steps.train_voices(plan)
        voices = steps.score_voices(plan)
        losses = {row: conversion.mel_l1(plan.out / f"voice {row}") for row in voices}
        command = runs.command_line("experiments.ablation", sys.argv[1:])
        report.write(plan, command, heads, bounds, voices, losses, seconds())
    print(plan.doc)
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
