"""Runs of a training without a command line: settings of base with some changed, on the CPU."""

import logging
from dataclasses import replace
from pathlib import Path

import torch

from common.presets import load_config
from training.run import Run
from training.settings import settings_of


class Numbers(torch.utils.data.Dataset):
    """Five items; `collate` stacks."""

    def __len__(self):
        return 5

    def __getitem__(self, at):
        return torch.full((3,), float(at[0]))

    def collate(self, items):
        return {"x": torch.stack(items)}


class Silent:
    """A TensorBoard writer that writes nothing."""

    @property
    def file_writer(self):
        return self

    def __getattr__(self, name):
        return lambda *_, **__: None


def small_run(out: Path, section: str, config: dict | None = None, **changed) -> Run:
    """A Run of [train.<section>] with these settings changed, which logs to pytest's caplog."""
    config = config or load_config()
    settings = replace(settings_of(config, section, "base.toml"), **changed)
    logger = logging.getLogger("small_run")
    logger.setLevel(logging.INFO)
    data = out / "data"
    return Run(config, settings, data, out, torch.device("cpu"), None, 1, 0, 0, 1, logger, Silent())


def losses_of(values):
    """A validation that gives these losses in turn."""
    left = iter(values)
    return lambda model, step: {"loss": next(left)}


def square(network, batch):
    """A train step of a linear network."""
    return network(batch["x"]).square().mean(), {}
