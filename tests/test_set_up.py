"""A fresh clone: its folders, what git ignores, which Pythons and packages it asks for in one sentence."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common import cli

ROOT = Path(__file__).resolve().parent.parent
WAV = ROOT / "test" / "slt_clear.wav"
CALLS = {
    "infer.py": ["scottpoid", "--dataset", "demo", "--input", WAV],
    "make_index.py": ["--test", ROOT / "test"],
    "app.py": ["--no-browser"],
    "evaluate.py": ["pair", WAV, WAV],
    "train_hubert.py": ["--embds_dn", "pits", "data/x", "out/x"],
    "train_acoustic.py": ["data/x", "out/x"],
    "train_vocoder.py": ["data/x", "out/x"],
}
REMEDY = "run demo.sh or demo.cmd, or: python -m pip install -r requirements.txt"


def call(python: list[str], script: Path, folder: Path, *arguments) -> subprocess.CompletedProcess:
    """A script with a Python of one's choice, without what the caller's environment adds to it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [*python, str(script), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8")


@pytest.fixture(scope="module")
def no_venv(tmp_path_factory):
    """The Python files of the project, and its requirements, where there is no .venv."""
    folder = tmp_path_factory.mktemp("clone") / "pitch ü"
    ignored = shutil.ignore_patterns(".*", "data", "out", "gen", "test", "tests", "docs", "__pycache__")
    shutil.copytree(ROOT, folder, ignore=ignored)
    return folder


@pytest.mark.parametrize("script", CALLS)
def test_a_missing_package_is_one_sentence(script, no_venv, tmp_path):
    # -S leaves out site-packages: a Python with its standard library alone.
    done = call([sys.executable, "-S"], no_venv / script, tmp_path, *CALLS[script])
    *before, last = done.stderr.splitlines()
    assert re.fullmatch(rf"error: the package '[\w-]+' is missing in .+; {REMEDY}", last), done.stderr
    assert all(line.startswith("loading ") for line in before)
    assert done.returncode == 2 and sys.executable in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_one_sentence_that_names_venv(no_venv, tmp_path):
    python = no_venv / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    done = call([sys.executable, "-S"], no_venv / "infer.py", tmp_path, *CALLS["infer.py"])
    shutil.rmtree(no_venv / ".venv")
    assert done.stderr.endswith(f"; call {python} instead\n") and done.stderr.count("\n") == 1
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("torch", "torch"),
        ("torch.utils.tensorboard", "torch"),
        ("sklearn.cluster", "scikit-learn"),
        ("swift_f0", "swift-f0"),
        ("pyworld", "pyworld-prebuilt"),
        ("tomli", "tomli"),
        ("plotz", ""),
        ("converter.gone", ""),
    ],
)
def test_packages_and_modules_of_the_project_are_kept_apart(module, package):
    assert cli.missing_package(ModuleNotFoundError(f"No module named {module!r}", name=module)) == package


def test_a_module_of_the_project_that_is_missing_is_our_fault(capsys):
    def main():
        import no_such_room  # noqa: F401

    assert cli.run(main) == cli.CRASHED
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 9, 18)])
def test_an_old_python_is_refused(version):
    sentence = cli.outdated(version)
    assert sentence.startswith("Python 3.10 or newer is needed, ")
    assert f" is {version[0]}.{version[1]}; " in sentence


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 14, 0, "final", 0), (4, 0, 0)])
def test_a_new_python_is_not(version):
    assert cli.outdated(version) == ""


@pytest.mark.parametrize("file", [cli.__file__, ROOT / "tools" / "make_venv.py"])
def test_an_old_python_can_read_the_refusal(file):
    text = Path(file).read_text("utf-8")
    ast.parse(text, feature_version=(3, 6))
    assert "from __future__ import annotations" not in text  # an error in 3.6


def installed(version: str) -> str:
    """A Python of this version, on the path or among those of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"{version}.*/bin/python"))]
    for python in filter(None, found):
        if subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
            return python
    pytest.skip(f"Python {version} is not installed")


@pytest.mark.parametrize("script", [*CALLS, "preprocess.py", "tools/make_venv.py"])
@pytest.mark.parametrize("version", ["3.7", "3.8", "3.9"])
def test_each_script_says_so_with_an_old_python(version, script, tmp_path):
    done = call([installed(version)], ROOT / script, tmp_path)
    assert done.stderr.startswith("error: Python 3.10 or newer is needed, ")
    assert (done.stderr.count("\n"), done.stdout, done.returncode) == (1, "", 2)


def git(*arguments: str) -> str:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a clone")
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode <= 1, done.stderr
    return done.stdout


@pytest.mark.parametrize("folder", ["data", "out", "gen"])
def test_folders_are_there_and_say_what_comes_here(folder):
    lines = (ROOT / folder / "README.md").read_text("utf-8").splitlines()
    assert lines[0] == f"# {folder}/" and 3 <= len(lines) <= 12
    assert any("deleted" in line for line in lines)
    assert git("ls-files", f"{folder}/README.md") or git("status", "--porcelain", f"{folder}/README.md")


def test_what_trains_is_marked_slow(tmp_path):
    (tmp_path / "test_these.py").write_text(
        "import pytest\n"
        "@pytest.fixture\n"
        "def through(voice): return voice\n"
        "def test_direct(workspace): pass\n"
        "def test_through_another(through): pass\n"
        "def test_quick(tmp_path): pass\n",
        encoding="utf-8",
    )
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    command += ["-p", "no:cacheprovider", "--collect-only", "-q", "-m"]
    for marks, names in (("slow", ["test_direct", "test_through_another"]), ("not slow", ["test_quick"])):
        done = subprocess.run([*command, marks, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
        assert re.findall(r"::(\w+)$", done.stdout, flags=re.M) == names, done.stdout + done.stderr


def test_git_ignores_what_the_commands_write():
    made = ["data/x/pits/a.npy", "data/x/stats.json", "out/x/acoustic/model-best.pt", "out/demo/hifigan/log"]
    made += ["gen/index.html", "gen/a_kathleen.wav", ".venv/bin/python", "out/demo/hubert-pit/model-10.pt"]
    kept = [
        "data/README.md",
        "out/README.md",
        "gen/README.md",
        "index.html",
        "out/kathleen/acoustic/model-best.pt",
    ]
    kept += ["out/demo/hubert-soft/model-best.pt", "out/demo/hubert-soft/LICENSE-WHISPER"]
    ignored = git("check-ignore", "--no-index", *made, *kept).splitlines()
    assert ignored == made
