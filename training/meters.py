"""Means of what steps measure, and how long they wait for their batches."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np


class Meters:
    """Means of metrics since the last look. NaN values (undefined in a batch) do not count."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)

    def update(self, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            if not math.isnan(value):
                self.values[name].append(value)

    def take(self) -> dict[str, float]:
        means = {name: float(np.mean(values)) for name, values in self.values.items() if values}
        self.values.clear()
        return means


class Waits:
    """The batches of a loader. seconds: how long the last one was waited for; since: when the first came.

    For the first one, which the loader's processes start with, `seconds` is NaN.
    """

    def __init__(self, batches: Iterable[Any]) -> None:
        self.batches, self.since, self.seconds = batches, math.nan, math.nan

    def __iter__(self) -> Iterator[Any]:
        asked = math.nan
        for batch in self.batches:
            now = time.perf_counter()
            self.seconds = now - asked
            if math.isnan(asked):
                self.since = now
            yield batch
            asked = time.perf_counter()

    def rate(self, steps: int) -> float:
        """Steps a second, of so many since the first batch came."""
        return steps / (time.perf_counter() - self.since)
