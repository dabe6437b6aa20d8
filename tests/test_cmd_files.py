"""What the .cmd files do under wincmd's pycmd, Wine, or cmd.exe itself."""

from __future__ import annotations

import os
import re
import shutil
import sys

import pytest
from cmd_shells import PYCMD, Native, PyCmd, Wine, wine_recorder  # noqa: F401
from script_runner import PYTEST, add_song, add_voice, copy_project, make_batch_recorder, scripts

SCRIPTS = scripts(".cmd")
LABELS, ACOUSTIC, INFER = "preprocess_hubert-pitdyn.cmd", "preprocess_acoustic.cmd", "make_infer_test.cmd"
WINE = pytest.param("wine", marks=pytest.mark.slow)


@pytest.fixture(params=["cmd.exe"] if os.name == "nt" else ["pycmd", WINE])
def shell(request, tmp_path):
    """Calls a .cmd in a copy of the project whose path has a space and a letter outside ASCII."""
    if request.param == "pycmd" and not PYCMD.exists():
        pytest.skip("wincmd is not installed: pip install -r requirements-dev.txt")
    recorder = request.getfixturevalue("wine_recorder") if request.param == "wine" else None
    project = copy_project(tmp_path / "pitch ü", ".cmd")
    if request.param == "cmd.exe":
        return Native(project)
    return Wine(project, recorder) if recorder else PyCmd(project)


@pytest.mark.parametrize(
    "line",
    [f"{LABELS}", f"{LABELS} name", ACOUSTIC, f"{ACOUSTIC} name", f"{ACOUSTIC} name wavs"]
    + [f"{name} /?" for name in (INFER, "app.cmd", "demo.cmd", "run_tests.cmd")],
)
def test_help_ends_with_2(shell, line):
    ran = shell(*line.split())
    assert (ran.code, ran.calls) == (2, [])
    assert ran.output.startswith(f"usage:   {line.split()[0]}")


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ("C:\\Data\\BZNSYP\\Wave", "C:\\Data\\BZNSYP\\Wave"),
        ("my wavs", "my wavs"),
        ("my wavs\\", "my wavs"),
        ("D:\\bank\\wavs\\", "D:\\bank\\wavs"),
        ("C:\\", "C:\\."),
        ("歌声 データ\\はな", "歌声 データ\\はな"),
        ("take (1) of 2", "take (1) of 2"),
    ],
)
def test_labels_pass_the_path(shell, given, passed):
    ran = shell(LABELS, "my set", given)
    assert ran.calls == [["preprocess.py", "my set", "--wavs", passed, "--pitdyn"]]
    assert ran.code == 0


@pytest.mark.parametrize("given", ["rock & roll", "100% pure", "a^b c", "eq=ual"])
def test_special_characters_in_quotes(shell, given):
    if isinstance(shell, Wine):
        pytest.skip("Wine's cmd expands them on its own command line, before the file is read")
    assert shell(LABELS, "set", given).calls == [["preprocess.py", "set", "--wavs", given, "--pitdyn"]]


def test_labels_forward_more_arguments(shell):
    extra = [
        "--config",
        "configs\\my tiny.toml",
        "--force",
        "--n_workers",
        "2",
        "--a",
        "1",
        "--b",
        "2",
        "--c",
        "3",
    ]
    ran = shell(LABELS, "set", "my wavs\\", *extra)
    assert ran.calls == [["preprocess.py", "set", "--wavs", "my wavs", "--pitdyn", *extra]]


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_labels_pass_the_exit_code(shell, code):
    ran = shell(LABELS, "set", "wavs", codes=(code,))
    assert ran.code == code
    assert (f"ended with code {code}" in ran.output) == (code != 0)


def test_acoustic_runs_both_steps(shell):
    extra = ["--config", "configs\\my tiny.toml", "--force"]
    ran = shell(ACOUSTIC, "はな", "my wavs\\", "data baker", *extra)
    assert ran.calls == [
        ["preprocess.py", "はな", "--wavs", "my wavs", "--mel", *extra],
        ["preprocess.py", "はな", "--encode", "data baker", *extra],
    ]
    assert ran.code == 0


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


