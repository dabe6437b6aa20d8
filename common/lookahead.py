"""Work on something long in pieces, each with as much of its neighbours as the work reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

Parts = tuple[Tensor | None, ...]  # [..., n] each, of the same n steps of time


def lookahead(
    chunks: Iterable[Parts],
    reach: int,
    rate: int,
    work: Callable[[Parts, int, int], Tensor],
    live: bool = False,
) -> Iterator[Tensor]:
    """What work makes of all chunks together, [..., rate * n], piece after piece.

    chunks: parts that follow one another. work(parts, first, done): what it makes of a stretch that begins at
    step `first` and was made before up to step `done`; steps further than `reach` away have no part in it.
    rate: steps that it makes of one. What a chunk gives comes `reach` steps late. live: it is given before
    the next chunk is there; else one waits for that, and the last chunk, or one alone, is worked on as it is.
    """
    held, first, done = None, 0, 0
    for parts, last in _without_waiting(chunks) if live else _with_last(chunks):
        held = parts if held is None else _joined(held, parts)
        if held is None:
            return
        end = first + held[0].shape[-1]
        stop = end if last else end - reach
        if stop <= done:
            continue
        made = work(held, first, done)
        yield made[..., rate * (done - first) : rate * (stop - first)]
        keep, done = max(first, stop - reach), stop
        held, first = tuple(x if x is None else x[..., keep - first :] for x in held), keep


def _joined(one: Parts, other: Parts | None) -> Parts:
    if other is None:
        return one
    return tuple(a if a is None else torch.cat([a, b], dim=-1) for a, b in zip(one, other, strict=True))


def _with_last(chunks: Iterable[Parts]) -> Iterator[tuple[Parts, bool]]:
    """Each chunk, and whether it is the last."""
    before = None
    for chunk in chunks:
        if before is not None:
            yield before, False
        before = chunk
    if before is not None:
        yield before, True


def _without_waiting(chunks: Iterable[Parts]) -> Iterator[tuple[Parts | None, bool]]:
    """Each chunk, then that there is none left."""
    for chunk in chunks:
        yield chunk, False
    yield None, True
