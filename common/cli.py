"""What every script shares at the command line: its parser, errors in one sentence, exit codes.

Its syntax is that of Python 3.6, so that an old Python gets as far as the sentence that refuses it.
"""

import re
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

DONE, SOME_FAILED, USAGE, CRASHED = 0, 1, 2, 3
OLDEST = (3, 10)
# Packages of requirements.txt that are imported under another name.
IMPORTED_AS = {"sklearn": "scikit-learn", "pyworld": "pyworld-prebuilt", "yaml": "PyYAML"}


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

# Below the check, since an old Python cannot import them. Scripts know these by the name of this module.
from common import progress  # noqa: E402
from common.arguments import (  # noqa: E402
    Parser,
    at_least,
    new_file,
    path,
    voice,
    voice_or_file,
    word_or_path,
)
from common.errors import (  # noqa: E402
    FULL,
    OS_ERRORS,
    UserError,
    closest,
    nearest,
    printable,
    reason_of,
)

__all__ = [
    "Parser",
    "UserError",
    "at_least",
    "closest",
    "nearest",
    "new_file",
    "path",
    "printable",
    "reason_of",
    "report_failures",
    "run",
    "voice",
    "voice_or_file",
    "word_or_path",
]


def missing_package(error: ModuleNotFoundError) -> str:
    """The package of requirements.txt that this failed import lacks; empty where it is no package of ours."""
    module = (error.name or "").split(".")[0]
    package = IMPORTED_AS.get(module, module.replace("_", "-"))
    file = project() / "requirements.txt"
    lines = file.read_text("utf-8").splitlines() if file.is_file() else []
    return package if package in {re.split(r"[<>=;#\s]", line)[0] for line in lines} - {""} else ""


def stop_like_interrupt() -> None:
    """Let what ends a program from outside (kill, a closed terminal) do as Ctrl-C: raise KeyboardInterrupt.

    What was to be ignored, as nohup asks for a closed terminal, is.
    """
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def end_workers() -> None:
    """Let processes of a pool finish the files that they have in work; a second Ctrl-C ends them at once.

    At the interpreter's exit that would cut their pool's thread off, and they and this process wait for ever.
    """
    if "multiprocessing" not in sys.modules:
        return
    from multiprocessing import active_children  # noqa: PLC0415  not for every script

    ours = [child for child in active_children() if not child.daemon]
    try:
        for child in ours:
            child.join()
    except KeyboardInterrupt:
        for child in ours:
            child.kill()


def run(main: Callable[[], int | None]) -> int:
    """Call a script's main; a UserError, a missing package and a file that the system refuses become one line
    on stderr, and exit code 2.

    Any other exception is a fault of ours: its traceback, and a code of its own, so that a caller does not
    take it for "some inputs failed" and go on.
    """
    from common.names import READABLE  # noqa: PLC0415  it takes UserError from here

    for stream in (sys.stdout, sys.stderr):
        # A Windows console may be set to a code page that lacks a file's name; a name must not end a batch.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=READABLE)
    stop_like_interrupt()
    try:
        try:
            return main() or DONE
        finally:
            progress.end()
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return USAGE
    except OSError as error:
        if error.filename is None and OS_ERRORS.get(error.errno) != FULL:
            traceback.print_exc()  # a file that the user can do something about would have a name
            return CRASHED
        print(f"error: {printable(reason_of(error))}", file=sys.stderr)
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
        end_workers()
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
        line = reason if name in reason else f"{name}: {reason}"
        print(f"  {printable(line)}", file=sys.stderr)
    return SOME_FAILED
