"""Scripts of the project in forked processes, which have torch loaded: a second each instead of six."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest
import warm_scripts

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, as Linux and macOS have it")


class Forked:
    """As much of a subprocess.Popen as `experiments.demo_system.running` asks of it."""

    def __init__(self, command, log) -> None:
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=child, args=(command, log))
        self.process.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join()
        return self.process.exitcode

    def kill(self) -> None:
        """As a machine does that loses its power."""
        os.killpg(self.pid, signal.SIGKILL)
        self.wait()


def child(command, log) -> None:
    """Run a script here, in a session of its own; its exit code is the process's."""
    os.setsid()
    warm_scripts.child(list(command), os.getcwd(), dict(os.environ), [log, log])


def prepare(monkeypatch) -> None:
    """Load what the processes need."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    warm_scripts.preload()
