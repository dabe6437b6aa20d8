"""Scripts of the project in forks of one process that has torch loaded, since imports take longest of all.

The process is started by the first test that asks for a script and ends with pytest. A fork is one script:
its own arguments, folder, environment, output and exit code. Where processes cannot fork, `run` starts a new
one.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOADED = (
    *("torch._dynamo", "matplotlib.figure", "matplotlib.font_manager", "scipy.signal", "sklearn.cluster"),
    *("training.acoustic", "training.hubert", "training.vocoder", "conversion.converter"),
)
CAN_FORK = hasattr(os, "fork")


def preload() -> None:
    """What the scripts need and takes long to load."""
    import numpy as np
    import torch
    import torch.utils.tensorboard  # noqa: F401

    import audio

    audio.prepare(np.ones(16000, np.float32))
    torch.set_num_threads(1)
    for name in LOADED:
        importlib.import_module(name)


def command(arguments: list[str]) -> list[str]:
    """How a user calls it: `NAME.py …` of the project's root, or `-m MODULE …`."""
    script, *rest = arguments
    return [sys.executable, *([str(ROOT / script)] if script.endswith(".py") else ["-m", script]), *rest]


def environment(**changed: str) -> dict[str, str]:
    """Variables of a script: Python finds the project, and has one thread."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", **changed}


def run(arguments: list[str], cwd: Path, fresh: bool = False, **changed: str) -> subprocess.CompletedProcess:
    """Run a script from `cwd`: its exit code and what it printed.

    fresh: in a new process, as always where `changed` is for Python itself, which reads it when it starts.
    """
    env = environment(**changed)
    if fresh or not CAN_FORK or any(name.startswith("PYTHON") for name in changed):
        return subprocess.run(command(arguments), cwd=cwd, env=env, capture_output=True, encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("stdout", "stderr")]
        code = Server.ask({"arguments": arguments, "cwd": str(cwd), "env": env, "output": [*map(str, paths)]})
        said = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    return subprocess.CompletedProcess(arguments, code, *said)


class Server:
    """The one process of this pytest process."""

    process: subprocess.Popen | None = None
    lock = threading.Lock()

    @classmethod
    def ask(cls, request: dict) -> int:
        """Exit code of one script."""
        with cls.lock:
            if cls.process is None:
                pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
                cls.process = subprocess.Popen([sys.executable, __file__], env=environment(), **pipes)
                atexit.register(cls.process.stdin.close)
            cls.process.stdin.write(json.dumps(request) + "\n")
            cls.process.stdin.flush()
            return int(cls.process.stdout.readline())


def serve() -> None:
    """Fork for every line of standard input, and answer with the exit code."""
    preload()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            child(**json.loads(line))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(code, flush=True)


def child(arguments: list[str], cwd: str, env: dict[str, str], output: list[str]) -> None:
    """Run the script here, with one worker unless it is told otherwise, and end this process."""
    for number, path in enumerate((os.devnull, *output)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, "utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    os.cpu_count = lambda: 1
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = finished(*arguments)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def finished(script: str, *rest: str) -> int:
    """Exit code of a script, as Python gives it."""
    try:
        if script.endswith(".py"):
            sys.argv = [str(ROOT / script), *rest]
            runpy.run_path(sys.argv[0], run_name="__main__")
        else:
            sys.argv = [script, *rest]
            runpy.run_module(script, run_name="__main__", alter_sys=True)
        return 0
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    return 1


if __name__ == "__main__":
    serve()
