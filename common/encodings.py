"""The encoding of names and texts that say nothing of it: Japanese, Chinese, Korean or Western."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Sequence

NAMES = {  # candidates, the likelier first where two fit as well
    "cp932": "Shift-JIS",
    "gbk": "GBK",
    "cp949": "EUC-KR",
    "cp437": "CP437",
    "cp1252": "Latin-1",
}
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
KOREAN = 8  # different syllables: the bytes of fewer may be common Chinese characters as well
LAST = "latin-1"  # gives every byte a character


def encoding_of(samples: Sequence[bytes]) -> str:
    """The encoding in which all samples are text, and the likeliest text of their languages: a codec's name.

    UTF-8 where it fits. Else the candidates are compared by how many of the characters that are not ASCII are
    everyday ones: bytes of one encoding are, in another, half-width kana or rare characters.
    """
    samples = [sample for sample in samples if not sample.isascii()]
    if _decodes(samples, "utf-8"):
        return "utf-8"
    fitting = [name for name in NAMES if _decodes(samples, name)]
    return max(fitting, key=lambda name: _everyday(samples, name), default=LAST)


def decoded(content: bytes) -> tuple[str, str]:
    """A text and the codec it was read by; the mark that some editors put before it is heeded."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace"), encoding
    encoding = encoding_of([content])
    return content.decode(encoding), encoding


def title(encoding: str) -> str:
    """What people call a codec."""
    return NAMES.get(encoding, encoding.upper().replace("UTF-8-SIG", "UTF-8"))


def _decodes(samples: Sequence[bytes], encoding: str) -> bool:
    try:
        for sample in samples:
            sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _everyday(samples: Sequence[bytes], encoding: str) -> float:
    """0 to 1: how everyday the characters are that are not ASCII."""
    weigh = {"cp932": _japanese, "gbk": _chinese, "cp949": _korean}.get(encoding, _western)
    weights, syllables = [], set()
    for sample in samples:
        text = f" {sample.decode(encoding)} "
        for before, letter, after in zip(text, text[1:], text[2:], strict=False):
            if letter.isascii():
                continue
            alone = before.isascii() and after.isascii()
            weights.append(weigh(letter, letter.encode(encoding), alone))
            syllables.add(letter)
    certain = 1.0 if encoding != "cp949" or len(syllables) >= KOREAN else 0.8
    return certain * sum(weights) / max(1, len(weights))


def _japanese(letter: str, code: bytes, alone: bool) -> float:
    if "\u3041" <= letter <= "\u30ff":  # kana
        return 1.0
    if "\u3000" <= letter <= "\u303f" or "\uff01" <= letter <= "\uff5e":  # punctuation, full width
        return 0.5 if alone else 1.0
    if "\uff61" <= letter <= "\uff9f":  # half-width kana
        return 0.3
    if unicodedata.category(letter) == "Co":  # of nobody's
        return 0.0
    return 0.9 if 0x88 <= code[0] <= 0x97 else 0.3  # the 2965 common characters, sorted by sound


def _chinese(letter: str, code: bytes, alone: bool) -> float:
    if len(code) < 2 or code[1] < 0xA1:
        return 0.1  # beyond GB 2312
    return 0.9 if 0xA1 <= code[0] <= 0xA5 or 0xB0 <= code[0] <= 0xD7 else 0.3  # the 3755 common ones


def _korean(letter: str, code: bytes, alone: bool) -> float:
    return 0.95 if "\uac00" <= letter <= "\ud7a3" and 0xB0 <= code[0] <= 0xC8 else 0.2


def _western(letter: str, code: bytes, alone: bool) -> float:
    """Accented letters stand among plain ones; bytes of pairs do not."""
    latin = letter.isalpha() and unicodedata.name(letter, "").startswith("LATIN")
    return (0.8 if alone else 0.35) if latin else 0.1
