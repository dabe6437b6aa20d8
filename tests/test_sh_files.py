"""The .sh files do what their .cmd twins do; and tools/make_venv.py, which both call."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from script_runner import PYTEST, ROOT, SEPARATOR, Ran, add_song, copy_project, make_recorder, run

SCRIPTS = sorted(path.name for path in ROOT.glob("*.sh"))
LABELS, ACOUSTIC, INFER = "preprocess_hubert-pitdyn.sh", "preprocess_acoustic.sh", "make_infer_test.sh"
BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None or os.name == "nt", reason="needs bash on Linux or macOS")


@pytest.fixture
def shell(tmp_path):
    """Calls a .sh in a copy of the project whose path has a space and a letter outside ASCII."""
    project = copy_project(tmp_path / "pitch ü", ".sh")
    folder = make_recorder(tmp_path / "bin" / "python").parent
    make_recorder(folder / "python3")
    make_recorder(project / ".venv" / "bin" / "python")

    def call(script: str, *args: str, codes: tuple[int, ...] = (), **env: str) -> Ran:
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        return run([BASH, script, *args], project, codes, PATH=path, **env)

    call.project = project
    return call


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


@needs_bash
@pytest.mark.parametrize(
    "line",
    [
        LABELS,
        f"{LABELS} name",
        ACOUSTIC,
        f"{ACOUSTIC} name",
        f"{ACOUSTIC} name wavs",
        f"{INFER} -h",
        "demo.sh -h",
    ],
)
def test_help_ends_with_2(shell, line):
    ran = shell(*line.split())
    assert (ran.code, ran.calls) == (2, [])
    assert ran.output.startswith(f"usage:   {line.split()[0]}")


@needs_bash
@pytest.mark.parametrize(
    "wavs", ["my wavs/", "歌声 データ/はな", "rock & roll", "a'b\"c", "$HOME", "*", "-x\\"]
)
def test_labels_pass_the_path_and_more(shell, wavs):
    extra = ["--config", "configs/my tiny.toml", "--force", *[str(n) for n in range(10)]]
    ran = shell(LABELS, "my set", wavs, *extra)
    assert ran.calls == [["preprocess.py", "my set", "--wavs", wavs, "--pitdyn", *extra]]
    assert ran.code == 0


@needs_bash
@pytest.mark.parametrize("code", [1, 2, 130])
def test_labels_pass_the_exit_code(shell, code):
    ran = shell(LABELS, "set", "wavs", codes=(code,))
    assert ran.code == code
    assert f"ended with code {code}" in ran.output


@needs_bash
def test_acoustic_runs_both_steps(shell):
    ran = shell(ACOUSTIC, "はな", "my wavs", "data baker", "--force")
    assert ran.calls == [
        ["preprocess.py", "はな", "--wavs", "my wavs", "--mel", "--force"],
        ["preprocess.py", "はな", "--encode", "data baker", "--force"],
    ]
    assert ran.code == 0


@needs_bash
@pytest.mark.parametrize(
    ("codes", "steps", "code"),
    [
        ((1, 0), 2, 1),
        ((0, 1), 2, 1),
        ((1, 1), 2, 1),
        ((2,), 1, 2),
        ((1, 2), 2, 2),
        ((0, 5), 2, 5),
        ((130,), 1, 130),
    ],
)
def test_acoustic_goes_on_after_1_and_stops_from_2(shell, codes, steps, code):
    ran = shell(ACOUSTIC, "hana", "wavs", "databaker", codes=codes)
    assert (len(ran.calls), ran.code) == (steps, code)


@needs_bash
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_missing_python_fails(shell, script):
    add_voice(shell.project, "demo")
    args = ["set", "wavs", "more"] if script.startswith("preprocess") else []
    ran = shell(script, *args, PYTHON_BIN="no_such_python")
    assert ran.code == 127
    assert ran.calls == []


def fail_outside_venv(project: Path, *names: str) -> None:
    """Make each Python on the path end with 97, so that a script succeeds with .venv's alone."""
    for name in names:
        (project.parent / "bin" / name).write_text("#!/bin/sh\nexit 97\n", encoding="utf-8")


@needs_bash
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_python_of_venv_comes_first_and_python_bin_before_it(shell, script):
    add_voice(shell.project, "demo")
    (shell.project / ".venv" / "installed-requirements.json").write_text("{}", encoding="utf-8")
    args = ["set", "wavs", "more"] if script.startswith("preprocess") else []
    fail_outside_venv(shell.project, "python", "python3")
    ran = shell(script, *args)
    assert ran.code == 0 and ran.calls
    named = shell(script, *args, PYTHON_BIN=str(shell.project.parent / "bin" / "python"))
    assert (named.code, named.calls) == (97, [])


@needs_bash
@pytest.mark.parametrize("name", ["python", "python3"])
@pytest.mark.parametrize("script", [LABELS, ACOUSTIC, INFER])
def test_without_venv_the_python_on_the_path_runs(shell, script, name):
    add_voice(shell.project, "demo")
    shutil.rmtree(shell.project / ".venv")
    tools = shell.project.parent / "tools"
    tools.mkdir()
    for tool in ("basename", "dirname"):
        (tools / tool).symlink_to(shutil.which(tool))
    shutil.copy(shell.project.parent / "bin" / name, tools / name)
    args = ["set", "wavs", "more"] if script.startswith("preprocess") else []
    path = dict(os.environ, PATH=str(tools), RECORD_FILE=str(shell.project / "calls.txt"), RECORD_CODES="")
    path.pop("PYTHON_BIN", None)
    done = subprocess.run([BASH, script, *args], cwd=shell.project, env=path, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (shell.project / "calls.txt").read_text("utf-8").startswith(("preprocess.py", "infer.py"))


@needs_bash
@pytest.mark.parametrize("script", ["demo.sh", "run_tests.sh"])
def test_an_unfinished_venv_is_made_with_the_python_on_the_path(shell, script):
    fail_outside_venv(shell.project, "python3")
    ran = shell(script)
    assert (ran.code, ran.calls) == (97, [])


def add_voice(project: Path, vbank: str) -> None:
    model = project / "out" / vbank / "acoustic" / "model-best.pt"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"")


