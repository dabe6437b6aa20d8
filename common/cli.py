"""What every script shares at the command line: paths, errors in one sentence, exit codes."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

DONE, SOME_FAILED, USAGE, CRASHED = 0, 1, 2, 3


class UserError(Exception):
    """One sentence for the user: the file, what was expected, what was found, the command that mends it."""


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


def run(main: Callable[[], int | None]) -> int:
    """Call a script's main; a UserError becomes one line on stderr and exit code 2.

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
    parser.add_argument("--config", type=path, help="preset (default: configs/base.toml)")
    parser.add_argument("--resume", type=path, help="checkpoint to go on from, exactly")
    parser.add_argument("--steps", type=int, help="optimizer steps in all (default: the preset's)")
    parser.add_argument("--batch_size", type=int, help="utterances a step, over all processes")
    parser.add_argument("--seed", type=int, default=1234, help="%(default)s")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: cuda where there is one)")
    parser.add_argument("--amp", choices=("auto", "off", "bf16", "fp16"), default="auto", help="%(default)s")
    parser.add_argument("--keep", type=int, help="how many model-<step>.pt to keep")
    parser.add_argument("--num_workers", type=int, default=0, help="loader processes (default: %(default)s)")
