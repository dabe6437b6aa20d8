"""A file with other bytes at some places, without a copy of it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path


class Patched(io.RawIOBase):
    """The content of a file, of which the bytes at some offsets are others; for reading."""

    def __init__(self, path: Path, patches: Mapping[int, bytes]) -> None:
        super().__init__()
        self._file, self._patches = path.open("rb"), dict(patches)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer) -> int:
        begin = self._file.tell()
        count = self._file.readinto(buffer)
        for place, data in self._patches.items():
            first, stop = max(place, begin), min(place + len(data), begin + count)
            if first < stop:
                memoryview(buffer)[first - begin : stop - begin] = data[first - place : stop - place]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
