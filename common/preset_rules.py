"""What a preset may hold: the tables and keys of configs/base.toml, with values of their types and ranges.

The keys of [train.*] are checked by training/settings.py, where they are dataclasses; their numbers here.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from common.cli import UserError, closest

KINDS = ("pits", "dyns", "units")
MORE_KEYS: dict[str, dict[str, Any]] = {  # that base.toml leaves at the models' defaults
    "audio": {"rate": 16000, "high_bands": 0, "high_hz": [8000.0, 20000.0], "high_n_fft": 2048},
    "hubert": {"front_end": "waveform", "pos_gelus": 1, "norm": "recording"},
    "vocoder.harmonic": {"pitch_dim": 128, "pitch_blocks": 3, "high_dim": 192, "high_blocks": 4},
    "ablation": {"train_mode": False, "range_from_data": False},  # of configs/ablation
}
OPTIONAL = {"ablation", *(f"{table}.{kind}" for table in ("hubert", "train") for kind in KINDS)}
CHOICES = {
    "content.source": ("official", "trained"),
    "vocoder.source": ("official", "trained", "griffin_lim"),
    "vocoder.generator": ("hifigan", "istft", "harmonic"),
    "labels.pit.tracker": ("yin", "pyin", "swift_f0", "fcpe"),
    "labels.dyn.scale": ("relative_db", "linear_rms"),
    "hubert.front_end": ("waveform", "log_mel"),
    "hubert.norm": ("recording", "fixed"),
    "acoustic.norm": ("frame", "instance"),
    "acoustic.decoder": ("parallel", "autoregressive"),
    "train.hubert.trunk": ("finetune", "frozen", "pits"),
    "train.hubert.warmstart": ("content", ""),
    "train.vocoder.low": ("finetuned", "frozen", "trained"),
}
MORE_THAN_0 = math.ulp(0.0)
RANGES: dict[str, tuple[float, float]] = {  # by the last part of a key; of lists each number
    "level_db": (-80, 0),
    "high_bands": (0, 128),
    "high_hz": (8000, 24000),
    "bins": (2, 100),  # 100 rows has the label embedding
    "f_min": (1, 8000),
    "f_max": (1, 8000),
    "sigma": (0, 20),
    "assumed_rate": (1000, 1_000_000),
    "low_db": (-200, 200),
    "high_db": (-200, 200),
    "dropout": (0, 0.99),
    "betas": (0, 0.99999),
    "lr": (MORE_THAN_0, 10),
    "refine_lr": (MORE_THAN_0, 10),
    "final_lr": (0, 1),
    "crop_seconds": (0.02, 3600),
    "max_norm": (MORE_THAN_0, math.inf),
    "weight_decay": (0, 1000),
    "speed_octaves": (-3, 3),
    **dict.fromkeys(("alpha", "noise", "disturb", "own_share"), (0, 1)),
    **dict.fromkeys(("equalise", "teacher", "spectral_weight", "pitch_weight", "matching_weight"), (0, 1e9)),
    **dict.fromkeys(("high_weight", "fine_weight", "periodicity_weight"), (0, 1e9)),
    **dict.fromkeys(("steps", "refine_steps", "batch_size", "validate_every", "log_every"), (1, 1e9)),
}
COUNTS = (0, 1e9)  # every other whole number of a training
SIZES = (1, 1 << 16)  # every other whole number that a model is made of
RATES = (16000, 24000, 32000, 44100, 48000)  # Hz, which have whole samples for a frame of 10 ms
RISING = (("labels.pit", "f_min", "f_max"), ("labels.dyn", "low_db", "high_db"))


def require_valid(path: Path, config: dict, base: dict) -> None:
    """UserError naming the preset and the table, key or value of its whole `config` that cannot be.

    base: configs/base.toml, which has every default.
    """
    defaults, given = _tables(base), _tables(config)
    known = {*defaults, *OPTIONAL}
    for name in given:
        if name not in known:
            raise UserError(f"{path}: unknown table [{name}]{closest(name, known - {''})}")
    for name in defaults:
        if name not in given and name not in OPTIONAL:
            raise UserError(f'{path}: table [{name}] is missing; begin the preset with extends = "base.toml"')
    for name, table in given.items():
        if not name.startswith("train."):
            _require_keys(path, name, table, defaults)
        for key, value in table.items():
            _require_range(f"{path}, [{name}]: {key}", name, key, value)
    _require_rising(path, given)
    bands = {key: given["audio"].get(key, usual) for key, usual in MORE_KEYS["audio"].items()}
    if fault := band_fault(**bands):
        raise UserError(f"{path}, [audio]: {fault}")


def _tables(config: dict, name: str = "") -> dict[str, dict]:
    """{"labels.pit": its keys that are no tables, ...} of nested tables; "" for what stands before them."""
    inner = {key: value for key, value in config.items() if isinstance(value, dict)}
    tables = {name: {key: value for key, value in config.items() if key not in inner}}
    for key, value in inner.items():
        tables |= _tables(value, f"{name}.{key}".lstrip("."))
    return tables


def _require_keys(path: Path, name: str, table: dict, defaults: dict[str, dict]) -> None:
    """The keys of one table: those that it must have, those that it may have, and their types."""
    group = _group(name)
    known = {**MORE_KEYS.get(group, {}), **defaults.get(group, {})}
    where = f"{path}, [{name}]" if name else str(path)
    for key in defaults.get(name, {}):
        if key not in table:
            raise UserError(f'{where}: key {key!r} is missing; begin the preset with extends = "base.toml"')
    for key, value in table.items():
        if key not in known:
            place = "" if name else " before the first table"
            raise UserError(f"{where}: unknown key {key!r}{place}{closest(key, known or {*defaults} - {''})}")
        if not _alike(value, known[key]):
            raise UserError(f"{where}: {key} is {value!r:.40}, expected a value like {known[key]!r}")


def _group(name: str) -> str:
    """The table whose keys a table has: [hubert.pits] those of [hubert]."""
    parent, _, last = name.rpartition(".")
    return {"hubert": "hubert", "train": "train.hubert"}.get(parent, name) if last in KINDS else name


def _alike(value: Any, default: Any) -> bool:
    """Whether a value is of its default's type; whole numbers serve for others."""
    if isinstance(default, list):
        return isinstance(value, list) and 0 < len(value) <= 12 and all(_alike(v, default[0]) for v in value)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)