@needs_bash
@pytest.mark.parametrize(("codes", "code"), [((), 0), ((1, 0, 0), 1), ((2, 1, 0), 2), ((0, 0, 2), 2)])
def test_infer_test_converts_to_every_voice(shell, codes, code):
    for vbank in ("はな", "two words"):
        add_voice(shell.project, vbank)
    (shell.project / "out" / "databaker" / "hubert-pit").mkdir(parents=True)
    ran = shell(INFER, "data baker", codes=codes)
    options = ["--dataset", "data baker", "--input", "test", "--out_path", "gen"]
    assert sorted(ran.calls[:-1]) == [["infer.py", vbank, *options] for vbank in ("two words", "はな")]
    assert ran.calls[-1] == ["make_index.py", "--test", "test", "--gen", "gen"]
    assert ran.code == code


@needs_bash
def test_infer_test_takes_the_voices_own_dataset_and_makes_no_page_of_nothing(shell):
    add_voice(shell.project, "a")
    ran = shell(INFER, codes=(2,))
    assert (ran.code, ran.calls) == (2, [["infer.py", "a", "--input", "test", "--out_path", "gen"]])


@needs_bash
def test_infer_test_without_a_voice_says_what_to_do(shell):
    ran = shell(INFER)
    assert (ran.code, ran.calls) == (2, [])
    assert "demo.sh" in ran.output


@needs_bash
@pytest.mark.parametrize(
    ("codes", "calls", "code"),
    [((), 4, 0), ((0, 1, 0, 0), 4, 1), ((0, 0, 1, 0), 4, 1), ((0, 1, 0, 5), 4, 5), ((3,), 1, 3)],
)
def test_run_tests(shell, codes, calls, code):
    ran = shell("run_tests.sh", "-k", "a b", codes=codes)
    assert (
        ran.calls
        == [
            ["tools/make_venv.py", "requirements.txt", "requirements-dev.txt"],
            ["-m", "ruff", "check", "."],
            ["-m", "ruff", "format", "--check", "."],
            [*PYTEST, "-k", "a b"],
        ][:calls]
    )
    assert ran.code == code


@needs_bash
def test_ci_runs_the_tests_from_anywhere(shell):
    (shell.project / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", shell.project / ".ci")
    command = [BASH, str(shell.project / ".ci" / "run")]
    path = f"{shell.project.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        "RECORD_FILE": str(shell.project / "calls.txt"),
        "RECORD_CODES": "0,0,0,4",
    }
    environment.pop("PYTHON_BIN", None)
    assert subprocess.run(command, cwd="/", env=environment).returncode == 4
    assert (shell.project / "calls.txt").read_text("utf-8").splitlines()[-1] == "\x1f".join(PYTEST)


@needs_bash
def test_demo_converts_to_every_voice(shell):
    add_song(shell.project)
    ran = shell("demo.sh")
    song = ["--input", "test/sung_melody.wav", "--out_path", "gen", "--transpose", "-12"]
    assert ran.calls == [
        ["tools/make_venv.py", "requirements.txt"],
        *(
            ["infer.py", voice, "--dataset", "demo", *what]
            for voice in ("kathleen", "dorodoro", "scottpoid")
            for what in (["--input", "test", "--out_path", "gen"], song)
        ),
        ["make_index.py", "--test", "test", "--out", "gen/index.html"],
    ]
    assert ran.code == 0 and "page:        gen/index.html\n" in ran.output


@needs_bash
def test_demo_takes_a_file(shell):
    add_song(shell.project)
    ran, song = shell("demo.sh", "my song.wav"), str(shell.project / "my song.wav")
    assert {call[5] for call in ran.calls[1:4]} == {song}
    assert ran.calls[4] == ["make_index.py", "--test", song, "--out", "gen/index.html"]
    assert ran.code == 0 and "page:        gen/index.html\n" in ran.output


@needs_bash
@pytest.mark.parametrize(("code", "calls"), [(1, 8), (2, 3)])
def test_demo_goes_on_after_a_song_that_failed_and_stops_at_wrong_usage(shell, code, calls):
    add_song(shell.project)
    ran = shell("demo.sh", codes=(0, 0, code))
    assert (len(ran.calls), ran.code) == (calls, code)


@needs_bash
def test_demo_goes_on_after_a_voice_that_lacks_some_files(shell):
    ran = shell("demo.sh", codes=(0, 0, 1, 0, 0))
    assert (len(ran.calls), ran.code) == (5, 1)
    assert "code 1" in ran.output and "page:        gen/index.html\n" in ran.output


@needs_bash
@pytest.mark.parametrize("step", range(5))
def test_demo_stops_at_the_step_that_fails(shell, step):
    ran = shell("demo.sh", codes=(*[0] * step, 2))
    assert (len(ran.calls), ran.code) == (step + 1, 2)


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
