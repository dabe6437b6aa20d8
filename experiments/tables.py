"""Tables of the experiments' documents."""

from __future__ import annotations

import math

import numpy as np

from evaluation.metrics import bootstrap_interval


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """First column to the left, all others to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def over_files(values: list[float], factor: float = 1.0, decimals: int = 2) -> str:
    """Mean and bootstrap 95 % interval of a figure of several files, NaN left out: "0.93 [0.91, 0.95]"."""
    known = [factor * v for v in values if math.isfinite(v)]
    if not known:
        return "–"
    mean = f"{np.mean(known):.{decimals}f}"
    if len(known) == 1:
        return mean
    low, high = bootstrap_interval(known)
    return f"{mean} [{low:.{decimals}f}, {high:.{decimals}f}]"


def median_of_files(values: list[float], factor: float = 1.0, decimals: int = 2) -> str:
    """Median of a figure of several files, NaN left out: "0.93"."""
    known = [factor * v for v in values if math.isfinite(v)]
    return f"{np.median(known):.{decimals}f}" if known else "–"
