"""One training run: settings, device, processes, logs; what several processes do in turn."""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from checkpoints import places
from common import devices, progress
from common.cli import UserError
from common.presets import DEFAULT, load_config
from hubert_pitdyn import plots
from training import board, continuation, interrupts
from training.run_folder import Claim, claim
from training.settings import refining, settings_of

PATIENCE = timedelta(hours=6)  # for which processes wait while the first validates or caches features


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
    preset: str = ""  # name of the config, for messages
    compared: bool = False  # whether TensorBoard has its settings beside its metrics

    def log_metrics(self, part: str, step: int, metrics: dict[str, float], more: str = "") -> str:
        """Metrics of "train" or "valid" to the log and TensorBoard; the loss in words.

        UserError where there is no loss: all since the last line were NaN, and the weights are lost.
        """
        if "loss" not in metrics:
            raise UserError(
                f"{self.out}: loss became NaN before step {step}; train again with a lower lr or max_norm in "
                "the preset"
            )
        if self.rank > 0:
            return ""
        for name, value in metrics.items():
            self.writer.add_scalar(f"{part}/{name}", value, step)
        if part == "valid" and not self.compared:
            board.compare(self, metrics)
            self.compared = True
        shown = ", ".join(f"{k} {v:.4g}" for k, v in metrics.items())
        self.logger.info(f"{part} {step}: {shown}{more}")
        return f"loss {metrics['loss']:.4f}"

    def parallel(self, module: nn.Module) -> nn.Module:
        """A module whose gradients are those of all processes."""
        if self.world == 1:
            return module
        ids = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=ids)

    def log_figure(self, name: str, figure, step: int) -> None:
        """Add a matplotlib figure to TensorBoard and close it."""
        with plots.fonts(figure):
            self.writer.add_figure(name, figure, step, close=True)


def start(args: argparse.Namespace, section: str, config: dict | None = None, preset: str = "") -> Run:
    """Settings of [train.<section>] with the command line's on top, processes, seeds, log file, TensorBoard.

    preset: name of the config, for messages. A run resumed has the settings and the seed of its checkpoint.
    Raises UserError for a preset with unknown or missing keys in [train], for options of another run, and as
    `run_folder.claim` does.
    """
    places.require_data(args.data)
    config = config or load_config(args.config)
    preset = preset or str(args.config or DEFAULT)
    settings, seed, amp, lines = _settings(args, section, config, preset)
    resumed = args.resume if continuation.is_resumed(args) else None
    held = claim(args.out, resumed, args.overwrite) if int(os.environ.get("RANK", 0)) == 0 else None
    device = devices.choose_device(args.device)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # what a library makes without asking lies there too
    rank, world = _start_processes(device, args.device)
    if device.type == "cpu":
        devices.keep_freed_memory()
    torch.manual_seed(seed)
    logger, writer = _start_logs(args.out, rank)
    amp = devices.choose_amp(amp, device)
    run = Run(
        config,
        settings,
        args.data,
        args.out,
        device,
        amp,
        seed,
        devices.choose_workers(args.num_workers, device, world),
        rank,
        world,
        logger,
        writer,
        held,
        preset,
    )
    logger.info(f"{section}: {args.data} -> {args.out}, {settings.steps} steps of {settings.batch_size}")
    logger.info(f"preset {preset}")
    if writer:
        board.describe(run)
    logger.info(f"torch {torch.__version__}, {device}, amp {amp or 'off'}, {world} process(es), seed {seed}")
    for line in lines:
        logger.warning(f"{args.resume}: {line}")
    return run


def model_of(model: type[nn.Module], sizes: dict[str, Any], preset: str) -> nn.Module:
    """A model of a preset's sizes. UserError naming the preset where these do not go together."""
    try:
        return model(**sizes)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise UserError(f"{preset}: sizes that {model.__name__} does not take ({error})") from error


def _settings(
    args: argparse.Namespace, section: str, config: dict, preset: str
) -> tuple[Any, int, str, list[str]]:
    """Settings, seed, --amp, and lines on what differs from the run resumed."""
    names = ("steps", "batch_size", "micro_batch", "keep")
    given = {name: getattr(args, name) for name in names if getattr(args, name, None) is not None}
    settings = settings_of(config, section, preset, **given)
    refines = getattr(args, "refine", False) or getattr(args, "finetune", None)
    if refines:
        settings = refining(settings, given.get("steps"))
    if section == "vocoder" and (refines or getattr(args, "warmstart", None)):
        settings = replace(settings, adversarial_after=settings.adversarial_after_warmstart)
    stored, lines = continuation.stored_run(args), []
    seed, amp = continuation.SEED if args.seed is None else args.seed, args.amp
    if "settings" in stored:
        settings, lines = continuation.continued(args, settings, stored)
        seed = stored["seed"]
        amp = stored["amp"] if amp == "auto" else amp
        if amp != stored["amp"]:
            lines.append(f"amp {amp} instead of {stored['amp']}")
    return settings, seed, amp, lines


def _start_processes(device: torch.device, asked: str | None) -> tuple[int, int]:
    """Rank and count as torchrun set them; joins the process group when there are several."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if world > 1 and not dist.is_initialized():
        on_gpu = device.type == "cuda"
        if on_gpu and (asked or "").startswith("cuda:"):
            raise UserError(
                f"--device {asked}: all {world} processes would share that GPU; give --device cuda, and each "
                "has its own"
            )
        more: dict[str, Any] = {"timeout": PATIENCE}
        if on_gpu and "device_id" in inspect.signature(dist.init_process_group).parameters:
            more["device_id"] = device  # else a barrier guesses which GPU is this process's
        dist.init_process_group("nccl" if on_gpu else "gloo", **more)
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
    for handler in (logging.FileHandler(logs / f"{out.name}.log", encoding="utf-8"), AboveBars()):
        handler.setFormatter(form)
        logger.addHandler(handler)
    return logger, SummaryWriter(logs)


class AboveBars(logging.Handler):
    """Lines of a log on stderr; with --quiet warnings alone."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if record.levelno >= logging.WARNING or not progress.is_silent():
                progress.write(self.format(record), sys.stderr)
        except OSError:  # of a terminal that was closed
            self.handleError(record)


@contextmanager
def rank_zero_first(run: Run) -> Iterator[None]:
    """The first process does the block alone; the others do it after, and find its files made."""
    if run.world > 1 and run.rank > 0:
        dist.barrier()
    yield
    if run.world > 1 and run.rank == 0:
        dist.barrier()


def mean_over(total: Tensor, count: Tensor) -> Tensor:
    """total / count over the batches of all processes, scaled so that DDP's averaging gives that mean.

    Of a part of a batch, the part's total and the count of the whole batch: the parts' means add up.
    """
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
