"""Text and JSON files read, or refused in a sentence: the file, what is wrong with it, the remedy."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from common.cli import UserError, reason_of

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path, remedy: str) -> str:
    """A file in UTF-8, with or without the mark that Windows puts before it; ends of lines as they are.

    Raises UserError naming the file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{reason_of(error)}; {remedy}") from error
    if content.startswith(UTF16):
        raise UserError(f"{path}: expected UTF-8, found UTF-16; save it as UTF-8 in the editor that wrote it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}: expected UTF-8, found another encoding in line {line}; save it as UTF-8, or {remedy}"
        ) from error


def read_json(path: Path, form: Any, remedy: str) -> Any:
    """What a JSON file holds, of the given form (see `_fault`). Raises UserError naming the file."""
    return parse_json(read_text(path, remedy), path, form, remedy)


def parse_json(text: str | bytes, name: Path | str, form: Any, remedy: str) -> Any:
    """As `read_json`, of a text that comes from `name`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name}: it is damaged, no valid JSON ({error}); {remedy}") from error
    if fault := _fault(value, form):
        raise UserError(f"{name}: it is damaged, {fault}; {remedy}")
    return value


def _fault(value: Any, form: Any, where: str = "") -> str:
    """What in a JSON value is of another form, in words; empty where nothing is.

    form: a type or a union of types; [form] for a list of such; {type: form} for a table with any keys; {key:
    form} for a table with these and other keys, of which those that end in `?` may be missing.
    """
    at = where or "the whole"
    if isinstance(form, list):
        if not isinstance(value, list):
            return f"expected a list as {at}"
        return next((f for n, part in enumerate(value) if (f := _fault(part, form[0], f"{where}[{n}]"))), "")
    if not isinstance(form, dict):
        fits = isinstance(value, form) and not (isinstance(value, bool) and form in (int, float, int | float))
        return "" if fits else f"found {value!r:.40} as {at}"
    if not isinstance(value, dict):
        return f"expected a table as {at}"
    if str in form:
        form = dict.fromkeys(value, form[str])
    for key, part in form.items():
        name = key.removesuffix("?")
        if name not in value and name == key:
            return f"{key!r} is missing"
        if name in value and (fault := _fault(value[name], part, f"{where}.{name}".lstrip("."))):
            return fault
    return ""
