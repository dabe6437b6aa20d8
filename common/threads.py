"""One function over many files in threads of this process, which share its models."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

from common.workers import guarded


class Threads:
    """So many at once, as `workers.Pool` does it in processes."""

    def __init__(self, count: int) -> None:
        self.count = count

    def outcomes(self, work: Callable[[Any], Any], names: list[Any]) -> Iterator[tuple[Any, Any, str]]:
        """(name, result, "") or (name, None, why it failed) of each, as they end; begun in their order.

        When what comes out is wanted no more, as on Ctrl-C, those at work are waited for, and no more begun.
        """
        if min(self.count, len(names)) <= 1:
            yield from ((name, *guarded(work, name)) for name in names)
            return
        waiting, running = deque(names), {}
        with ThreadPoolExecutor(self.count) as pool:
            while waiting or running:
                while waiting and len(running) < self.count:
                    name = waiting.popleft()
                    running[pool.submit(guarded, work, name)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), *future.result()
