"""Interpreters of .cmd files: wincmd's pycmd, cmd of Wine, and cmd.exe itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from script_runner import RECORDER_C, Ran, make_batch_recorder, make_recorder, run

PYCMD = Path(sys.executable).with_name("pycmd")
MINGW = "x86_64-w64-mingw32-gcc"


def quoted(argument: str) -> str:
    """As a user types it: in quotes where it needs them. A backslash before the last quote is left alone."""
    return f'"{argument}"' if re.search(r"[ &^()%=]", argument) else argument


class PyCmd:
    """wincmd's interpreter; `python` is an ordinary script."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.bin = make_recorder(project.parent / "bin" / "python").parent
        make_recorder(project / ".venv" / "Scripts" / "python.exe")

    def __call__(self, script: str, *args: str, codes: tuple[int, ...] = (), **env: str) -> Ran:
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        command = [str(PYCMD), "--allow-external", "--batch", script, "--", *map(quoted, args)]
        return run(command, self.project, codes, PATH=path, **env)


class Wine:
    """cmd of Wine; `python` is a small Windows program."""

    def __init__(self, project: Path, recorder: Path) -> None:
        self.project = project
        self.python = windows_path(shutil.copy(recorder, project.parent / "recorder.exe"))
        scripts = project / ".venv" / "Scripts"
        scripts.mkdir(parents=True)
        shutil.copy(recorder, scripts / "python.exe")

    def __call__(self, script: str, *args: str, codes: tuple[int, ...] = (), **env: str) -> Ran:
        # Wine quotes arguments with spaces itself, and doubles a backslash at their end.
        variables = {"PYTHON_BIN": self.python, **wine_variables(), **env}
        if not variables["PYTHON_BIN"]:
            del variables["PYTHON_BIN"]  # Wine takes an empty variable for a defined one
        record = windows_path(self.project / "calls.txt")
        return run(["wine", "cmd", "/c", script, *args], self.project, codes, record, **variables)


class Native:
    """cmd.exe, on Windows; `python` is a .bat."""

    def __init__(self, project: Path) -> None:
        self.project = project
        (project.parent / "bin").mkdir()
        self.python = make_batch_recorder(project.parent / "bin" / "python.bat", sys.executable)

    def __call__(self, script: str, *args: str, codes: tuple[int, ...] = (), **env: str) -> Ran:
        command = f'cmd /d /s /c "{" ".join([script, *map(quoted, args)])}"'
        return run(command, self.project, codes, **{"PYTHON_BIN": str(self.python), **env})


def windows_path(path: str | Path) -> str:
    return "Z:" + str(path).replace("/", "\\")


def wine_variables() -> dict[str, str]:
    # The prefix is our own, and kept between runs: making it takes 8 seconds and 700 MB.
    prefix = str(Path(tempfile.gettempdir()) / "hubert-pitdyn-wine")
    display = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    return {"WINEPREFIX": prefix, "WINEARCH": "win64", "WINEDEBUG": "-all", "LC_ALL": "C.UTF-8", **display}


@pytest.fixture(scope="session")
def wine_recorder(tmp_path_factory):
    """The Windows stand-in for python, and a Wine prefix that is ready; skips where there is no Wine."""
    for program, package in (("wine", "wine wine64"), (MINGW, "gcc-mingw-w64-x86-64")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: apt-get install {package})")
    source = tmp_path_factory.mktemp("recorder") / "recorder.c"
    source.write_text(RECORDER_C, encoding="utf-8")
    program = source.with_suffix(".exe")
    subprocess.run([MINGW, "-o", str(program), str(source), "-lshell32"], check=True, timeout=60)
    environment = {**os.environ, **wine_variables()}
    # A server that stays for ten seconds saves two seconds in each call. No pipes: it would hold them open.
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["wineserver", "-p10"], timeout=30, **quiet)
    subprocess.run(["wine", "wineboot", "--init"], timeout=120, **quiet)
    return program
