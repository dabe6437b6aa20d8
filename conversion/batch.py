"""The files of a batch: short ones side by side on the CPU's threads, long ones in turn with all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch

from common import decoding, progress
from common.advance import Advance, unseen
from common.devices import at_most_threads
from common.threads import Threads
from common.workers import guarded
from conversion.files import BatchFile

SHORT = 60.0  # seconds; whoever stops a run waits for what is at work side by side
MOST = 4  # at once: each takes memory of its own
Work = Callable[[BatchFile, Advance], Any]


class Group(NamedTuple):
    """Files that go so many at once, with so many threads each."""

    files: list[BatchFile]
    count: int
    threads: int


def groups(files: list[BatchFile], together: bool = True) -> list[Group]:
    """How the files of a batch are worked on; together: False where they cannot go side by side.

    Two threads of the processor do little for one short recording, and twice as much for two. The number of
    threads decides on the last bits of a result, so that a cluster has to know it.
    """
    threads = torch.get_num_threads()
    short, long = [], []
    for file in files:
        (short if together and decoding.seconds(file.source) <= SHORT else long).append(file)
    count = min(MOST, threads, len(short))
    if count <= 1:
        return [Group(files, 1, threads)]
    return [Group(short, count, threads // count), *([Group(long, 1, threads)] if long else [])]


def outcomes(work: Work, files: list[BatchFile], together: bool = True) -> Iterator[tuple[Any, Any, str]]:
    """(file, what work(file, advance) gives, "") or (file, None, why it failed) of each, as they end."""
    for group in groups(files, together):
        if group.count > 1:
            with at_most_threads(group.threads):
                yield from Threads(group.count).outcomes(partial(work, advance=unseen), group.files)
            continue
        for file in group.files:
            with progress.recording(file.source.name, decoding.seconds(file.source)) as advance:
                result, reason = guarded(partial(work, advance=advance), file)
            yield file, result, reason
