"""The text of the .sh files: bytes, syntax, and that each .cmd has its twin with the same voices."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from script_runner import BASH, ROOT, needs_bash, scripts

SCRIPTS = scripts(".sh")


@pytest.mark.parametrize("name", [*SCRIPTS, ".ci/run"])
def test_bytes(name):
    data = (ROOT / name).read_bytes()
    assert data.startswith(b"#!/usr/bin/env bash\n")
    assert data.isascii() and b"\r" not in data and data.endswith(b"\n")
    assert os.name == "nt" or os.access(ROOT / name, os.X_OK)


def test_each_cmd_has_an_sh():
    assert [name[:-3] for name in SCRIPTS] == sorted(path.stem for path in ROOT.glob("*.cmd"))


def test_demo_has_the_same_voices_in_both_and_they_are_there():
    voices = re.search(r'VOICES="([\w ]+)"', (ROOT / "demo.sh").read_text("ascii")).group(1).split()
    assert voices == re.findall(r"CALL :CONVERT (\w+)", (ROOT / "demo.cmd").read_text("ascii"))
    for name in voices:
        assert (ROOT / "out" / name / "acoustic" / "model-best.pt").is_file(), name


@needs_bash
@pytest.mark.parametrize("name", [*SCRIPTS, ".ci/run"])
def test_syntax(name):
    assert subprocess.run([BASH, "-n", str(ROOT / name)], capture_output=True).stderr == b""
