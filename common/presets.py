"""Presets: TOML files in configs/, each may extend another of the same folder."""

from __future__ import annotations

import sys
from pathlib import Path

from common.cli import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT = Path(__file__).resolve().parent.parent / "configs" / "base.toml"
RECIPES = ("hubert", "head", "acoustic", "vocoder")  # the tables of [train] that are whole


def load_config(path: Path | str | None = None) -> dict:
    """Read a TOML preset (configs/base.toml without a path) with everything it extends.

    A key `extends = "other.toml"` names a file beside it whose tables are the defaults, or a list of such
    files, each on top of those before it. Raises UserError for a missing or malformed file.
    """
    path = Path(path or DEFAULT)
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such config; the presets are in {DEFAULT.parent}") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML ({error})") from error
    parents = own.pop("extends", [])
    config: dict = {}
    for parent in [parents] if isinstance(parents, str) else parents:
        config = merge(config, load_config(path.parent / parent))
    return merge(config, own)


def label_training(config: dict, kind: str) -> dict:
    """Settings of a whole HuBERT on pits, dyns or units: [train.hubert], and what [train.<kind>] changes."""
    return {**config["train"]["hubert"], **config["train"].get(kind, {})}


def hubert_sizes(config: dict, kind: str) -> dict:
    """Sizes of a HuBERT on pits, dyns or units: [hubert], and what [hubert.<kind>] changes."""
    shared = {name: value for name, value in config["hubert"].items() if not isinstance(value, dict)}
    return {**shared, **config["hubert"].get(kind, {})}


def merge(base: dict, over: dict) -> dict:
    """Tables of `over` on top of those of `base`, recursively; neither is changed."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merge(out[key], value) if both else value
    return out


def completed(config: dict) -> dict:
    """A preset that a checkpoint holds, with what base.toml has had since: tables, and keys of [train.*]."""
    base = load_config()
    train = {name: {**base["train"][name], **config["train"].get(name, {})} for name in RECIPES}
    whole = {**{name: table for name, table in base.items() if name not in config}, **config}
    return {**whole, "train": {**config["train"], **train}}
