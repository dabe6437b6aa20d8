"""How far long work is: whoever does it calls an `Advance` with each fraction of it that is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

Advance = Callable[[float], None]
Piece = TypeVar("Piece", bound=Sized)


def unseen(fraction: float) -> None:
    """Where nobody asks."""


def share(advance: Advance, part: float) -> Advance:
    """For work that is this part of something: all of it advances the whole by `part`."""
    return lambda fraction: advance(part * fraction)


def counted(pieces: Iterable[Piece], total: float, advance: Advance) -> Iterator[Piece]:
    """The pieces, of `total` length together, each of which advances the work as it is taken."""
    for piece in pieces:
        yield piece
        advance(len(piece) / max(1, total))
