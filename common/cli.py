"""What every script shares at the command line: paths, errors in one sentence, exit codes.

Its syntax is that of Python 3.6, so that an old Python gets as far as the sentence that refuses it.
"""

import argparse
import difflib
import errno
import math
import os
import re
import signal
import sys
import traceback
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

DONE, SOME_FAILED, USAGE, CRASHED = 0, 1, 2, 3
OLDEST = (3, 10)
MOST_BYTES = 255  # of one name, on the usual file systems
MOST_ON_WINDOWS = 260  # characters of a path, unless long paths are switched on
_FULL = "the disk is full; free some space, and run it again"
_DENIED = "it cannot be read or written: it is read-only, another user's, or open in another program"
OS_ERRORS = {
    errno.ENOSPC: _FULL,
    getattr(errno, "EDQUOT", errno.ENOSPC): _FULL,
    errno.EROFS: "its disk is read-only; name another folder",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a part of this path is a file, expected a folder",
    errno.EISDIR: "it is a folder, expected a file",
    errno.EEXIST: "it is there already, as something else",
}
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


class UserError(Exception):
    """One sentence for the user: the file, what was expected, what was found, the command that fixes it."""


class Parser(argparse.ArgumentParser):
    """argparse's, without abbreviations; it names the option nearest to a wrong one. So do its commands.

    Behind an option that needs none, a word is its value only where it is one of its choices, not a voice.
    """

    def __init__(self, *args, **settings):
        self._given = []
        super().__init__(*args, **{"allow_abbrev": False, **settings})

    def parse_known_args(self, args=None, namespace=None):
        self._given = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(self._with_values(self._given), namespace)

    def _with_values(self, words: list) -> list:
        """The command line with `--option=value` for each option that may do without its value."""
        joined, words = [], list(words)
        while words and words[0] != "--":
            word = words.pop(0)
            action = self._option_string_actions.get(word)
            if action is not None and action.nargs == argparse.OPTIONAL and action.choices:
                value = words.pop(0) if words and words[0] in action.choices else action.const
                word = f"{word}={value}"
            joined.append(word)
        return joined + words

    def error(self, message: str):
        known = self._options()
        named = [text.partition("=")[0] for text in self._given if text.startswith("--")]
        near = "".join(f"; {name}{nearest(name, known)}" for name in named if name not in known)
        super().error(printable(message + near))

    def _options(self) -> set:
        commands = [a.choices.values() for a in self._actions if isinstance(a, argparse._SubParsersAction)]
        return set(self._option_string_actions).union(*(c._options() for cs in commands for c in cs))


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence on a wrong name: the nearest of those known; empty where none is near."""
    folded = {name.casefold(): name for name in sorted(known, reverse=True)}
    near = difflib.get_close_matches(name.casefold(), folded, 1)
    return f", did you mean {folded[near[0]]!r}?" if near else ""


def closest(name: str, known: Iterable[str]) -> str:
    """As `nearest`; all that are known where none is near."""
    return nearest(name, known) or f"; known are {', '.join(sorted(known))}"


def printable(text: str) -> str:
    """Text from names and files as it may reach a terminal: one line, control characters as escapes."""

    def escaped(letter: str) -> str:
        plain = unicodedata.category(letter) not in ("Cc", "Cf", "Zl", "Zp") or letter in "\u200c\u200d"
        return letter if plain else letter.encode("unicode_escape").decode("ascii")

    return text if text.isascii() and text.isprintable() else "".join(map(escaped, text))


def reason_of(error: BaseException) -> str:
    """Why something failed, in one sentence: a system's error with its file, and what to do about it."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if not isinstance(error, OSError) or error.errno is None:
        return str(error) or type(error).__name__
    name = "" if error.filename is None else os.fsdecode(error.filename)
    words = OS_ERRORS.get(error.errno) or error.strerror or type(error).__name__
    if error.errno == errno.ENAMETOOLONG:
        longest = max((len(os.fsencode(part)) for part in Path(name).parts), default=0)
        over = f": {longest} bytes of at most {MOST_BYTES}" if longest > MOST_BYTES else ""
        words = f"the name is too long{over}; give a shorter one"
    elif os.name == "nt" and error.errno == errno.ENOENT and len(os.path.abspath(name)) >= MOST_ON_WINDOWS:
        words = f"the path is too long: Windows takes {MOST_ON_WINDOWS - 1} characters; give a shorter one"
    return f"{name}: {words}" if name else words


def path(text: str) -> Path:
    """argparse type: a path; `data\\name` written for Windows is understood on other systems too."""
    if os.sep == "/" and "\\" in text and not Path(text).exists():
        text = text.replace("\\", "/")
    return Path(text)


def new_file(*suffixes: str) -> Callable[[str], Path]:
    """argparse type: a file to write; one of another kind, such as a recording, is never overwritten."""

    def check(text: str) -> Path:
        if path(text).suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(
                f"expected a name that ends in {' or '.join(suffixes)}, found {text}"
            )
        return path(text)

    return check


def word_or_path(text: str) -> str:
    """argparse type: a word such as `official`, or what `path` makes of the text."""
    return str(path(text))


def voice(text: str) -> str:
    """argparse type: the name of a voice or data set, without the slash that a shell adds to a folder.

    Raises UserError where no folder can have this name.
    """
    from common.names import checked  # noqa: PLC0415  it takes UserError from here

    return checked(text.rstrip("/\\"), "name")


def voice_or_file(text: str) -> str:
    """argparse type: as `voice`, or the path of a voice that was handed on, a zip or a folder."""
    given = path(text)
    if given.suffix.lower() == ".zip" and not given.is_file():
        raise UserError(f"{given}: no such file")
    return str(given) if given.is_file() or (given / "config.json").is_file() else voice(text)


def at_least(least: int, most: float = math.inf) -> Callable[[str], int]:
    """argparse type: a whole number from `least` to `most`."""

    def number(text: str) -> int:
        if not text.strip().lstrip("+").isdecimal() or not least <= int(text) <= most:
            span = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"expected a whole number {span}, found {text!r}")
        return int(text)

    return number


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
        return main() or DONE
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return USAGE
    except OSError as error:
        if error.filename is None and OS_ERRORS.get(error.errno) != _FULL:
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


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments all train scripts have."""
    parser.add_argument("data", type=path, help="preprocessed folder, data/<name>")
    parser.add_argument("out", type=path, help="folder for checkpoints and logs, out/<name>/<model>")
    parser.add_argument("--config", type=path, help="preset (default: that of --resume or of the data)")
    parser.add_argument("--resume", type=path, help="checkpoint to resume, exactly")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="train anew where a trained model lies already; it is replaced at the first validation",
    )
    parser.add_argument("--steps", type=at_least(1), help="optimizer steps in all (default: the preset's)")
    parser.add_argument("--batch_size", type=at_least(1), help="utterances a step, over all processes")
    parser.add_argument(
        "--micro_batch",
        type=at_least(1),
        help="utterances computed at once, to save memory (default: the preset's)",
    )
    parser.add_argument("--seed", type=int, help="(default: 1234, or that of the run resumed)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: cuda or mps where there is one)")
    parser.add_argument("--amp", choices=("auto", "off", "bf16", "fp16"), default="auto", help="%(default)s")
    parser.add_argument("--keep", type=at_least(0), help="how many model-<step>.pt to keep")
    parser.add_argument(
        "--num_workers", type=at_least(0), help="loader processes (default: 0, on a GPU up to 8)"
    )
