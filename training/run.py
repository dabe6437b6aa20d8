"""One training run: settings, device, processes, logs; what several processes do in turn."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from common import devices
from common.cli import UserError
from common.presets import DEFAULT, load_config
from training import interrupts
from training.run_folder import Claim, claim
from training.settings import settings_of


@dataclass
class Run:
    """One training run: settings, where it runs, where it writes. Only rank 0 has a writer and a claim."""

    config: dict[str, Any]
    settings: Any  # of training.settings
    data: Path
    out: Path
    device: torch.device
    amp: torch.dtype | None
    seed: int
    num_workers: int
    rank: int
    world: int
    logger: logging.Logger
    writer: Any
    claim: Claim | None = None

    def log_figure(self, name: str, figure, step: int) -> None:
        """Add a matplotlib figure to TensorBoard and close it."""
        self.writer.add_figure(name, figure, step, close=True)


def start(args: argparse.Namespace, section: str, config: dict | None = None) -> Run:
    """Settings of [train.<section>] with the command line's on top, processes, seeds, log file, TensorBoard.

    Raises UserError for a preset with unknown or missing keys in [train], and as `run_folder.claim` does.
    """
    config = config or load_config(args.config)
    given = {k: getattr(args, k) for k in ("steps", "batch_size", "keep") if getattr(args, k) is not None}
    settings = settings_of(config, section, args.config or DEFAULT, **given)
    resumed = None if getattr(args, "refine", False) else args.resume
    held = claim(args.out, resumed, args.overwrite) if int(os.environ.get("RANK", 0)) == 0 else None
    rank, world = _start_processes(args.device)
    device = devices.choose_device(args.device)
    if device.type == "cpu":
        devices.keep_freed_memory()
    torch.manual_seed(args.seed)
    logger, writer = _start_logs(args.out, rank)
    amp = devices.choose_amp(args.amp, device)
    run = Run(
        config,
        settings,
        args.data,
        args.out,
        device,
        amp,
        args.seed,
        args.num_workers,
        rank,
        world,
        logger,
        writer,
        held,
    )
    logger.info(f"{section}: {args.data} -> {args.out}, {settings.steps} steps of {settings.batch_size}")
    logger.info(
        f"torch {torch.__version__}, {device}, amp {amp or 'off'}, {world} process(es), seed {args.seed}"
    )
    return run


def model_of(model: type[nn.Module], sizes: dict[str, Any], preset: Path | None) -> nn.Module:
    """A model of a preset's sizes. UserError naming the preset where these do not go together."""
    try:
        return model(**sizes)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise UserError(
            f"{preset or DEFAULT}: sizes that {model.__name__} does not take ({error})"
        ) from error


def _start_processes(device: str | None) -> tuple[int, int]:
    """Rank and count as torchrun set them; joins the process group when there are several."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if world > 1 and not dist.is_initialized():
        on_gpu = devices.choose_device(device).type == "cuda"
        dist.init_process_group("nccl" if on_gpu else "gloo")
        if rank > 0:  # Ctrl-C reaches all; the first, which saves, is to end its step, and needs the others
            for number in interrupts.SIGNALS:
                signal.signal(number, signal.SIG_IGN)
    return rank, world


def _start_logs(out: Path, rank: int):
    logger = logging.getLogger(f"train.{out}")
    logger.handlers.clear()
    logger.propagate = False
    if rank > 0:
        logger.addHandler(logging.NullHandler())
        return logger, None
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  slow to load, and rank 0 alone needs it

    logs = out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    logger.setLevel(logging.INFO)
    form = logging.Formatter("%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    for handler in (logging.FileHandler(logs / f"{out.name}.log", encoding="utf-8"), logging.StreamHandler()):
        handler.setFormatter(form)
        logger.addHandler(handler)
    return logger, SummaryWriter(logs)


@contextmanager
def rank_zero_first(run: Run) -> Iterator[None]:
    """The first process does the block alone; the others do it after, and find its files made."""
    if run.world > 1 and run.rank > 0:
        dist.barrier()
    yield
    if run.world > 1 and run.rank == 0:
        dist.barrier()


def mean_over(total: Tensor, count: Tensor) -> Tensor:
    """total / count over the batches of all processes, scaled so that DDP's averaging gives that mean."""
    count = count.detach().float()
    world = 1
    if dist.is_initialized():
        dist.all_reduce(count)
        world = dist.get_world_size()
    return total * world / count.clamp(min=1)


def to_device(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Tensors of a batch, nested dicts too, on the device."""
    return {
        k: to_device(v, device) if isinstance(v, dict) else v.to(device) if isinstance(v, Tensor) else v
        for k, v in batch.items()
    }
