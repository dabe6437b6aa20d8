"""Which items make the batch of a step, by which seeds they are cropped, and their loader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Sampler

from common import cli


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
        pin_memory=run.device.type == "cuda",
    )
