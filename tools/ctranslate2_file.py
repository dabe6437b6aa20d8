"""Reads the weights in a model.bin of ctranslate2, whose library runs such files but does not show them.

The format (versions 5 and 6 of it): version, name and revision of the model, number of variables; then each
variable's name, rank, sizes, type, bytes. Numbers are little-endian; strings have their length in front.
"""

from __future__ import annotations

import struct

import numpy as np

VERSIONS = (5, 6)
TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)  # by their number in the file; bfloat16 is 5


def read(data: bytes) -> dict[str, np.ndarray]:
    """{name: array} of a model.bin. Raises ValueError for another version or type."""
    place = 0

    def take(kind: str) -> int:
        nonlocal place
        value = struct.unpack_from(f"<{kind}", data, place)[0]
        place += struct.calcsize(f"<{kind}")
        return value

    def text() -> str:
        nonlocal place
        size = take("H")
        place += size
        return data[place - size : place - 1].decode("ascii")

    version = take("I")
    if version not in VERSIONS:
        raise ValueError(f"model.bin is of version {version}, expected one of {VERSIONS}")
    text(), take("I")  # name and revision of the model
    weights = {}
    for _ in range(take("I")):
        name = text()
        sizes = [take("I") for _ in range(take("B"))]
        kind, size = take("B"), take("I")
        if kind >= len(TYPES):
            raise ValueError(f"{name} is of type {kind}, which numpy does not have")
        own = np.frombuffer(data, TYPES[kind], size // np.dtype(TYPES[kind]).itemsize, place)
        weights[name] = own.reshape(sizes)
        place += size
    return weights
