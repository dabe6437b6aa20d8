"""The command line of every script: its parser, and the types of arguments."""

import argparse
import math
import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from common import progress
from common.errors import UserError, nearest, printable

EXAMPLE = "python "  # how a paragraph of a docstring begins that shows commands


class Quiet(argparse.Action):
    """--quiet, which every script has."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:  # noqa: ANN001  argparse's
        progress.silence()


class Help(argparse.RawDescriptionHelpFormatter):
    """Paragraphs filled to the width of the terminal, but for examples and lists."""

    def _fill_text(self, text, width, indent):
        parts = text.strip("\n").split("\n\n")
        filled = super(argparse.RawDescriptionHelpFormatter, self)._fill_text
        as_is = [part[:1] == " " or "\n " in part or "\n- " in part for part in parts]
        return "\n\n".join(
            part if kept else filled(part, width, indent) for part, kept in zip(parts, as_is, strict=True)
        )


class Parser(argparse.ArgumentParser):
    """argparse's, without abbreviations; it names the option nearest to a wrong one. So do its commands.

    Behind an option that needs none, a word is its value only where it is one of its choices, not a voice.
    doc: the script's docstring: its first paragraph is the description, commands in it are the examples.
    """

    def __init__(self, *args, doc=None, **settings):
        self._given, self._doc = [], doc or ""
        if doc:
            about, examples, more = described(doc)
            settings = {
                "description": about,
                "epilog": "\n\n".join(filter(None, (examples, more))),
                **settings,
            }
        super().__init__(*args, **{"allow_abbrev": False, "formatter_class": Help, **settings})
        quiet = "no bars and no notes on stderr: only errors, and on stdout the results"
        self.add_argument("--quiet", action=Quiet, nargs=0, default=argparse.SUPPRESS, help=quiet)

    def add_command(self, commands, name: str, about: str):
        """A parser of one of a script's commands; its examples are those of the script that call it."""
        calls = [line for line in self._doc.split("\n") if EXAMPLE in line and f" {name} " in line]
        return commands.add_parser(name, help=about, doc="\n\n".join((about, "\n".join(calls))))

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

    def _check_value(self, action, value):
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += nearest(str(value), map(str, action.choices))
            raise

    def error(self, message: str):
        known = self._options()
        named = [text.partition("=")[0] for text in self._given if text.startswith("--")]
        near = "".join(f"; {name}{nearest(name, known)}" for name in named if name not in known)
        super().error(printable(message + near))

    def _options(self) -> set:
        commands = [a.choices.values() for a in self._actions if isinstance(a, argparse._SubParsersAction)]
        return set(self._option_string_actions).union(*(c._options() for cs in commands for c in cs))


def described(doc: str) -> tuple:
    """(description, examples, what else there is to say) of a docstring."""
    about, *parts = map(textwrap.dedent, doc.strip("\n").split("\n\n"))
    examples = "\n".join(part for part in parts if part.startswith(EXAMPLE))
    more = "\n\n".join(part for part in parts if not part.startswith(EXAMPLE))
    return about, examples and "examples:\n" + textwrap.indent(examples, "  "), more


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
