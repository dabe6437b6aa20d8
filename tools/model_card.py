"""README.md of a voice that is handed on, in the form of a model card of the Hugging Face hub."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from checkpoints import terms
from checkpoints.hashes import state_hash
from common.cli import UserError, printable
from common.readers import read_text

MOST_TERMS = 4000  # characters of them in the card
NOTICE = Path(__file__).resolve().parent.parent / "NOTICE"
ROLES = {
    "acoustic": "units to log-mel, the voice itself",
    "content": "content encoder",
    "pit": "pitch model",
    "dyn": "dynamics model",
    "vocoder": "log-mel to wav",
}


def texts(args: argparse.Namespace, card: dict, parts: dict[str, dict]) -> dict[str, str]:
    """README.md, TERMS.txt and NOTICE of a voice, whose terms go into its card, too.

    Raises UserError where nobody knows its terms.
    """
    bank = card.get("bank") or {}
    whole = read_text(args.terms, "give a text file") if args.terms else bank.get("terms", "")
    whole = whole or terms.of(args.voice, card)
    if not whole and not args.license:
        raise UserError(
            f"{args.voice}: the terms of its recordings are not known; give them by --terms FILE or "
            "--license NAME, since whoever gets the voice has to keep them"
        )
    whole = whole or f"Licence: {args.license}"
    credit = args.credit or ", ".join(filter(None, (bank.get("name"), bank.get("author"), bank.get("web"))))
    card["bank"] = {**bank, "terms": whole[:MOST_TERMS]}
    return {
        "README.md": readme(args, card, parts, whole, credit),
        "TERMS.txt": whole.rstrip() + "\n",
        "NOTICE": read_text(NOTICE, ""),
    }


def readme(args: argparse.Namespace, card: dict, parts: dict[str, dict], whole: str, credit: str) -> str:
    """Front matter in YAML, and what somebody who gets the voice has to know."""
    lines = ["---", *front_matter(args), "---", "", f"# {plain(args.voice)}", ""]
    lines += [
        "A voice of hubert-pitdyn: it gets the words, the melody and the loudness of any speech or song.",
        "",
        f"    python infer.py {args.zip.name} --input speech.wav",
        "",
        "## What it is",
        "",
        *facts(args, card),
        "",
        "## Terms",
        "",
        f"{plain(terms.in_short(whole))} (whole: [TERMS.txt](TERMS.txt))",
        f"Name in what you publish: {plain(credit)}." if credit else "",
        "Everything that it makes is synthetic: say so wherever you publish it.",
        "Do not pass as somebody else with it.",
        "The parts that come with it, and what they were trained on, are in NOTICE.",
        "",
        "## Parts",
        "",
        "| part | is | weights |",
        "|---|---|---|",
        *(
            f"| {name} | {ROLES[name]}, {own['kind']} | {state_hash(own['model'])} |"
            for name, own in parts.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def front_matter(args: argparse.Namespace) -> list[str]:
    """YAML; texts are quoted as JSON quotes them, which is YAML as well."""
    fields: dict[str, Any] = {"license": args.license or "other"}
    if not args.license:
        fields |= {"license_name": "terms-of-the-recordings", "license_link": "TERMS.txt"}
    if args.language:
        fields["language"] = args.language
    fields |= {"library_name": "hubert-pitdyn", "pipeline_tag": "audio-to-audio"}
    fields["tags"] = ["voice-conversion", "singing-voice-conversion", "safetensors"]
    return [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]


def facts(args: argparse.Namespace, card: dict) -> list[str]:
    """One line each for what the card knows."""
    bank = card.get("bank") or {}
    found = {
        "Recordings": plain(", ".join(filter(None, (bank.get("name"), bank.get("author"))))),
        "Data": f"{card['hours']:.2f} hours" if card.get("hours") else "",
        "Language": plain(args.language or ""),
        "Range it was trained on": "{:.0f} to {:.0f} Hz".format(*card["f0_hz"]) if card.get("f0_hz") else "",
        "Metrics": ", ".join(f"{k} {v:.4g}" for k, v in (card.get("metrics") or {}).items()),
        "Refined from": plain(card.get("refined_from") or ""),
        "Trained": f"{card['step']} steps, {card.get('created', '')}" if card.get("step") else "",
        "Synthetic": "every sound that it makes; training used pitch-shifted copies of the recordings"
        if card.get("copies")
        else "every sound that it makes",
    }
    return [f"- {name}: {value}" for name, value in found.items() if value]


def plain(text: str) -> str:
    """A text from a bank or an option as it may stand in Markdown: one line, no markup."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", printable(text))
