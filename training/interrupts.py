"""Ctrl-C, held off where stopping would leave something half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BrokenOff(KeyboardInterrupt):
    """A second Ctrl-C inside `held`, which left its block half done."""


@contextmanager
def held() -> Iterator[None]:
    """Ctrl-C inside raises KeyboardInterrupt at the end of the block; a second one BrokenOff at once.

    Where Ctrl-C raises no KeyboardInterrupt (threads, jobs in the background, programs that handle it in
    their own way) nothing changes.
    """
    asked = False

    def note(_signal, _frame) -> None:
        nonlocal asked
        if asked:
            raise BrokenOff
        asked = True

    raises = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not raises or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if asked:
        raise KeyboardInterrupt
