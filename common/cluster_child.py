"""A process on a cluster that does one file after the other, started by `cluster_host.py`."""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
from typing import IO, Any

from common.cluster_host import receive, send
from common.workers import guarded, leave_signals


def serve() -> None:
    """Answer the jobs that come by stdin, each a pickled (function, name) -> (result, why it failed).

    What the work prints goes to stderr, the log of the Dask worker. Ends when that worker ends.
    """
    leave_signals()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_take, args=(sys.stdin.buffer, jobs), daemon=True).start()
    send(answers, b"ready")
    while True:
        result, reason = guarded(_done, jobs.get())
        try:
            answer = pickle.dumps((result, reason))
        except Exception as error:  # noqa: BLE001  a result that cannot be sent is the file's failure
            answer = pickle.dumps((None, f"its result cannot be sent: {error}"))
        send(answers, answer)


def _take(stream: IO[bytes], jobs: queue.SimpleQueue) -> None:
    """Put what comes into the queue; at its end the Dask worker is gone, whoever of both was killed."""
    while (job := receive(stream)) is not None:
        jobs.put(job)
    os._exit(0)


def _done(job: bytes) -> Any:
    work, name = pickle.loads(job)
    return work(name)
