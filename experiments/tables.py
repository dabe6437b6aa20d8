"""Tables of the experiments' documents."""

from __future__ import annotations

import math

import numpy as np

from evaluation.metrics import bootstrap_interval


def markdown(head: list[str], rows: list[list[str]], words: tuple[str, ...] = ()) -> str:
    """First column to the left, all others to the right but those that are headed by one of `words`."""
    sides = ["---" if not place or name in words else "---:" for place, name in enumerate(head)]
    lines = [head, sides, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


FEWEST = 5  # values that an interval is given of: of two it would be the two


def over_files(
    values: list[float], factor: float = 1.0, decimals: int = 2, of: list[str] | None = None
) -> str:
    """Mean and bootstrap 95 % interval of a figure of several files, NaN left out: "0.93 [0.91, 0.95]".

    of: the recording that each value is of, where one has several: they vary together, so it is recordings
    that are drawn.
    """
    groups: dict[object, list[float]] = {}
    for place, value in enumerate(values):
        if math.isfinite(value):
            groups.setdefault(of[place] if of else place, []).append(factor * value)
    if not groups:
        return "–"
    known = [float(np.mean(several)) for several in groups.values()]
    mean = f"{np.mean(known):.{decimals}f}"
    if len(known) < FEWEST:
        return mean
    low, high = bootstrap_interval(known)
    return f"{mean} [{low:.{decimals}f}, {high:.{decimals}f}]"


def median_of_files(values: list[float], factor: float = 1.0, decimals: int = 2) -> str:
    """Median of a figure of several files, NaN left out: "0.93"."""
    known = [factor * v for v in values if math.isfinite(v)]
    return f"{np.median(known):.{decimals}f}" if known else "–"
