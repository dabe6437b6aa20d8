"""A Dask cluster in place of the processes of this machine: the same function over the same files.

All its machines see the project and the data by the same paths. See `cluster_host.py` for what runs there.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import platform
import queue
import secrets
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from common import cluster_host
from common.cli import UserError, printable, project, reason_of
from common.workers import DIED, GIVE_UP, THREAD_VARIABLES, not_tried

CONNECT, FIRST = 15.0, 30.0  # seconds for a scheduler to answer, and for its first worker to come
GONE = 60.0  # seconds without a worker, after which none is expected to come back
BEAT = 2.0  # seconds between two looks at how many there are
LOST = "the Dask workers that had it died one after the other (out of memory?)"
NO_WORKER = "not done: the cluster has no worker any more"
HOST = Path(cluster_host.__file__)


class Cluster:
    """A context: the workers of a Dask scheduler, with the interface of `workers.Pool`."""

    def __init__(self, address: str, written: Path, read: Iterable[Path] = ()) -> None:
        """written: the folder that results go to; read: what else the workers have to see.

        Raises UserError without the package, a scheduler that answers, workers, or a path on one of them.
        """
        self.address, self._run, self._threads = address, secrets.token_hex(8), 1
        self._client = _connect(address)
        self._beat, self._at_once = 0.0, 0  # when the workers were last counted, files in flight for these
        try:
            self._require_alike(written, read)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # a scheduler that has ended has nothing to give back
            self._client.run(_there("stop"), self._run, on_error="ignore")
        with suppress(Exception):
            self._client.close(timeout=CONNECT)

    def with_threads(self, threads: int) -> Cluster:
        """The same workers, with so many threads for each file: they decide on the last bits of a result."""
        other = object.__new__(Cluster)
        other.__dict__.update(self.__dict__, _threads=threads)
        return other

    def outcomes(self, work: Callable[[Any], Any], names: list[Any]) -> Iterator[tuple[Any, Any, str]]:
        """As `Pool.outcomes`. What Dask gives up because workers died with it is tried again, each alone:
        it may have been beside the one that kills, or the machines were taken away."""
        lost = []
        for name, result, reason in self._in_flight(work, names):
            if reason == LOST:
                lost.append(name)
            else:
                yield name, result, reason
        for name in lost:
            yield from self._in_flight(work, [name])

    def _in_flight(self, work: Callable[[Any], Any], names: list[Any]) -> Iterator[tuple[Any, Any, str]]:
        waiting, running, deaths, succeeded = deque(names), {}, 0, False
        ended, there, settings = queue.SimpleQueue(), _there("run"), self._settings()
        why = ""
        try:
            while (waiting or running) and not why:
                while waiting and len(running) < self._room() and (succeeded or deaths < GIVE_UP):
                    job = pickle.dumps((work, waiting[0]))
                    key = f"hubert-pitdyn-{self._run}-{secrets.token_hex(8)}"
                    future = self._client.submit(there, settings, job, key=key, pure=False)
                    running[key] = future, waiting.popleft()
                    future.add_done_callback(ended.put)
                if not running:
                    why = not_tried(deaths)
                elif (future := self._next(ended)) is None:
                    why = NO_WORKER
                else:
                    name, (result, reason) = running.pop(future.key)[1], self._outcome(future)
                    deaths, succeeded = deaths + (reason in (DIED, LOST)), succeeded or not reason
                    yield name, result, reason
            yield from ((name, None, why) for name in (*(name for _, name in running.values()), *waiting))
        finally:
            with suppress(Exception):
                self._client.cancel([future for future, _ in running.values()])

    def _settings(self) -> cluster_host.Settings:
        variables = dict.fromkeys(THREAD_VARIABLES, str(self._threads))
        return self._run, str(project()), os.getcwd(), tuple(variables.items())

    def _next(self, ended: queue.SimpleQueue) -> Any:
        """The future that ends next; None where the cluster has had no worker for too long."""
        since = time.monotonic()
        while True:
            with suppress(queue.Empty):
                return ended.get(timeout=BEAT)
            if self._room():
                since = time.monotonic()
            elif time.monotonic() - since > GONE:
                return None

    def _room(self) -> int:
        """How many files may be in flight: one in hand for each thread, so that none idles."""
        if time.monotonic() - self._beat > BEAT:
            try:
                threads = self._client.nthreads()
            except Exception as error:  # noqa: BLE001  whatever a connection that is lost leads to
                raise self._is_gone() from error
            self._beat, self._at_once = time.monotonic(), 2 * sum(threads.values())
        return self._at_once

    def _outcome(self, future: Any) -> tuple[Any, str]:
        from distributed import KilledWorker  # noqa: PLC0415  an extra

        if future.status == "finished":
            answer = future.result()
            return (None, DIED) if answer is None else pickle.loads(answer)
        if future.status != "error":
            raise self._is_gone()
        error = future.exception()
        if isinstance(error, KilledWorker):
            return None, LOST
        if isinstance(error, OSError):  # a machine that came later and does not see the project
            raise UserError(f"a worker of {self.address}: {reason_of(error)}") from error
        raise error

    def _is_gone(self) -> UserError:
        return UserError(
            f"--scheduler {self.address}: the connection to it is lost; run the same again when it is back"
        )

    def _require_alike(self, written: Path, read: Iterable[Path]) -> None:
        """UserError where a worker has another Python or lacks a path; a line for other versions."""
        _require_workers(self._client, self.address)
        own = platform.python_version_tuple()[:2]
        for worker, about in self._client.get_versions()["workers"].items():
            python = str(dict(about["host"])["python"])
            if tuple(python.split(".")[:2]) != own:
                raise UserError(f"{worker} runs Python {python}, expected {'.'.join(own)} as here")
        paths = [project(), Path.cwd(), *read]
        folder = next(place for place in (written.absolute(), *written.absolute().parents) if place.is_dir())
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".seen-by-workers-") as token:
            seen = (token.name, tuple(os.path.abspath(path) for path in paths))
            looks = self._client.run(_there("look"), *seen, on_error="return")
        here = cluster_host.look("", ())[1]
        for worker, look in looks.items():
            unseen, versions = (str(HOST), here) if isinstance(look, Exception) else look
            if unseen:
                unseen = folder if unseen == token.name else unseen
                raise UserError(
                    f"{worker} does not see {unseen}; put it on a file system that all machines share, at "
                    "the same path"
                )
            for package in (name for name in here if versions[name] != here[name]):
                line = f"{worker}: {package} {versions[package]}, {here[package]} here"
                print(printable(f"{line}: results may differ in their last bits"), file=sys.stderr)


def _connect(address: str) -> Any:
    """A client of the scheduler. UserError without the package or an answer."""
    try:
        from distributed import Client  # noqa: PLC0415  an extra
    except ImportError as error:
        raise UserError(
            f"--scheduler {address}: a package is missing ({error}): "
            f"python -m pip install -r {project() / 'requirements-cluster.txt'}"
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what fails is said in one line
    found: dict[str, Any] = {}

    def connect() -> None:
        try:
            found["client"] = Client(address, timeout=CONNECT, set_as_default=False)
        except Exception as error:  # noqa: BLE001  each kind of address fails in its own way
            found["reason"] = str(error)

    # In a thread, as a port that somebody else listens on keeps a client waiting for ever.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(CONNECT + 5)
    if "client" not in found:
        reason = found.get("reason") or f"no answer in {CONNECT + 5:g} s"
        raise UserError(
            f"--scheduler {address}: expected the address of a Dask scheduler, such as tcp://host:8786 "
            f"({reason})"
        )
    return found["client"]


def _require_workers(client: Any, address: str) -> None:
    until = time.monotonic() + FIRST
    while not client.nthreads():
        if time.monotonic() > until:
            raise UserError(
                f"--scheduler {address}: it has no workers; start them on each machine, in the project's "
                f"folder: dask worker {address} --nthreads 1"
            )
        time.sleep(0.2)


def _there(entry: str) -> Callable[..., Any]:
    """A function that calls one of `cluster_host.py` on a worker.

    It is nested, and so is sent as it is: a worker cannot import the project. The file is loaded once, as
    long as it is the same.
    """
    place = str(HOST)
    name = f"cluster_host_{hashlib.sha256(HOST.read_bytes()).hexdigest()}"

    def call(*arguments: Any) -> Any:
        import importlib.util  # noqa: PLC0415  what is sent brings no imports along
        import sys  # noqa: PLC0415

        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, place)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules.setdefault(name, module)
        return getattr(sys.modules[name], entry)(*arguments)

    return call
