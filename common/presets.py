"""Presets: TOML files in configs/, each may extend another of the same folder."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from common.cli import UserError, nearest
from common.preset_rules import require_valid
from common.readers import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT = Path(__file__).resolve().parent.parent / "configs" / "base.toml"
RECIPES = ("hubert", "head", "acoustic", "vocoder")  # the tables of [train] that are whole


def load_config(path: Path | str | None = None) -> dict:
    """Read a TOML preset (configs/base.toml without a path) with everything it extends.

    A key `extends = "other.toml"` names a file beside it whose tables are the defaults, or a list of such
    files, each on top of those before it. Raises UserError for a missing or malformed file, and for tables,
    keys and values that `preset_rules` does not know.
    """
    path = Path(path or DEFAULT)
    config = _extended(path, ())
    require_valid(path, config, _base())
    return config


@cache
def _base() -> dict:
    return _extended(DEFAULT, ())


def _extended(path: Path, below: tuple[Path, ...]) -> dict:
    """A preset on top of those it extends; below: presets that extend it."""
    if not path.is_file() and not path.is_dir():
        whose = f", which {below[-1]} extends" if below else ""
        near = nearest(path.stem, [preset.stem for preset in DEFAULT.parent.glob("*.toml")])
        raise UserError(f"{path}: no such config{whose}{near}; the presets are in {DEFAULT.parent}")
    if path.resolve() in map(Path.resolve, below):
        raise UserError(f"{path}: it extends itself, by way of {below[-1].name}; correct its line extends")
    text = read_text(path, f"the presets are in {DEFAULT.parent}")
    try:
        own = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise UserError(f"{path}: not valid TOML ({error})") from error
    parents = own.pop("extends", [])
    parents = [parents] if isinstance(parents, str) else parents
    if not isinstance(parents, list) or not all(isinstance(parent, str) and parent for parent in parents):
        raise UserError(f'{path}: extends is {parents!r:.40}, expected a file, such as extends = "base.toml"')
    config: dict = {}
    for parent in parents:
        config = merge(config, _extended(path.parent / parent, (*below, path)))
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
