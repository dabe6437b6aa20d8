"""Train a HuBERT on label classes: pitch (pits), loudness (dyns) or discrete content units (units).

python train_hubert.py --embds_dn pits data/databaker out/databaker/hubert-pit
python train_hubert.py --embds_dn dyns data/databaker out/databaker/hubert-dyn --trunk pits
python train_hubert.py --embds_dn units data/corpus out/corpus/hubert-soft --config configs/tiny.toml
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from common import cli, progress
from training.arguments import add_training_arguments


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument(
        "--embds_dn", choices=("pits", "dyns", "units"), required=True, help="labels to learn"
    )
    add_training_arguments(parser)
    model = parser.add_argument_group("model")
    model.add_argument(
        "--trunk",
        choices=("finetune", "frozen", "pits"),
        help="finetune: a whole HuBERT for these labels; frozen: a light head on the content encoder, "
        "cheap to train and to run; pits: one on the dataset's pitch model (default: the preset's)",
    )
    model.add_argument(
        "--content", type=cli.path, help="model to freeze, or the content encoder to start from"
    )
    model.add_argument(
        "--warmstart",
        type=cli.path,
        help="HuBERT to start from, an official file or one of ours; of a head the vectors of its classes",
    )
    model.add_argument(
        "--mask", action=argparse.BooleanOptionalAction, help="hide random spans while training"
    )
    model.add_argument("--alpha", type=float, help="with --mask: weight of the loss on hidden frames, 0 to 1")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    progress.say(f"loading {args.data} ...")
    from training.continuation import choose_preset
    from training.hubert import build, section_of, train_step, validate
    from training.run import start
    from training.trainer import Trainer

    config, preset = choose_preset(args, ("discrete",) if args.embds_dn == "units" else ("pitdyn",))
    run = start(args, section_of(args, config), config, preset)
    model, describe, task = build(args, run)
    trainer = Trainer(run, model, describe)
    if args.resume:
        trainer.resume(args.resume)
    trainer.fit(task.train_set, partial(train_step, task), partial(validate, task))
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
