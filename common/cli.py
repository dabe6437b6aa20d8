"""What every script shares at the command line: paths, errors in one sentence, exit codes.

Its syntax is that of Python 3.6, so that an old Python gets as far as the sentence that refuses it.
"""

import argparse
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

DONE, SOME_FAILED, USAGE, CRASHED = 0, 1, 2, 3
OLDEST = (3, 10)
# Packages of requirements.txt that are imported under another name.
IMPORTED_AS = {"sklearn": "scikit-learn", "pyworld": "pyworld-prebuilt"}


def project() -> Path:
    """The project's folder: the nearest one above this file that holds requirements.txt."""
    here = Path(__file__).resolve().parent
    return next((folder for folder in (here, *here.parents) if (folder / "requirements.txt").is_file()), here)


def instead(otherwise: str) -> str:
    """What to do about the Python that runs: call that of .venv, or `otherwise` where there is no other."""
    venv = project() / ".venv"
    for python in (venv / "bin" / "python", venv / "Scripts" / "python.exe"):
        if python.exists() and Path(sys.prefix).resolve() != venv.resolve():
            return f"call {python} instead"
    return otherwise


def outdated(version: tuple) -> str:
    """Why a Python of this version, (major, minor, …), cannot run the project; empty where it can."""
    if tuple(version[:2]) >= OLDEST:
        return ""
    found, oldest = (".".join(str(part) for part in parts) for parts in (version[:2], OLDEST))
    remedy = instead("install one, and run demo.sh or demo.cmd with PYTHON_BIN set to it")
    return f"Python {oldest} or newer is needed, {sys.executable} is {found}; {remedy}"


if outdated(sys.version_info):
    print(f"error: {outdated(sys.version_info)}", file=sys.stderr)
    sys.exit(USAGE)


class UserError(Exception):
    """One sentence for the user: the file, what was expected, what was found, the command that fixes it."""


def path(text: str) -> Path:
    """argparse type: a path; `data\\name` written for Windows is understood on other systems too."""
    if os.sep == "/" and "\\" in text and not Path(text).exists():
        text = text.replace("\\", "/")
    return Path(text)


def word_or_path(text: str) -> str:
    """argparse type: a word such as `official`, or what `path` makes of the text."""
    return str(path(text))


def voice(text: str) -> str:
    """argparse type: the name of a voice, without the slash that completion in a shell adds to a folder."""
    return text.rstrip("/\\")


def missing_package(error: ModuleNotFoundError) -> str:
    """The package of requirements.txt that this failed import lacks; empty where it is no package of ours."""
    module = (error.name or "").split(".")[0]
    package = IMPORTED_AS.get(module, module.replace("_", "-"))
    file = project() / "requirements.txt"
    lines = file.read_text("utf-8").splitlines() if file.is_file() else []
    return package if package in {re.split(r"[<>=;#\s]", line)[0] for line in lines} - {""} else ""


def run(main: Callable[[], int | None]) -> int:
    """Call a script's main; a UserError or a missing package becomes one line on stderr and exit code 2.

    Any other exception is a fault of ours: its traceback, and a code of its own, so that a caller does not
    take it for "some inputs failed" and go on.
    """
    for stream in (sys.stdout, sys.stderr):
        # A Windows console may be set to a code page that lacks a file's name; a name must not end a batch.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return main() or DONE
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except ModuleNotFoundError as error:
        package = missing_package(error)
        if not package:
            traceback.print_exc()
            return CRASHED
        remedy = instead("run demo.sh or demo.cmd, or: python -m pip install -r requirements.txt")
        print(f"error: the package '{package}' is missing in {sys.executable}; {remedy}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return CRASHED


def report_failures(failures: list[tuple[str, str]], total: int) -> int:
    """List what failed and why on stderr; returns the exit code. failures: (name, reason)."""
    if not failures:
        return DONE
    print(f"{len(failures)} of {total} failed:", file=sys.stderr)
    for name, reason in failures:
        print(f"  {reason if name in reason else f'{name}: {reason}'}", file=sys.stderr)
    return SOME_FAILED


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments all train scripts have."""
    parser.add_argument("data", type=path, help="preprocessed folder, data/<name>")
    parser.add_argument("out", type=path, help="folder for checkpoints and logs, out/<name>/<model>")
    parser.add_argument("--config", type=path, help="preset (default: that of --resume or of the data)")
    parser.add_argument("--resume", type=path, help="checkpoint to resume, exactly")
    parser.add_argument("--steps", type=int, help="optimizer steps in all (default: the preset's)")
    parser.add_argument("--batch_size", type=int, help="utterances a step, over all processes")
    parser.add_argument(
        "--micro_batch", type=int, help="utterances computed at once, to save memory (default: the preset's)"
    )
    parser.add_argument("--seed", type=int, help="(default: 1234, or that of the run resumed)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: cuda or mps where there is one)")
    parser.add_argument("--amp", choices=("auto", "off", "bf16", "fp16"), default="auto", help="%(default)s")
    parser.add_argument("--keep", type=int, help="how many model-<step>.pt to keep")
    parser.add_argument("--num_workers", type=int, help="loader processes (default: 0, on a GPU up to 8)")
