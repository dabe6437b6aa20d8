"""Scripts of the project in forked processes, which have torch loaded: a second each instead of six."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys

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
    """Run a script here, with one worker; its exit code is the process's."""
    os.setsid()
    target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, "utf-8", closefd=False) for number in (1, 2))
    os.cpu_count = lambda: 1
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from common import cli

    sys.argv = list(command)
    code = cli.run(importlib.import_module(command[0].removesuffix(".py")).main)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def prepare(monkeypatch) -> None:
    """Load what the processes need."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    warm_scripts.preload()
