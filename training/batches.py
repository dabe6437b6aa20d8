"""Which items make the batch of a step, by which seeds they are cropped, and their loader."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Sampler

from audio import UNIT_RATE
from common import cli, progress
from training.run import to_device

PIECE_SECONDS = 30  # of a recording that a validation looks at at once


class Batches(Sampler[list[tuple[int, tuple[int, int]]]]):
    """For each step this process's part of the batch: (index, crop seed) pairs.

    Position p of the endless stream of shuffled epochs decides both, so any step can be computed alone.
    A set smaller than a batch is simply passed several times. shuffle=False (2022, for the ablation) takes
    the items in their own order in every epoch.
    """

    def __init__(
        self, items: int, batch_size: int, seed: int, first: int, last: int, rank=0, world=1, shuffle=True
    ) -> None:
        if batch_size % world:
            raise cli.UserError(f"--batch_size {batch_size} must be a multiple of the {world} processes")
        self.items, self.batch_size, self.seed = items, batch_size, seed
        self.first, self.last, self.rank, self.world = first, last, rank, world
        self.shuffle = shuffle
        self._shuffled = (-1, np.empty(0))  # epoch and its order

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[list[tuple[int, tuple[int, int]]]]:
        return (self.at(step) for step in range(self.first, self.last))

    def at(self, step: int) -> list[tuple[int, tuple[int, int]]]:
        positions = range(step * self.batch_size + self.rank, (step + 1) * self.batch_size, self.world)
        return [(self._index(p), (self.seed, p)) for p in positions]

    def _index(self, position: int) -> int:
        epoch, place = divmod(position, self.items)
        if not self.shuffle:
            return place
        if self._shuffled[0] != epoch:
            self._shuffled = epoch, np.random.default_rng([self.seed, epoch]).permutation(self.items)
        return int(self._shuffled[1][place])


def validation_batches(dataset: Any, device: Any) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(index, piece, batch) of every recording alone, as in conversion; long ones in equal pieces.

    A recording of an hour would take the memory of an hour.
    """
    for index in progress.each(range(len(dataset)), "validation", leave=False):
        units = dataset.units(index)
        count = -(-units // (PIECE_SECONDS * UNIT_RATE))
        edges = [units * piece // count for piece in range(count + 1)]
        for piece, (start, stop) in enumerate(pairwise(edges)):
            item = dataset[(index, slice(start, stop) if count > 1 else None)]
            yield index, piece, to_device(dataset.collate([item]), device)


def in_parts(batch: dict[str, Any], size: int) -> list[dict[str, Any]]:
    """A batch of tensors [B, …] in parts of at most `size` items, itself where that is 0 or enough.

    Each part has the `whole` batch and its `rows` of it beside its tensors, for what counts over all items.
    """
    count = len(next(iter(batch.values())))
    if not size or size >= count:
        return [batch]
    rows = [slice(start, start + size) for start in range(0, count, size)]
    return [{**{k: v[part] for k, v in batch.items()}, "whole": batch, "rows": part} for part in rows]


def share(batch: dict[str, Any]) -> float:
    """The fraction of its whole batch that a part is, 1 for a whole one."""
    whole = batch.get("whole", batch)
    count, of = (len(next(iter(x.values()))) for x in (batch, whole))
    return count / of


def loader(run: Any, dataset: Any, first: int) -> DataLoader:
    """Training batches of a training.Run from step `first` to its last.

    dataset: `[(index, crop seed)]` is an item, collate(items) their batch.
    """
    settings = run.settings
    batches = Batches(
        len(dataset),
        settings.batch_size,
        run.seed,
        first,
        settings.steps,
        run.rank,
        run.world,
        settings.shuffle,
    )
    return DataLoader(
        dataset,
        batch_sampler=batches,
        collate_fn=dataset.collate,
        num_workers=run.num_workers,
        persistent_workers=run.num_workers > 0,
        worker_init_fn=_leave_ctrl_c,
        pin_memory=run.device.type == "cuda",
    )


def _leave_ctrl_c(_worker: int) -> None:
    """Ctrl-C reaches loader processes too; the one that trains ends its step, and then them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
