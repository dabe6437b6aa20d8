"""How much memory a file of torch asks for, read from its pickles before anything is loaded.

No name in a pickle is looked up here: each becomes a stand-in that takes whatever it is given.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

LEGACY = 0x1950A86A20F9469CFC6C  # begins a file of the format before zip
LEGACY_PICKLES = 4  # of it, the magic number included; the last holds the tensors
ELEMENT_BYTES = {  # of torch's storages; all others hold single bytes
    **dict.fromkeys(("ComplexDoubleStorage",), 16),
    **dict.fromkeys(("DoubleStorage", "LongStorage", "ComplexFloatStorage"), 8),
    **dict.fromkeys(("FloatStorage", "IntStorage", "QInt32Storage"), 4),
    **dict.fromkeys(("HalfStorage", "BFloat16Storage", "ShortStorage"), 2),
}


class _StandIn:
    """In the place of any class or function of a pickle, and of what calling it gives."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def _ignored(self, *_: Any) -> None:
        pass

    __setstate__ = __setitem__ = append = extend = add = _ignored


class _Reader(pickle.Unpickler):
    """storages: {key: bytes} that the pickles read so far declare."""

    def __init__(self, file: BinaryIO, storages: dict[str, int]) -> None:
        super().__init__(file)
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if name == "bytearray":  # bytearray(n) takes n bytes, and weights have no use for one
            raise pickle.UnpicklingError("GLOBAL builtins.bytearray")
        return type(name, (_StandIn,), {})

    def persistent_load(self, saved: tuple) -> Any:
        _, kind, key, _, count = saved[:5]
        size = max(0, int(count)) * ELEMENT_BYTES.get(kind.__name__, 1)
        self.storages[str(key)] = max(size, self.storages.get(str(key), 0))
        return _StandIn()


def fault(path: Path) -> str:
    """What a file of torch declares beyond what it holds; '' where it holds all, or is no file of torch.

    Raises whatever a damaged pickle leads to.
    """
    storages: dict[str, int] = {}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            sizes = {record.filename: record.file_size for record in archive.infolist()}
            for pickled in (name for name in sizes if name.endswith("data.pkl")):
                with archive.open(pickled) as file:
                    _Reader(file, storages).load()
                records = {key: f"{pickled.removesuffix('.pkl')}/{key}" for key in storages}
                for key, record in records.items():
                    if storages[key] > sizes.get(record, 0):
                        return f"{storages[key]} bytes in {record}, which has {sizes.get(record, 0)}"
        return ""
    with path.open("rb") as file:
        for number in range(LEGACY_PICKLES):
            found = _Reader(file, storages).load()
            if number == 0 and found != LEGACY:
                return ""
    claimed, size = sum(storages.values()), path.stat().st_size
    return f"{claimed} bytes, the file has {size}" if claimed > size else ""
