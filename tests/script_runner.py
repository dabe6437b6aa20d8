"""Runs the .cmd and .sh files in a copy of the project where `python` only notes how it was called.

The stand-in appends one line per call, arguments joined by the unit separator, and ends with the next code
of RECORD_CODES (comma-separated; 0 when they have run out).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SEPARATOR = "\x1f"
BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None or os.name == "nt", reason="needs bash on Linux or macOS")
PYTEST = ["-m", "pytest", "-n", "auto", "--maxprocesses", "4", "--dist", "loadfile"]  # in run_tests

RECORDER_PY = """import os, sys
path = os.environ["RECORD_FILE"]
with open(path, "a+", encoding="utf-8", newline="") as file:
    file.seek(0)
    calls = len(file.read().splitlines())
    file.write("\\x1f".join(sys.argv[1:]) + "\\n")
codes = [int(code) for code in os.environ.get("RECORD_CODES", "").split(",") if code]
sys.exit(codes[calls] if calls < len(codes) else 0)
"""

RECORDER_C = r"""#include <stdio.h>
#include <stdlib.h>
#include <windows.h>
#include <shellapi.h>
int main(void) {
    int argc, calls = 0, c, code;
    char text[8192], *codes = getenv("RECORD_CODES");
    LPWSTR *argv = CommandLineToArgvW(GetCommandLineW(), &argc);
    FILE *file = _wfopen(_wgetenv(L"RECORD_FILE"), L"ab+");
    rewind(file);
    while ((c = fgetc(file)) != EOF) calls += c == '\n';
    fseek(file, 0, SEEK_END);
    for (int i = 1; i < argc; i++) {
        WideCharToMultiByte(CP_UTF8, 0, argv[i], -1, text, sizeof text, NULL, NULL);
        fprintf(file, "%s%s", i > 1 ? "\x1f" : "", text);
    }
    fputc('\n', file);
    fclose(file);
    for (; codes && *codes; calls--) {
        code = strtol(codes, &codes, 10);
        if (calls == 0) return code;
        if (*codes == ',') codes++;
    }
    return 0;
}
"""


@dataclass
class Ran:
    """What one run of a script did: its exit code, what it printed, and each call of python."""

    code: int
    output: str
    calls: list[list[str]] = field(default_factory=list)


def scripts(suffix: str) -> list[str]:
    """Names of the project's scripts that end with `suffix`."""
    return sorted(path.name for path in ROOT.glob(f"*{suffix}"))


def copy_project(folder: Path, suffix: str) -> Path:
    """A folder with every script of the project that ends with `suffix`, and nothing else."""
    folder.mkdir(parents=True)
    for script in ROOT.glob(f"*{suffix}"):
        shutil.copy(script, folder)
    return folder


def add_song(project: Path) -> None:
    """Where the demo looks for its song, a file that the stand-in does not read."""
    (project / "test").mkdir(exist_ok=True)
    (project / "test" / "sung_melody.wav").write_bytes(b"")


def add_voice(project: Path, vbank: str) -> None:
    """Where the scripts look for voices, a model that the stand-in does not read."""
    model = project / "out" / vbank / "acoustic" / "model-best.pt"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"")


def make_recorder(path: Path) -> Path:
    """Write the stand-in for python as an executable script for Linux and macOS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    program = path.with_name(f"{path.name}_recorder.py")
    program.write_text(RECORDER_PY, encoding="utf-8")
    path.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S {shlex.quote(str(program))} "$@"\n',
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def make_batch_recorder(path: Path, interpreter: str) -> Path:
    """Write the stand-in as a .bat, as pyenv for Windows installs python."""
    program = path.with_suffix(".py")
    program.write_text(RECORDER_PY, encoding="utf-8")
    path.write_bytes(f'@ECHO OFF\r\n"{interpreter}" "%~dp0{program.name}" %*\r\n'.encode())
    return path


def run(command: list[str], project: Path, codes: tuple[int, ...] = (), record: str = "", **env: str) -> Ran:
    """Run `command` in `project`; `record` is the note file's name as the stand-in sees it."""
    notes = project / "calls.txt"
    notes.unlink(missing_ok=True)
    variables = {
        **os.environ,
        "RECORD_CODES": ",".join(map(str, codes)),
        "RECORD_FILE": record or str(notes),
        **env,
    }
    if "PYTHON_BIN" not in env:
        variables.pop("PYTHON_BIN", None)
    done = subprocess.run(
        command, cwd=project, env=variables, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    text = (done.stdout + done.stderr).decode("utf-8", "replace").replace("\r\n", "\n")
    lines = notes.read_text("utf-8").split("\n")[:-1] if notes.exists() else []
    return Ran(done.returncode, text, [line.split(SEPARATOR) for line in lines])
