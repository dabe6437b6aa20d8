"""What scripts show while they work: a bar on what takes long, and lines that are no result. All on stderr.

A bar has its rate and the time left, and comes when something has taken DELAY seconds. There is none where
stderr is no terminal. --quiet leaves out bars and lines; errors and results go other ways.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from common.advance import Advance
from common.errors import printable

Item = TypeVar("Item")
DELAY, TICK = 5.0, 1.0  # seconds
OF_A_RECORDING = "{l_bar}{bar}| {n_fmt}/{total_fmt} s [{elapsed}<{remaining}, {rate_noinv_fmt}]"
_shown = True


def silence(silent: bool = True) -> None:
    """Whether this process shows nothing but errors and results."""
    global _shown
    _shown = not silent


def is_silent() -> bool:
    return not _shown


def bar(total: float | None, title: str, **looks: Any):
    """A tqdm to be moved by its `update`, and closed. looks: of tqdm, such as unit and leave."""
    looks = {"delay": DELAY, "disable": None, **looks}
    if not _shown:
        looks["disable"] = True
    return _bars()(total=total, desc=printable(title), **looks)


def each(items: Iterable[Item], title: str, total: int | None = None, **looks: Any) -> Iterator[Item]:
    """The items, with a bar that moves as they are taken. total: how many, where they have no length."""
    total = len(items) if total is None and hasattr(items, "__len__") else total
    with bar(total, title, **looks) as shown:
        for item in items:
            yield item
            shown.update()


@contextmanager
def recording(title: str, seconds: float) -> Iterator[Advance]:
    """A bar in seconds of a recording, and what moves it: called with each fraction of the work done."""
    with bar(round(seconds), title, unit=" s", bar_format=OF_A_RECORDING, leave=False) as shown:
        done = 0.0

        def advance(fraction: float) -> None:
            nonlocal done
            done = min(1.0, done + fraction)
            shown.update(int(done * shown.total) - shown.n)

        yield advance


def say(line: str) -> None:
    """A line on stderr, above the bars, unless --quiet."""
    if _shown:
        write(line, sys.stderr)


def write(lines: str, file: Any = None) -> None:
    """Lines of a result, by default on stdout, above the bars. No name in them can steer the terminal."""
    lines = "\n".join(map(printable, lines.split("\n")))
    if "tqdm" in sys.modules:
        _bars().write(lines, file=file or sys.stdout)
    else:
        print(lines, file=file or sys.stdout, flush=True)


def end() -> None:
    """Close all bars, so that what is printed next has a line of its own."""
    if "tqdm" in sys.modules:
        for shown in list(_bars()._instances):
            shown.close()


def _size(file: Any) -> tuple[int, int]:
    """Columns to write in and rows of a terminal; one that does not know its size has 80 and 24."""
    try:
        columns, rows = os.get_terminal_size(file.fileno())
    except (OSError, ValueError, AttributeError):
        columns = rows = 0
    return (columns or 80) - 1, rows or 24


@functools.cache
def _bars() -> type:
    """tqdm's bars, seen from DELAY on, and from then on at every TICK.

    Of tqdm itself, a line written between shows a bar too early, and one thing that takes long shows none.
    """
    from tqdm import tqdm  # noqa: PLC0415  the help of a script must not wait for it

    class Bar(tqdm):
        def __init__(self, *args: Any, **settings: Any) -> None:
            self._ended = threading.Event()
            super().__init__(*args, **settings)
            if not self.disable:
                self.dynamic_ncols, (self.ncols, self.nrows) = _size, _size(self.fp)
                threading.Thread(target=self._tick, daemon=True).start()

        def _tick(self) -> None:
            """Time passes while one thing takes long."""
            while not self._ended.wait(TICK):
                with self.get_lock():
                    if not self._ended.is_set():
                        self.refresh(nolock=True)

        def close(self) -> None:
            with self.get_lock():
                self._ended.set()
            super().close()

        def display(self, *args: Any, **settings: Any) -> bool:
            if self._time() < self.start_t + self.delay:
                return True
            self.last_print_t = max(self.last_print_t, self.start_t + self.delay)  # else `close` leaves it
            return bool(super().display(*args, **settings))

    return Bar
