"""Voice cards: what a checkpoint says of itself, and whether parts belong together."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bands import VOICE_HZ, Band
from checkpoints import whole
from common.cli import UserError, printable

# In the card of a label model: hashes of those whose labels and vectors it has, so that voices know it.
STANDS_IN_FOR = "stands_in_for"
# In the card of a voice: dB of noise in each of VOICE_HZ that the vocoder leaves out of it.
BREATH = "breath_db"


def card(**fields: Any) -> dict:
    """What to know about a checkpoint without loading its weights.

    Fields that `describe` puts into words, all optional: step, hours (of data), f0_hz and loudness_db
    ([low, high]), metrics ({name: value}), encoders ({role: {"name", "hash"}}) and vocoder ({"name",
    "hash"}), hashes by `file_format.state_hash`. Others are kept. Added: created (ISO, UTC).
    """
    return {"created": datetime.now(timezone.utc).isoformat(timespec="seconds"), **fields}


def of_band(band: Band) -> dict:
    """The fields `rate` (Hz) and `high` (rows of the mel above 8 kHz) of a card."""
    return {"rate": band.rate, "high": band.high_bands} if band.is_wide else {}


def breath(path: Any, card: dict) -> tuple[float, ...]:
    """BREATH of a card, none without. UserError naming path where it is no list of as many numbers."""
    count = len(VOICE_HZ)
    found = card.get(BREATH, [0.0] * count)
    if not (isinstance(found, list) and len(found) == count):
        raise UserError(f"{path}: card.{BREATH}: expected {count} numbers, found {found}")
    if not all(isinstance(db, (int, float)) and math.isfinite(db) for db in found):
        raise UserError(f"{path}: card.{BREATH}: expected finite numbers, found {found}")
    return tuple(map(float, found))


def describe(checkpoint: dict) -> str:
    """A few readable lines on a checkpoint of ours: kind, step, data, encoders, metrics, other fields."""
    whole.require("this checkpoint", {"config": {}, **checkpoint})
    about = dict(checkpoint.get("card") or {})
    step = about.pop("step", (checkpoint.get("training") or {}).get("step"))
    head = [checkpoint["kind"], f"step {step}" if step is not None else "", about.pop("created", "")]
    lines = [", ".join(part for part in head if part)]
    if (hours := about.pop("hours", None)) is not None:
        lines.append(f"data: {hours:.2f} h")
    for field, name, unit in (("f0_hz", "F0", "Hz"), ("loudness_db", "loudness", "dB")):
        if span := about.pop(field, None):
            lines.append(f"{name}: {span[0]:.0f} to {span[1]:.0f} {unit}")
    parts = {**about.pop("encoders", {}), "vocoder": about.pop("vocoder", None)}
    parts = {role: part for role, part in parts.items() if part}
    lines += [f"{role}: {part.get('name', '?')} ({part.get('hash', '?')})" for role, part in parts.items()]
    lines += [f"bank's {name}: {text}" for name, text in about.pop("bank", {}).items() if name != "terms"]
    if metrics := about.pop("metrics", None):
        lines.append("metrics: " + ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    plain = {name: value for name, value in about.items() if not isinstance(value, dict) and value != ""}
    lines += [f"{name}: {value}" for name, value in plain.items()]
    return "\n".join(map(printable, lines))


def require_match(field: str, expected: Any, found: Any, fix: str) -> None:
    """UserError that names both sides and the fix, unless they are equal."""
    if expected != found:
        raise UserError(f"{field} does not match: expected {expected}, found {found}; {fix}")


def require_continuation(path: Path, ours: dict, theirs: dict) -> None:
    """UserError unless a run can resume from the checkpoint `theirs`, read from `path`.

    ours: kind, config, labels and card that the run's own checkpoints would have. Compared are the kind, the
    encoders, the sizes of the model and what the labels mean.
    """
    kind = ours["kind"]
    fix = f"give --resume a checkpoint of that kind, not {path}, or the --config it was trained with"
    require_match("kind", kind, theirs.get("kind"), fix)
    require_match(
        f"{path}: encoders",
        encoders_of(theirs.get("card", {})),
        encoders_of(ours["card"]),
        "give what its run had (--content, --finetune, units by preprocess.py --encode), or train anew",
    )
    settings = _where_they_differ(theirs["config"]["model"], ours["config"]["model"])
    require_match(f"{path}: settings of its model", *settings, "give the --config it was trained with")
    labels = _where_they_differ(theirs.get("labels"), ours["labels"])
    require_match(f"{path}: what its labels mean", *labels, "make them as they were, or train anew")


def encoders_of(card: dict) -> str:
    """Hashes of a model's encoders, and the source of pitch and loudness where it was another."""
    parts = [f"{role} {part['hash']}" for role, part in sorted(card.get("encoders", {}).items())]
    if (source := card.get("pitdyn", "hubert")) != "hubert":
        parts.append(f"pitdyn {source}")
    return " ".join(parts) or "nothing"


def _where_they_differ(expected: Any, found: Any) -> tuple[str, str]:
    """Both sides of settings, nested or not, in words: only those that differ."""
    sides = _flat(expected), _flat(found)
    names = [name for name in sides[0] | sides[1] if sides[0].get(name) != sides[1].get(name)]
    return tuple(", ".join(f"{name} {side.get(name, 'missing')}" for name in names) for side in sides)


def _flat(settings: Any, name: str = "") -> dict[str, Any]:
    """{"pit.bins": 99, ...} of nested settings."""
    if not isinstance(settings, dict):
        return {name: settings}
    inner = (_flat(value, f"{name}.{key}".lstrip(".")) for key, value in settings.items())
    return {k: v for part in inner for k, v in part.items()}
