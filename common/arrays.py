"""Arrays on disk: whether a .npy is whole, and reading it with a sentence for where it is not."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from common.cli import UserError

NUMBERS = "biuf"  # kinds of numpy's types that arrays of ours hold


def fault(path: Path) -> str:
    """What is wrong with a .npy, '' where its size is what its header says. Costs no more than the header."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0
            shape, _, dtype = (header if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
            wanted = file.tell() + math.prod(shape) * dtype.itemsize
    except FileNotFoundError:
        return "nothing"
    except Exception as error:  # noqa: BLE001  whatever the bytes of a spoilt header lead to
        return f"a damaged file ({str(error) or type(error).__name__})"
    if dtype.kind not in NUMBERS:
        return "other things than numbers"
    return "" if size == wanted else f"{size} of {wanted} bytes"


def whole(path: Path) -> bool:
    """Whether a .npy is there and as long as its header says."""
    return not fault(path)


def read(path: Path, remedy: str, mapped: bool = False) -> np.ndarray:
    """The array of a .npy, mapped from the disk where asked for.

    Raises UserError that ends with the remedy when it is not there, or not whole.
    """
    wrong = fault(path)
    if not wrong:
        try:
            return np.load(path, mmap_mode="r" if mapped else None)
        except (OSError, ValueError, EOFError) as error:
            wrong = str(error)
    raise UserError(f"{path}: expected a whole .npy, found {wrong}; {remedy}")
