"""Work on long arrays, some rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

ROWS = 15_000  # that are worked on at once: five minutes of units


def by_rows(method: Callable) -> Callable:
    """A method whose rows have nothing to do with one another, done for ROWS of them at a time.

    What it holds meanwhile are doubles, several times the rows: gigabytes, of a recording of hours.
    """

    @wraps(method)
    def call(self, rows: Any, *others: Any, **more: Any) -> Any:
        if np.ndim(rows) == 0 or len(rows) <= ROWS:
            return method(self, rows, *others, **more)
        out: list[np.ndarray] = []
        for first in range(0, len(rows), ROWS):
            part = slice(first, first + ROWS)
            found = method(self, rows[part], *(x[part] if np.ndim(x) else x for x in others), **more)
            found = found if isinstance(found, tuple) else (found,)
            out = out or [np.empty((len(rows), *x.shape[1:]), x.dtype) for x in found]
            for whole, x in zip(out, found, strict=True):
                whole[part] = x
        return tuple(out) if len(out) > 1 else out[0]

    return call
