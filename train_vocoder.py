"""Train a vocoder, log-mel [128, 2N] -> wav [320N], on recordings or on an acoustic model's mels of them.

    python train_vocoder.py data/databaker out/databaker/hifigan
    python train_vocoder.py data/hana out/hana/hifigan --warmstart out/demo/hifigan/model-best.pt \\
        --finetune out/hana/acoustic/model-best.pt
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
        "--warmstart", type=cli.path, help="vocoder to start from, an official file or one of ours"
    )
    model.add_argument(
        "--finetune",
        type=cli.path,
        metavar="ACOUSTIC",
        help="acoustic model of the voice whose data this is: learn from its mels too, with their faults, "
        "for the preset's refine_steps at its refine_lr",
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    progress.say(f"loading {args.data} ...")
    from training.adversarial import AdversarialTrainer
    from training.continuation import choose_preset
    from training.run import start
    from training.vocoder import WithPitchLoss, build, step_of, validate

    verbs = ("encode",) if args.finetune else ("pitdyn", "mel")
    run = start(args, "vocoder", *choose_preset(args, verbs))
    model, discriminators, describe, task = build(args, run)
    trainer = AdversarialTrainer(run, model, discriminators, describe, wrap=WithPitchLoss)
    if args.resume:
        trainer.resume(args.resume)
    trainer.fit(task.train_set, step_of(task), partial(validate, task))
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
