"""What the editor asks of Python: smooth, snap, vibrato, synthesise, read and write a curve."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import audio
from common import cli
from common.cli import UserError
from conversion import curve_edits
from conversion.prosody import Curve
from workshop.documents import Desk, Document, curve_of, plain, url, volumes

Asked = dict[str, Any]  # what the page sends: number of the document, curve, and more


class Drawing:
    """Functions of the editor. Each takes one object and gives one, {"error": a sentence} where it fails."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def functions(self) -> list[Callable[[Asked], Asked]]:
        """By the names that the page knows them by."""

        def change(asked: Asked) -> Asked:
            return self.answered(self._change, asked)

        def sing(asked: Asked) -> Asked:
            return self.answered(self._sing, asked)

        def save(asked: Asked) -> Asked:
            return self.answered(self._save, asked)

        def read(asked: Asked) -> Asked:
            return self.answered(self._read, asked)

        return [change, sing, save, read]

    def answered(self, work: Callable[[Document, Curve, Asked], Asked], asked: Asked) -> Asked:
        """What `work` gives, or why it gives nothing."""
        try:
            document = self.desk.find(asked.get("number"))
            given = asked.get("curve") or {}
            parts = (given.get(name) for name in ("hz", "voiced", "db"))
            return work(document, curve_of(*parts, len(document.edited.curve)), asked)
        except (UserError, OSError, MemoryError) as error:
            sentence = cli.printable(cli.reason_of(error))
            return {"error": sentence.replace(f"{self.desk.work}{os.sep}", "")}

    def _change(self, document: Document, curve: Curve, asked: Asked) -> Asked:
        """One of `curve_edits` on the units first to stop."""
        stretch = int(asked.get("first", 0)), int(asked.get("stop", len(curve)))
        ways = {
            "smooth": lambda: curve_edits.smoothed(curve, *stretch),
            "snap": lambda: curve_edits.snapped(curve, *stretch),
            "vibrato": lambda: curve_edits.with_vibrato(curve, *stretch, float(asked.get("cents", 0))),
        }
        if asked.get("action") not in ways:
            raise UserError(f"action: expected one of {', '.join(ways)}, found {asked.get('action')!r}")
        return {"curve": plain(ways[asked["action"]]())}

    def _sing(self, document: Document, curve: Curve, asked: Asked) -> Asked:
        """The conversion with this curve, and how long it took."""
        began = time.perf_counter()
        path, notes = self.desk.convert(document, curve)
        took = time.perf_counter() - began
        return {
            "sounds": {"result": url(path)},
            "volumes": volumes(document, audio.load(path)),
            "notes": notes,
            "took": took,
        }

    def _save(self, document: Document, curve: Curve, asked: Asked) -> Asked:
        """Where the curve, or the conversion with it, can be had."""
        if asked.get("kind") == "csv":
            return {
                "url": url(self.desk.write_curve(document, curve)),
                "name": f"{document.path.stem}.csv",
            }
        path, _ = self.desk.convert(document, curve)
        return {"url": url(path), "name": f"{document.path.stem}_{document.voice}.wav"}

    def _read(self, document: Document, curve: Curve, asked: Asked) -> Asked:
        """The curve of a file, whose text the page sends."""
        path = self.desk.work / Path(str(asked.get("name", "curve.csv"))).name
        path.write_text(str(asked.get("text", "")), encoding="utf-8")
        return {"curve": plain(self.desk.read_curve(document, path))}
