"""The rows of the flat-bank experiment: voices made by the ordinary scripts, each from a richer one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One way of making a voice. name: rows of one name share a voice. copies: whether its recordings are
    moved; encode_with, pitdyn: who hears pitch and loudness in its training data, and at conversion."""

    title: str
    name: str
    encode_with: str = "hubert"
    copies: bool = False
    pitdyn: str = "hubert"

    def voice(self, root: str, role: str) -> str:
        """Name of the voice below data/ and out/, e.g. flat/bank-moved."""
        return f"{root}/{role}-{self.name}"


ROWS = (
    Row("content only (Soft-VC)", "content", encode_with="none", pitdyn="none"),
    Row("pitch and loudness", "still"),
    Row("pitch and loudness, moved copies", "moved", copies=True),
    Row("the same, driven by a tracker", "moved", copies=True, pitdyn="tracker"),
)
VOICES = {row.name: row for row in ROWS}  # those that are trained
RICH, BANK = "rich", "bank"
MOVES = ("--augment_pitch", "12", "--augment_gain", "6")
TEST_SHARE = "0.15"  # of the bank's lines: their recordings on the other note are the test


@dataclass(frozen=True)
class Materials:
    """Folders of wavs, and what the scripts are told."""

    rich: Path
    bank: Path
    dataset: str
    config: Path
    content: Path | None
    root: str

    def preprocess(self, row: Row, role: str) -> list[tuple[str, ...]]:
        """Arguments of the two calls of preprocess.py that make a voice's data."""
        wavs = self.rich if role == RICH else self.bank
        name = row.voice(self.root, role)
        moves = (*MOVES, "--augment_copies", "2" if role == RICH else "6") if row.copies else ()
        first = (name, "--wavs", wavs, "--mel", "--config", self.config, *moves)
        if role == BANK:
            first += ("--test_share", TEST_SHARE)
        content = ("--content", self.content) if self.content else ()
        encode = (name, "--encode", self.dataset, "--encode_with", row.encode_with, "--config", self.config)
        return [tuple(map(str, first)), tuple(map(str, (*encode, *content)))]

    def train(self, row: Row, role: str, steps: int) -> tuple:
        """Arguments of `runs.train` for one of its two trainings."""
        name = row.voice(self.root, role)
        out = Path("out") / name / "acoustic"
        options = ("--config", self.config, "--steps", steps)
        if role == BANK:
            rich = Path("out") / row.voice(self.root, RICH) / "acoustic" / "model-best.pt"
            options += ("--resume", rich, "--refine")
        return ("train_acoustic.py", Path("data") / name, out, *options)
