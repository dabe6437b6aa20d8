"""What so many hours of audio cost, by what was measured on some."""

from __future__ import annotations

from typing import Any

LENGTHS = (600, 3600, 36_000, 360_000, 36_000_000)  # seconds: 10 min, 1 h, 10 h, 100 h, 10 000 h
NEAR = 0.05  # a length that differs by less from a measured one is taken for measured
UNITS = ((365 * 86400, "years"), (86400, "days"), (3600, "h"), (60, "min"), (1, "s"))


def measured(figures: dict[str, Any]) -> dict[str, dict[float, float]]:
    """{work: {seconds of audio: CPU seconds}} of what evaluate.py bench has found."""
    found = {
        stage: {row["material"]: row["cpu"] for row in rows}
        for stage, rows in figures.get("preprocess", {}).items()
    }
    if grown := figures.get("growth"):
        found |= {
            "conversion" if sizes == "shipped" else f"conversion, {sizes}": {
                row["seconds"]: row["cpu"] for row in grown if row["sizes"] == sizes
            }
            for sizes in dict.fromkeys(row["sizes"] for row in grown)
        }
    return found


def costs(spent: dict[str, dict[float, float]], lengths: tuple[float, ...] = LENGTHS) -> list[dict[str, Any]]:
    """For each length its CPU seconds of each work, and whether any of these is reckoned.

    spent: {work: {seconds of audio: CPU seconds}}. A length that was measured has its own rate, another that
    of the longest one measured: time is proportional to length.
    """
    rows = []
    for length in lengths:
        row: dict[str, Any] = {"seconds": length, "reckoned": False}
        for work, known in spent.items():
            near = min(known, key=lambda other: abs(other - length))
            is_measured = abs(near - length) <= NEAR * length
            of = near if is_measured else max(known)
            row[work] = known[of] / of * length
            row["reckoned"] |= not is_measured
        rows.append(row)
    return rows


def duration(seconds: float) -> str:
    """A time in the largest unit of which there are two, with two digits."""
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= 2 * size), UNITS[-1])
    count = seconds / size
    return f"{count:.0f} {unit}" if count >= 10 else f"{count:.1f} {unit}"


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """The costs as a table in Markdown: CPU time of each work, for one core."""
    work = [name for name in rows[0] if name not in ("seconds", "reckoned")]
    out = [
        "",
        f"| audio | {' | '.join(work)} | CPU time, one core |",
        f"| --- |{' ---: |' * len(work)} --- |",
    ]
    for row in rows:
        spent = " | ".join(duration(row[name]) for name in work)
        hours = row["seconds"] / 3600
        length = f"{hours:,.0f} h".replace(",", " ") if hours >= 1 else f"{60 * hours:.0f} min"
        out.append(f"| {length} | {spent} | {'reckoned' if row['reckoned'] else 'measured'} |")
    return out
