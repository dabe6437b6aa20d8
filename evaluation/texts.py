"""What is said in recordings: as a CSV gives it, and as two who write a language have it alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from common.tables import Table
from evaluation.metrics import normalise_text

UNSPACED = ("bo", "ja", "km", "lo", "my", "th", "zh")  # languages that leave no space between words
PACKAGES = {"ja": "pyopenjtalk-plus", "zh": "opencc"}  # what `comparable` needs for them


def read_texts(
    files: Iterable[Path], table: Path | None, say: Callable[[str], None]
) -> dict[Path, str | None]:
    """{file: its text}, from a CSV with columns path and text, matched as `common.tables.Table` does.

    None where the table has no text for a file, or several; say(line) reports how many. Raises UserError for
    a file that is no such table.
    """
    if table is None:
        return dict.fromkeys(files)
    known = Table(table, "text")
    found = {file: known.values(file) for file in files}
    for trouble, lost in (
        ("no text", [file for file, texts in found.items() if not texts]),
        ("several texts", [file for file, texts in found.items() if len(texts) > 1]),
    ):
        if lost:
            say(f"{table}: {trouble} for {len(lost)} of {len(found)} files, the first {lost[0].name}")
    return {file: texts[0] if len(texts) == 1 else None for file, texts in found.items()}


def comparable(text: str, language: str) -> str:
    """A text so that only what is said differs from another, not how it is written.

    language: its ISO 639-1 code. Japanese becomes katakana as Open JTalk reads it, Mandarin simplified
    characters by OpenCC; neither has spaces, nor has any other of UNSPACED. Everything else is given back.
    Raises ImportError without the package.
    """
    if language not in UNSPACED:
        return text
    text = "".join(normalise_text(text).split())
    if language == "ja" and text:
        import pyopenjtalk  # noqa: PLC0415  an extra

        return pyopenjtalk.g2p(text, kana=True)
    if language == "zh":
        import opencc  # noqa: PLC0415  an extra

        return opencc.OpenCC("tw2s").convert(text)  # t2s would leave the particle 著
    return text
