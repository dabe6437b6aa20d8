"""The .sh files do what their .cmd twins do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from script_runner import (
    BASH,
    PYTEST,
    ROOT,
    Ran,
    add_song,
    add_voice,
    copy_project,
    make_recorder,
    needs_bash,
    run,
    scripts,
)

SCRIPTS = scripts(".sh")
LABELS, ACOUSTIC, INFER = "preprocess_hubert-pitdyn.sh", "preprocess_acoustic.sh", "make_infer_test.sh"


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
        "app.sh --help",
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
@pytest.mark.parametrize("script", ["app.sh", "demo.sh", "run_tests.sh"])
def test_an_unfinished_venv_is_made_with_the_python_on_the_path(shell, script):
    fail_outside_venv(shell.project, "python3")
    ran = shell(script)
    assert (ran.code, ran.calls) == (97, [])


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
@pytest.mark.parametrize(("codes", "calls", "code"), [((), 2, 0), ((0, 2), 2, 2), ((3,), 1, 3)])
def test_app_installs_what_it_needs_and_passes_options(shell, codes, calls, code):
    ran = shell("app.sh", "--port", "8000", codes=codes)
    expected = [
        ["tools/make_venv.py", "requirements.txt", "requirements-app.txt"],
        ["app.py", "--port", "8000"],
    ]
    assert (ran.calls, ran.code) == (expected[:calls], code)


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
            for voice in ("kathleen", "dorodoro", "scottpoid", "kumi")
            for what in (["--input", "test", "--out_path", "gen"], song)
        ),
        ["make_index.py", "--test", "test", "--out", "gen/index.html"],
    ]
    assert ran.code == 0 and "page:        gen/index.html\n" in ran.output


@needs_bash
def test_demo_takes_a_file(shell):
    add_song(shell.project)
    ran, song = shell("demo.sh", "my song.wav"), str(shell.project / "my song.wav")
    assert {call[5] for call in ran.calls[1:-1]} == {song}
    assert ran.calls[-1] == ["make_index.py", "--test", song, "--out", "gen/index.html"]
    assert ran.code == 0 and "page:        gen/index.html\n" in ran.output


@needs_bash
@pytest.mark.parametrize(("code", "calls"), [(1, 10), (2, 3)])
def test_demo_goes_on_after_a_song_that_failed_and_stops_at_wrong_usage(shell, code, calls):
    add_song(shell.project)
    ran = shell("demo.sh", codes=(0, 0, code))
    assert (len(ran.calls), ran.code) == (calls, code)


@needs_bash
def test_demo_goes_on_after_a_voice_that_lacks_some_files(shell):
    ran = shell("demo.sh", codes=(0, 0, 1, 0, 0, 0))
    assert (len(ran.calls), ran.code) == (6, 1)
    assert "code 1" in ran.output and "page:        gen/index.html\n" in ran.output


@needs_bash
@pytest.mark.parametrize("step", range(6))
def test_demo_stops_at_the_step_that_fails(shell, step):
    ran = shell("demo.sh", codes=(*[0] * step, 2))
    assert (len(ran.calls), ran.code) == (step + 1, 2)
