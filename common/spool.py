"""Rows of numbers in a temporary file, for recordings that would take too much memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

IN_MEMORY = 10_000_000  # samples, ten minutes; more of them go to a file


class Spool:
    """float32 [N, *shape] in a file without a name: appended in order, read by slices as an array is.

    Ordinary reads, no memory map: what was read once would stay counted as this process's memory. Single
    precision, so that a recording gives the same whether it is long or short. The file goes with the last
    reference to it. folder: where it lies (None: where temporary files do, which may be memory).
    """

    dtype = np.dtype(np.float32)
    ndim = 1

    def __init__(self, folder: Path | None = None, shape: tuple[int, ...] = ()) -> None:
        self.folder, self._shape, self._length = folder, shape, 0
        self._size = self.dtype.itemsize * int(np.prod(shape, dtype=int))
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".hubert-pitdyn-")  # noqa: SIM115  kept open

    def __len__(self) -> int:
        return self._length

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._length, *self._shape)

    def append(self, rows: np.ndarray) -> None:
        """Add rows [M, *shape] at the end. Raises OSError, of a full disk say, that names the folder."""
        try:
            self._file.seek(self._length * self._size)
            self._file.write(np.ascontiguousarray(rows, dtype=self.dtype).data)
        except OSError as error:
            error.filename = str(self.folder or tempfile.gettempdir())
            raise
        self._length += len(rows)

    def __getitem__(self, place: slice) -> np.ndarray:
        """A copy of rows first to stop [M, *shape]; steps are not known."""
        first, stop, _ = place.indices(self._length)
        rows = np.empty((max(0, stop - first), *self._shape), self.dtype)
        self._file.seek(first * self._size)
        self._file.readinto(rows.reshape(-1).view(np.uint8).data)
        return rows

    def close(self) -> None:
        """The file and its space are given back."""
        self._file.close()


Samples = np.ndarray | Spool  # [S]


def folder_of(wav: Samples) -> Path | None:
    """Where a recording's temporary file lies."""
    return wav.folder if isinstance(wav, Spool) else None


def gathered(blocks: Iterable[np.ndarray], count: int, folder: Path | None = None) -> Samples:
    """Blocks [M] that follow one another, as an array, or if long a spool. count: samples at 16 kHz."""
    if count <= IN_MEMORY:
        found = list(blocks)
        return found[0] if len(found) == 1 else np.concatenate(found or [np.zeros(0, np.float32)])
    spool = Spool(folder)
    for block in blocks:
        spool.append(block)
    return spool
