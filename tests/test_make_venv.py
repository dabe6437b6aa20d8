"""tools/make_venv.py, which the .sh and .cmd files call: what it installs, once, and with which Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from script_runner import ROOT, SEPARATOR, make_recorder, needs_bash


def make_venv(project: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "tools" / "make_venv.py"), *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, encoding="utf-8", timeout=120)


@pytest.mark.slow
def test_make_venv_installs_once_for_each_version_of_a_file(tmp_path):
    (tmp_path / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    first = make_venv(tmp_path, "requirements.txt")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "making .venv" in first.stdout and "installing requirements.txt" in first.stdout

    again = make_venv(tmp_path, "requirements.txt")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    (tmp_path / "requirements.txt").write_text("no-such-package @ file:///nowhere\n", encoding="utf-8")
    broken = make_venv(tmp_path, "requirements.txt")
    assert broken.returncode == 3
    assert "making" not in broken.stdout and "pip failed" in broken.stderr
    stamp = json.loads((tmp_path / ".venv" / "installed-requirements.json").read_text("utf-8"))
    (tmp_path / "requirements.txt").write_text("# nothing\r\n", encoding="utf-8", newline="")
    assert make_venv(tmp_path, "requirements.txt").stdout == ""  # the stamp of the first version still holds
    assert list(stamp) == ["requirements.txt"]


@needs_bash
@pytest.mark.parametrize(
    ("wanted", "extra"),
    [
        ("1", ["--extra-index-url", "https://download.pytorch.org/whl/cpu"]),
        ("0", []),
        ("", []),
        (None, []),
    ],
)
def test_torch_cpu_adds_the_index_of_cpu_builds(tmp_path, monkeypatch, wanted, extra):
    (tmp_path / "requirements.txt").write_text("torch\n", encoding="utf-8")
    make_recorder(tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setenv("RECORD_FILE", str(tmp_path / "calls.txt"))
    monkeypatch.delenv("TORCH_CPU", raising=False)
    if wanted is not None:
        monkeypatch.setenv("TORCH_CPU", wanted)
    assert make_venv(tmp_path, "requirements.txt").returncode == 0
    calls = [line.split(SEPARATOR) for line in (tmp_path / "calls.txt").read_text("utf-8").splitlines()]
    pip = ["-m", "pip", "install", "--disable-pip-version-check"]
    assert calls == [["-c", "import pip"], [*pip, *extra, "-r", "requirements.txt"]]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows cannot delete a program that runs")
def test_make_venv_makes_a_broken_one_again_with_its_own_python(tmp_path):
    (tmp_path / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)
    own = tmp_path / ".venv" / "bin" / "python"
    command = [str(own), str(ROOT / "tools" / "make_venv.py"), "requirements.txt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "making .venv" in done.stdout
    assert subprocess.run([str(own), "-c", "import pip"]).returncode == 0


def test_make_venv_names_a_missing_file(tmp_path):
    ran = make_venv(tmp_path, "requirements.txt")
    assert ran.returncode == 2
    assert ran.stderr == "error: no such file: requirements.txt\n"
    assert not (tmp_path / ".venv").exists()