@pytest.mark.parametrize("script", [LABELS, ACOUSTIC])
def test_a_crash_of_python_ends_with_a_small_positive_code(shell, script):
    if not isinstance(shell, Wine):
        pytest.skip("Linux programs have no negative exit codes")
    assert shell(script, "set", "wavs", "more", codes=(-1073741819,)).code == 3


@pytest.mark.parametrize("script", [LABELS, ACOUSTIC, "run_tests.cmd"])
def test_a_missing_python_fails(shell, script):
    args = [] if script == "run_tests.cmd" else ["set", "wavs", "more"]
    ran = shell(script, *args, PYTHON_BIN="no_such_python")
    assert 0 < ran.code < 256
    assert ran.calls == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_python_of_venv_comes_first_and_python_bin_before_it(shell, script):
    if isinstance(shell, Native):
        pytest.skip("a .venv with a recording python.exe cannot be made here")
    add_voice(shell.project, "demo")
    (shell.project / ".venv" / "installed-requirements.json").write_text("{}", encoding="utf-8")
    args = ["set", "wavs", "more"] if script.startswith("preprocess") else []
    unset = {"PYTHON_BIN": ""} if isinstance(shell, Wine) else {}
    if isinstance(shell, PyCmd):
        (shell.bin / "python").write_text("#!/bin/sh\nexit 97\n", encoding="utf-8")
    ran = shell(script, *args, **unset)
    assert ran.code == 0 and ran.calls
    named = shell(script, *args, PYTHON_BIN="no_such_python")
    assert 0 < named.code < 256 and named.calls == []


@pytest.mark.parametrize("script", [LABELS, ACOUSTIC, INFER])
def test_without_venv_the_python_on_the_path_runs(shell, script):
    if isinstance(shell, Wine):
        pytest.skip("Wine has no python on its path")
    add_voice(shell.project, "demo")
    shutil.rmtree(shell.project / ".venv", ignore_errors=True)
    args = ["set", "wavs", "more"] if script.startswith("preprocess") else []
    ran = shell(script, *args)
    assert ran.code == 0 and ran.calls


def test_python_bat_comes_back(shell):
    if isinstance(shell, Wine):
        pytest.skip("a .bat cannot wait for a Linux python")
    make_batch_recorder(shell.project / "shim.bat", sys.executable)
    ran = shell(ACOUSTIC, "hana", "wavs", "set", PYTHON_BIN="shim.bat", codes=(1, 0))
    assert (len(ran.calls), ran.code) == (2, 1)


def test_infer_test_converts_to_every_voice(shell):
    for vbank in ("はな", "two words"):
        add_voice(shell.project, vbank)
    (shell.project / "out" / "databaker" / "hubert-pit").mkdir(parents=True)
    ran = shell(INFER, "data baker")
    expected = [
        ["infer.py", v, "--dataset", "data baker", "--input", "test", "--out_path", "gen"]
        for v in ("two words", "はな")
    ]
    assert sorted(ran.calls[:-1]) == expected
    assert ran.calls[-1] == ["make_index.py", "--test", "test", "--gen", "gen"]
    assert ran.code == 0


@pytest.mark.parametrize(("codes", "code"), [((1, 0, 0), 1), ((2, 1, 0), 2), ((0, 0, 2), 2)])
def test_infer_test_goes_on_and_ends_with_the_worst_code(shell, codes, code):
    for vbank in ("a", "b"):
        add_voice(shell.project, vbank)
    ran = shell(INFER, codes=codes)
    assert [call[0] for call in ran.calls] == ["infer.py", "infer.py", "make_index.py"]
    assert ran.calls[0][2:4] == ["--input", "test"]
    assert ran.code == code


def test_infer_test_makes_no_page_where_nothing_was_converted(shell):
    for vbank in ("a", "b"):
        add_voice(shell.project, vbank)
    ran = shell(INFER, codes=(2, 3))
    assert [call[0] for call in ran.calls] == ["infer.py", "infer.py"]
    assert ran.code == 3


def test_infer_test_without_a_voice_says_what_to_do(shell):
    ran = shell(INFER)
    assert (ran.code, ran.calls) == (2, [])
    assert "demo.cmd" in ran.output


