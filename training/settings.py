"""Settings of a training: the tables [train.*] of a preset. configs/base.toml has every default."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from common.cli import UserError, closest
from common.presets import label_training

Octaves = float | Sequence[float]


@dataclass(frozen=True)
class Settings:
    """What all trainings have. lr falls from its full value to final_lr times it along a cosine.

    micro_batch: items computed at once, of which a batch is added up (0: the whole batch). patience:
    validations without a gain after which a run ends (0: none does).
    """

    steps: int
    batch_size: int
    micro_batch: int
    crop_seconds: float
    lr: float
    final_lr: float
    warmup_steps: int
    betas: Sequence[float]
    weight_decay: float
    max_norm: float
    shuffle: bool
    validate_every: int
    patience: int
    log_every: int
    keep: int


@dataclass(frozen=True)
class HubertSettings(Settings):
    """[train.hubert], with what [train.pits], [train.dyns] or [train.units] changes."""

    trunk: str
    warmstart: str
    mask: bool
    alpha: float
    speed_octaves: Octaves
    noise: float
    equalise: float
    disturb: float
    keep_embedding: bool
    teacher: float


@dataclass(frozen=True)
class HeadSettings(Settings):
    """[train.head]. keep_embedding: the vectors of the classes stay those of --warmstart."""

    keep_embedding: bool


@dataclass(frozen=True)
class AcousticSettings(Settings):
    """[train.acoustic]. refine_…: with --refine. high_weight: of the loss of mel rows above 8 kHz;
    beside_weight: of that of the other voice, with --beside."""

    refine_lr: float
    refine_steps: int
    high_weight: float
    beside_weight: float


@dataclass(frozen=True)
class VocoderSettings(Settings):
    """[train.vocoder]. refine_…: with --finetune; adversarial_after_warmstart: with --warmstart too.

    low: of what lies below 8 kHz "trained"; "finetuned" or "frozen", which both begin from another vocoder's.
    …_weight: of the losses in vocoder/losses.py.
    """

    low: str
    speed_octaves: Octaves
    adversarial_after: int
    adversarial_after_warmstart: int
    spectral_weight: float
    fine_weight: float
    periodicity_weight: float
    pitch_weight: float
    matching_weight: float
    refine_lr: float
    refine_steps: int
    own_share: float


Kind = TypeVar("Kind", bound=Settings)
LABELS = ("pits", "dyns", "units")
RECIPES = {"head": HeadSettings, "acoustic": AcousticSettings, "vocoder": VocoderSettings}


def settings_of(config: dict, section: str, preset: Path | str, **given: Any) -> Any:
    """Settings of [train.<section>], pits, dyns and units on top of [train.hubert]; `given` replaces its own.

    preset: file that the config was read from, for messages. Raises UserError for a key that is unknown or
    missing, or a value of another type, in any table of [train].
    """
    sections = {**dict.fromkeys(("hubert", *LABELS), HubertSettings), **RECIPES}
    for name in config["train"]:
        if name not in sections:
            raise UserError(f"{preset}: unknown table [train.{name}]{closest(name, sections)}")
    tables = {name: config["train"][name] for name in ("hubert", *RECIPES)}
    tables |= {name: label_training(config, name) for name in LABELS}
    checked = {name: read(sections[name], tables[name], f"{preset}, [train.{name}]") for name in tables}
    return replace(checked[section], **given)


def refining(settings: Any, steps: int | None) -> Any:
    """Settings of a run that begins from a trained model: shorter (steps, else refine_steps), and gentler."""
    return replace(settings, lr=settings.refine_lr, steps=settings.refine_steps if steps is None else steps)


def read(kind: type[Kind], table: dict, where: str) -> Kind:
    """A table of a preset as the dataclass `kind`. UserError naming `where` and the key that does not fit."""
    types_of = typing.get_type_hints(kind)
    for key in table:
        if key not in types_of:
            raise UserError(f"{where}: unknown key {key!r}{closest(key, types_of)}")
    for field in fields(kind):
        if field.name not in table:
            raise UserError(
                f'{where}: key {field.name!r} is missing; begin the preset with extends = "base.toml"'
            )
        value, wanted = table[field.name], types_of[field.name]
        if not _fits(value, wanted):
            raise UserError(f"{where}: {field.name} is {value!r}, expected {_words(wanted)}")
    return kind(**table)


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(wanted))
    if typing.get_origin(wanted) is Sequence:
        return isinstance(value, list | tuple) and all(_fits(x, typing.get_args(wanted)[0]) for x in value)
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is wanted


def _words(wanted: Any) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a word in quotes"}
    if isinstance(wanted, types.UnionType):
        return " or ".join(_words(part) for part in typing.get_args(wanted))
    return words.get(wanted, "a list of numbers")


def learning_rate(settings: Settings, step: int, lr: float) -> float:
    """Linear warm-up, then a cosine down to `final_lr` times lr at the last step."""
    warmup, final = settings.warmup_steps, settings.final_lr
    if step < warmup:
        return lr * (step + 1) / warmup
    along = (step - warmup) / max(1, settings.steps - warmup)
    return lr * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(1.0, along))))
