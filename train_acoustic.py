"""Train the acoustic model of one voice: units [N, 768] -> log-mel [2N, 128].

python train_acoustic.py data/databaker out/databaker/acoustic
python train_acoustic.py data/hana out/hana/acoustic --resume out/kathleen/acoustic/model-best.pt --refine
python train_acoustic.py data/hana out/hana/acoustic --resume out/hana/acoustic/model-600.pt --steps 1200
python train_acoustic.py data/hana out/hana/acoustic --resume out/kathleen/acoustic/model-best.pt --refine \\
    --beside data/kathleen
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from common import cli, progress
from training.arguments import add_training_arguments


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    add_training_arguments(parser)
    model = parser.add_argument_group("model")
    model.add_argument(
        "--refine",
        action="store_true",
        help="with --resume: take its weights alone and train them on this voice, for the preset's "
        "refine_steps at its refine_lr; an interrupted refinement is resumed without it",
    )
    model.add_argument(
        "--any_encoder",
        action="store_true",
        help="with --refine: also when that voice was trained with other encoders, such as an older content "
        "encoder (of units of the same size)",
    )
    model.add_argument(
        "--beside",
        type=cli.path,
        metavar="FOLDER",
        help="with --refine: data/<name> with units of any speech, such as that of the voice to start from; "
        "on it phones are kept that the bank's language lacks",
    )
    args = parser.parse_args()
    if args.refine and not args.resume:
        parser.error("--refine needs --resume FILE, the voice to start from")
    if args.any_encoder and not args.refine:
        parser.error("--any_encoder goes with --refine; a resumed run keeps its encoders")
    if args.beside and not args.resume:
        parser.error("--beside goes with --refine: what is kept is what the voice to start from knows")
    return args


def main() -> int:
    args = parse_args()
    progress.say(f"loading {args.data} ...")
    from training.acoustic import build, train_step, validate
    from training.continuation import choose_preset
    from training.run import start
    from training.trainer import Trainer

    run = start(args, "acoustic", *choose_preset(args, ("encode",)))
    model, describe, task = build(args, run)
    trainer = Trainer(run, model, describe, trained=task.beside and task.beside.with_other(model))
    if args.resume and not args.refine:
        trainer.resume(args.resume)
    trainer.fit(task.train_set, partial(train_step, task), partial(validate, task))
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
