"""The rows of the flat-bank experiment: voices made by the scripts, each from a speaker with intonation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.cli import UserError
from common.files import write_text
from preprocessing.data_folder import DataFolder


@dataclass(frozen=True)
class Row:
    """One way of making a voice.

    name: rows of one name share a voice; data: rows of one data (default: name) share what it is trained on;
    start: the row whose rich voice it is refined from (default: its own); copies: whether its recordings have
    pitch-shifted copies; encode_with, pitdyn: source of pitch and loudness in training and at conversion;
    on_real: refined on the recordings of the other note; acoustic: what differs from the preset's [acoustic];
    made: name below out/ of a voice that is there, for what is not trained.
    """

    title: str
    name: str
    encode_with: str = "hubert"
    copies: bool = False
    pitdyn: str = "hubert"
    data: str = ""
    start: str = ""
    on_real: bool = False
    acoustic: dict = field(default_factory=dict)
    made: str = ""

    @property
    def key(self) -> str:
        """Name of the folder with its conversions."""
        return f"{self.name}-{self.pitdyn}"

    def voice(self, root: str, role: str) -> str:
        """Name of the voice below out/, e.g. flat/bank-moved."""
        return self.made or f"{root}/{role}-{self.name}"

    def data_name(self, root: str, role: str) -> str:
        """Name of its data below data/."""
        return f"{root}/{role}-{self.data or self.name}"


ROWS = (
    Row("content only (Soft-VC)", "content", encode_with="none", pitdyn="none"),
    Row("pitch and loudness", "still"),
    Row("pitch and loudness, pitch-shifted copies", "moved", copies=True),
    Row("the same, driven by a tracker", "moved", copies=True, pitdyn="tracker"),
    Row(
        "pitch-shifted copies, refined on the other note instead",
        "other",
        copies=True,
        start="moved",
        on_real=True,
    ),
)
OVER_TIME = {"norm": "instance"}
SEED = {**OVER_TIME, "decoder": "autoregressive", "dropout": 0.5, "mel_prenet_dim": 128, "lstm_dim": 320}
MODELS = (  # acoustic models that were not chosen
    Row(
        "pitch-shifted copies, encoder normalised over time",
        "instance",
        copies=True,
        data="moved",
        acoustic=OVER_TIME,
    ),
    Row(
        "the same, autoregressive decoder: the original model",
        "seed",
        copies=True,
        data="moved",
        acoustic=SEED,
    ),
)
VOICES = {row.name: row for row in (*ROWS, *MODELS)}  # those that are trained
RICH, BANK = "rich", "bank"
PITCHES = {RICH: "15", BANK: "20"}  # semitones; the bank's one note is farther from the same pitches
COPIES = {RICH: "2", BANK: "6"}  # of each recording
GAIN = "6"  # dB
VAL_SHARE = "0.04"  # of the rich voice's prompts
TEST_SHARE = "0.15"  # of the bank's lines: their recordings on the other note are the test


def made_rows(voice: str) -> tuple[Row, ...]:
    """Content alone, and a voice that is there, driven by models and by a tracker."""
    content, _, moved, tracker, _ = ROWS
    return content, replace(moved, made=voice), replace(tracker, made=voice)


def trained(rows: Sequence[Row], role: str) -> list[Row]:
    """Those whose voice is trained in a role, each voice once."""
    names = [(row.start if role == RICH else "") or row.name for row in rows if not row.made]
    return [VOICES[name] for name in dict.fromkeys(names)]


def prepared(rows: Sequence[Row], role: str) -> list[Row]:
    """Those whose data is made for a role, all data once."""
    return [VOICES[name] for name in dict.fromkeys(row.data or row.name for row in trained(rows, role))]


@dataclass(frozen=True)
class Materials:
    """Folders of wavs, and options of the scripts. prompts: CSV that names the prompt of each recording;
    split: data folder of a bank whose held-out lines are taken, in place of TEST_SHARE."""

    rich: Path
    bank: Path
    real: Path
    prompts: Path | None
    dataset: str
    config: Path
    content: Path | None
    root: str
    split: Path | None = None

    def preprocess(self, row: Row, role: str) -> list[tuple[str, ...]]:
        """Arguments of the two calls of preprocess.py that make a voice's data."""
        wavs = self.rich if role == RICH else self.real if row.on_real else self.bank
        name = row.data_name(self.root, role)
        first = (name, "--wavs", wavs, "--mel", "--config", self.config)
        if row.copies:
            first += ("--augment_pitch", PITCHES[role], "--augment_gain", GAIN)
            first += ("--augment_copies", COPIES[role])
        if role == BANK:
            first += () if self.split else ("--test_share", TEST_SHARE)
        else:
            first += ("--val_share", VAL_SHARE, *(("--prompts", self.prompts) if self.prompts else ()))
        content = ("--content", self.content) if self.content else ()
        encode = (name, "--encode", self.dataset, "--encode_with", row.encode_with, "--config", self.config)
        return [tuple(map(str, first)), tuple(map(str, (*encode, *content)))]

    def share_split(self, row: Row) -> None:
        """Gives a bank's data folder the split of the one that it shares, which preprocessing then keeps."""
        if self.split:
            split = DataFolder(self.split).read_json("split.json")
            if split is None:
                raise UserError(
                    f"{self.split}: expected a data folder with a split; make it by preprocess.py"
                )
            DataFolder(Path("data") / row.data_name(self.root, BANK)).write_json("split.json", split)

    def train(self, row: Row, role: str, steps: int) -> tuple:
        """Arguments of `runs.train` for one of its two trainings."""
        out = Path("out") / row.voice(self.root, role) / "acoustic"
        options = ("--config", self.preset(row), "--steps", steps)
        if role == BANK:
            (start,) = trained([row], RICH)
            rich = Path("out") / start.voice(self.root, RICH) / "acoustic" / "model-best.pt"
            options += ("--resume", rich, "--refine")
        return ("train_acoustic.py", Path("data") / row.data_name(self.root, role), out, *options)

    def preset(self, row: Row) -> Path:
        """The config, or a file beside the row's voices that extends it."""
        if not row.acoustic:
            return self.config
        path = Path("out") / self.root / f"{row.name}.toml"
        lines = [f"extends = {json.dumps(self.config.resolve().as_posix())}", "[acoustic]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in row.acoustic.items()]
        write_text(path, "\n".join(lines) + "\n")
        return path
