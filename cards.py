"""Voice cards: what a checkpoint says of itself, and the sentence for parts that do not belong together."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from cli import UserError


def card(**fields: Any) -> dict:
    """What to know about a checkpoint without loading its weights.

    Fields that `describe` puts into words, all optional: step, hours (of data), f0_hz and loudness_db
    ([low, high]), metrics ({name: value}), encoders ({role: {"name", "hash"}}) and vocoder ({"name",
    "hash"}), hashes by `weight_files.state_hash`. Others are kept. Added: created (ISO, UTC).
    """
    return {"created": datetime.now(timezone.utc).isoformat(timespec="seconds"), **fields}


def describe(checkpoint: dict) -> str:
    """A few readable lines on a checkpoint of ours: kind, step, data, encoders, metrics, other fields."""
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
    if metrics := about.pop("metrics", None):
        lines.append("metrics: " + ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    plain = {name: value for name, value in about.items() if not isinstance(value, dict) and value != ""}
    return "\n".join(lines + [f"{name}: {value}" for name, value in plain.items()])


def require_match(field: str, expected: Any, found: Any, fix: str) -> None:
    """UserError that names both sides and what mends it, unless they are equal."""
    if expected != found:
        raise UserError(f"{field} does not match: expected {expected}, found {found}; {fix}")
