"""The terms on which a voice may be used, in one line: those of its card's bank, or of the voices shipped."""

from __future__ import annotations

import re
from typing import Any

SHIPPED = {  # in short; NOTICE has them all
    "kathleen": "CC0 1.0, public domain",
    "dorodoro": "どろどろβ: “use it however you like”",
    "scottpoid": "name SCOTTPOID, the voicebank by Scott, in whatever you publish",
    "kumi": "name Hitsuboku Kumi by Cubialpha, cubialpha.wixsite.com/koomstar/character",
}
WORDS = re.compile(  # of lines that speak of terms
    r"規約|利用|使用|商用|禁止|許可|クレジット|表記|转载|授权|署名|이용|금지|허용|"
    r"licen[sc]e|terms|credit|commercial|permi|prohibit|forbid|CC[ -]BY|CC0",
    re.IGNORECASE,
)
LENGTH = 160  # characters of a line


def of(name: str, card: dict[str, Any]) -> str:
    """One line on the terms of a voice; empty where neither its card nor this project knows any."""
    bank = card.get("bank") or {}
    about = [bank[key] if key == "name" else f"by {bank[key]}" for key in ("name", "author") if bank.get(key)]
    if bank.get("terms"):
        about.append(in_short(bank["terms"]))
    return "; ".join(about) or SHIPPED.get(name, "")


def lines(name: str, card: dict[str, Any]) -> dict[str, str]:
    """{voice: its terms} of a voice and of those mixed into it; without those of which none are known."""
    mixed = {other: about["terms"] for other, about in card.get("mix", {}).items()}
    return {voice: line for voice, line in {name: of(name, card), **mixed}.items() if line}


def in_short(text: str) -> str:
    """The lines of a text that speak of its terms, or its first, cut to one line."""
    rows = [" ".join(row.split()).strip("-=*#■●・ ") for row in text.splitlines()]
    rows = [row for row in rows if len(row) > 3]
    line = " / ".join([row for row in rows if WORDS.search(row)] or rows)
    return line if len(line) <= LENGTH else f"{line[: LENGTH - 1]}…"
