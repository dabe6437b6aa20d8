"""Ctrl-C, kill and the like, held off where stopping would leave something half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]


class BrokenOff(KeyboardInterrupt):
    """A second Ctrl-C inside `held`, which left its block half done."""


@contextmanager
def held() -> Iterator[None]:
    """Ctrl-C inside raises KeyboardInterrupt at the end of the block; a second one BrokenOff at once.

    So do the other signals that raise it (`common.cli.stop_like_interrupt`). Where one raises no
    KeyboardInterrupt (threads, jobs in the background, programs that handle it in their own way) nothing
    changes.
    """
    asked = False

    def note(_signal, _frame) -> None:
        nonlocal asked
        if asked:
            raise BrokenOff
        asked = True

    raising = [number for number in SIGNALS if signal.getsignal(number) is signal.default_int_handler]
    if not raising or threading.current_thread() is not threading.main_thread():
        yield
        return
    for number in raising:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number in raising:
            signal.signal(number, signal.default_int_handler)
    if asked:
        raise KeyboardInterrupt