MAKE_VENV = ["tools\\make_venv.py", "requirements.txt"]
RUFF = [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."]]


@pytest.mark.parametrize(
    ("codes", "calls", "code"),
    [((), 4, 0), ((0, 1, 0, 0), 4, 1), ((0, 0, 1, 0), 4, 1), ((0, 1, 0, 5), 4, 5), ((3,), 1, 3)],
)
def test_run_tests(shell, codes, calls, code):
    if isinstance(shell, Native):
        pytest.skip("a .venv with a recording python.exe cannot be made here")
    ran = shell("run_tests.cmd", "-k", "a b", codes=codes)
    expected = [[*MAKE_VENV, "requirements-dev.txt"], *RUFF, [*PYTEST, "-k", "a b"]]
    assert ran.calls == expected[:calls]
    assert ran.code == code


@pytest.mark.parametrize(("codes", "calls", "code"), [((), 2, 0), ((0, 2), 2, 2), ((3,), 1, 3)])
def test_app_installs_what_it_needs_and_passes_options(shell, codes, calls, code):
    if isinstance(shell, Native):
        pytest.skip("a .venv with a recording python.exe cannot be made here")
    ran = shell("app.cmd", "--port", "8000", codes=codes)
    expected = [[*MAKE_VENV, "requirements-app.txt"], ["app.py", "--port", "8000"]]
    assert (ran.calls, ran.code) == (expected[:calls], code)


def test_demo_converts_to_every_voice(shell):
    if isinstance(shell, Native):
        pytest.skip("a .venv with a recording python.exe cannot be made here")
    add_song(shell.project)
    ran = shell("demo.cmd")
    song = ["--input", r"test\sung_melody.wav", "--out_path", "gen", "--transpose", "-12"]
    assert ran.calls == [
        MAKE_VENV,
        *(
            ["infer.py", voice, "--dataset", "demo", *what]
            for voice in ("kathleen", "dorodoro", "scottpoid", "kumi")
            for what in (["--input", "test", "--out_path", "gen"], song)
        ),
        ["make_index.py", "--test", "test", "--out", r"gen\index.html"],
    ]
    assert ran.code == 0


def test_demo_takes_a_file(shell):
    if isinstance(shell, Native):
        pytest.skip("a .venv with a recording python.exe cannot be made here")
    add_song(shell.project)
    ran = shell("demo.cmd", "my song.wav")
    songs = [*(call[5] for call in ran.calls[1:-1]), ran.calls[-1][2]]
    assert len(ran.calls) == 6 and all(re.search(r"pitch ü[\\/]my song\.wav$", song) for song in songs)
    assert ran.calls[-1][3:] == ["--out", r"gen\index.html"]


def test_demo_names_a_path_without_running_a_part_of_it(shell):
    if isinstance(shell, Native):
        pytest.skip("a .venv with a recording python.exe cannot be made here")
    ran = shell("demo.cmd", "rock&echo roll.wav")
    assert (len(ran.calls), ran.code) == (6, 0)
    assert [
        line for line in ran.output.splitlines() if line.startswith("sources:") and "rock&echo roll" in line
    ]
    assert not any(line.startswith("roll") for line in ran.output.splitlines())


@pytest.mark.parametrize(("code", "calls"), [(1, 10), (2, 3)])
def test_demo_goes_on_after_a_song_that_failed_and_stops_at_wrong_usage(shell, code, calls):
    if isinstance(shell, Native):
        pytest.skip("a .venv with a recording python.exe cannot be made here")
    add_song(shell.project)
    ran = shell("demo.cmd", codes=(0, 0, code))
    assert (len(ran.calls), ran.code) == (calls, code)


def test_demo_goes_on_after_a_voice_that_lacks_some_files(shell):
    if isinstance(shell, Native):
        pytest.skip("a .venv with a recording python.exe cannot be made here")
    ran = shell("demo.cmd", codes=(0, 0, 1, 0, 0, 0))
    assert (len(ran.calls), ran.code) == (6, 1)
    assert "dorodoro was left without" in ran.output and r"gen\index.html" in ran.output


@pytest.mark.parametrize("step", [1, 2, 5])
def test_demo_stops_at_the_step_that_fails(shell, step):
    if isinstance(shell, Native):
        pytest.skip("a .venv with a recording python.exe cannot be made here")
    ran = shell("demo.cmd", codes=(*[0] * step, 2))
    assert (len(ran.calls), ran.code) == (step + 1, 2)
