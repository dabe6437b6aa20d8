"""Names of conversions by a pattern such as {source}_{voice}: safe on every system, and different."""

from __future__ import annotations

import re

from common.cli import UserError
from common.names import checked

PATTERN = "{source}_{voice}"
FIELDS = ("source", "voice", "number")
UNIQUE = ("source", "number")  # one of these has to tell the files of a batch apart
WITH_BITS = ("wav", "flac")


def filled(pattern: str, sources: list[str], voice: str) -> list[str]:
    """The pattern for each source of a batch, whose names differ; a slash makes a folder.

    {number} has as many digits as the last one. Raises UserError for a pattern that is no name, has other
    fields, or gives several files one name.
    """
    given = re.findall(r"\{([^{}]*)\}", pattern)
    rest = re.sub(r"\{[^{}]*\}", "", pattern)
    if unknown := [name for name in given if name not in FIELDS] or [c for c in rest if c in "{}"]:
        fields = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise UserError(f"--name_pattern {pattern!r}: expected {fields} in it, found {unknown[0]!r}")
    if len(sources) > 1 and not set(given) & set(UNIQUE):
        raise UserError(
            f"--name_pattern {pattern!r}: {len(sources)} files would have one name; add {{source}}"
        )
    checked(re.sub(r"\{[^{}]*\}", "x", pattern), "--name_pattern")
    digits = len(str(len(sources)))

    def value(field: str, source: str, number: int) -> str:
        return {"source": source, "voice": voice, "number": f"{number:0{digits}}"}[field]

    return [
        re.sub(r"\{(\w+)\}", lambda found, s=source, n=number: value(found[1], s, n), pattern)
        for number, source in enumerate(sources, 1)
    ]
