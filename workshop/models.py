"""Voices and their models: loaded once, kept, and loaded again where their file has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from checkpoints import places
from listening import voices
from listening.cache import Cache

if TYPE_CHECKING:
    from conversion.converter import VoiceConverter

MOST = 4  # voices that stay loaded


class Models:
    """Converters of the voices below `out`, on one device.

    `busy` is held by whoever computes with them: two conversions at once would take each other's processors.
    """

    def __init__(self, work: Path, out: Path = Path("out"), device: str | None = None) -> None:
        self.work, self.out, self.device = work, out, device
        self.busy = threading.RLock()
        self._loaded: OrderedDict[str, tuple[tuple[int, int], VoiceConverter]] = OrderedDict()

    def voices(self) -> list[voices.Voice]:
        """Those that can be converted to, by name."""
        cache = Cache(self.work / "voices.json")
        found = voices.collect((), self.out, cache)
        cache.save()
        return found

    def voice(self, name: str) -> voices.Voice | None:
        return next((voice for voice in self.voices() if voice.name == name), None)

    def converter(self, name: str) -> VoiceConverter:
        """A voice, ready. Raises UserError as `VoiceConverter.load`."""
        with self.busy:
            about = places.acoustic_path(name, self.out).stat()
            stamp = about.st_mtime_ns, about.st_size
            before = self._loaded.pop(name, None)
            if before is None or before[0] != stamp:
                from common.devices import choose_device  # noqa: PLC0415  torch takes seconds to load
                from conversion.converter import VoiceConverter  # noqa: PLC0415

                before = (
                    stamp,
                    VoiceConverter.load(name, out=self.out, device=str(choose_device(self.device))),
                )
            self._loaded[name] = before
            while len(self._loaded) > MOST:
                self._loaded.popitem(last=False)
            return before[1]
