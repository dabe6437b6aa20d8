"""The arguments that all train scripts have."""

from __future__ import annotations

import argparse

from common.cli import at_least, path


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments all train scripts have."""
    parser.add_argument("data", type=path, help="preprocessed folder, data/<name>")
    parser.add_argument("out", type=path, help="folder for checkpoints and logs, out/<name>/<model>")
    run = parser.add_argument_group("run")
    run.add_argument("--config", type=path, help="preset (default: that of --resume or of the data)")
    run.add_argument("--resume", type=path, help="checkpoint to resume, exactly")
    run.add_argument(
        "--overwrite",
        action="store_true",
        help="train anew where a trained model lies already; it is replaced at the first validation",
    )
    run.add_argument("--steps", type=at_least(1), help="optimizer steps in all (default: the preset's)")
    run.add_argument("--seed", type=int, help="(default: 1234, or that of the run resumed)")
    run.add_argument("--keep", type=at_least(0), help="how many model-<step>.pt to keep")
    speed = parser.add_argument_group("speed and memory")
    speed.add_argument("--batch_size", type=at_least(1), help="utterances a step, over all processes")
    speed.add_argument(
        "--micro_batch",
        type=at_least(1),
        help="utterances computed at once, to save memory (default: the preset's)",
    )
    speed.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: cuda or mps where there is one)")
    speed.add_argument("--amp", choices=("auto", "off", "bf16", "fp16"), default="auto", help="%(default)s")
    speed.add_argument(
        "--num_workers", type=at_least(0), help="loader processes (default: 0, on a GPU up to 8)"
    )
