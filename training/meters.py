"""Means of what steps measure."""

from __future__ import annotations

import math
from collections import defaultdict

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