def _require_range(where: str, name: str, key: str, value: Any) -> None:
    """UserError for a word that is none of its choices, and for a number outside its range."""
    choices = CHOICES.get(f"{_group(name)}.{key}")
    if choices and isinstance(value, str) and value not in choices:
        raise UserError(f"{where} is {value!r:.40}, expected one of {', '.join(map(repr, choices))}")
    for number in value if isinstance(value, list) else [value]:
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        whole = COUNTS if name.startswith("train") else SIZES
        low, high = RANGES.get(key) or (whole if isinstance(number, int) else (-math.inf, math.inf))
        if not math.isfinite(number) or not low <= number <= high:
            bounds = f"from {low:g} to {high:g}" if low != MORE_THAN_0 else f"above 0, up to {high:g}"
            raise UserError(f"{where} is {number}, expected a number {bounds}")


def _require_rising(path: Path, given: dict[str, dict]) -> None:
    for table, low, high in RISING:
        if not given[table][low] < given[table][high]:
            values = f"{given[table][low]} and {given[table][high]}"
            raise UserError(f"{path}, [{table}]: expected {low} below {high}, found {values}")
    pit, most = given["labels.pit"], RANGES["bins"][1]
    if pit["bins"] + pit["unvoiced"] > most:
        raise UserError(
            f"{path}, [labels.pit]: bins is {pit['bins']}, expected at most {most - 1} beside unvoiced = true"
        )


def band_fault(rate: Any, high_bands: Any, high_hz: Any, high_n_fft: Any) -> str:
    """What does not go together in a sample rate and rows of mel above 8 kHz; empty where all does."""
    if rate not in RATES:
        return f"rate is {rate!r:.40}, expected one of {', '.join(map(str, RATES))}"
    if (rate == RATES[0]) != (high_bands == 0):
        wanted = "0 at a rate of 16000" if high_bands else f"1 or more at a rate of {rate}"
        return f"high_bands is {high_bands!r:.40}, expected {wanted}"
    if high_bands and not (len(high_hz) == 2 and 8000 <= high_hz[0] < high_hz[1] <= rate / 2):
        return f"high_hz is {list(high_hz)!r:.40}, expected two rising numbers from 8000 to {rate / 2:g}"
    hop = rate // 100
    if high_bands and not (high_n_fft % 2 == 0 and 2 * hop <= high_n_fft <= 8 * hop):
        # The shortest wav has 4 hops, and is mirrored at its ends.
        expected = f"an even number from {2 * hop} to {8 * hop} at a rate of {rate}"
        return f"high_n_fft is {high_n_fft!r:.40}, expected {expected}"
    return ""
