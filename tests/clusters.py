"""A Dask scheduler and its workers as processes on loopback, for tests."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from conftest import ROOT

PATIENCE = 120.0  # seconds for a process to come up on a busy machine


class LocalCluster:
    """`address` of a scheduler in a process of its own; `worker` starts more of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, []
        about = folder / "scheduler.json"
        more = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(about))
        self.start("scheduler", *more)
        wait_for(lambda: about.is_file() and about.read_text(encoding="utf-8").endswith("}"), "a scheduler")
        self.address = json.loads(about.read_text(encoding="utf-8"))["address"]

    def start(self, kind: str, *arguments: str) -> subprocess.Popen:
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),  # functions of tests run there
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
            "DASK_TEMPORARY_DIRECTORY": str(self.folder),
        }
        log = (self.folder / f"{kind}-{len(self.processes)}.log").open("w", encoding="utf-8")
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments]
        with log:
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=self.folder)
        self.processes.append(process)
        return process

    def worker(self, *arguments: str) -> subprocess.Popen:
        return self.start("worker", self.address, "--nthreads", "1", "--no-dashboard", *arguments)

    def end(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(done, what: str) -> None:
    """Till done() is true; AssertionError naming what did not come."""
    until = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < until, f"{what} did not come in {PATIENCE:g} s"
        time.sleep(0.05)
