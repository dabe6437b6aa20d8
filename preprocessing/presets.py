"""Which preset a data folder was made with, for trainings that are given none."""

from __future__ import annotations

import argparse
from pathlib import Path

from checkpoints.places import best
from common.cli import UserError
from common.presets import DEFAULT, completed, load_config
from preprocessing.data_folder import DataFolder

NOTE = "presets.json"  # in data/<name>: {verb of preprocess.py: preset}
ENCODER_TABLES = ("audio", "content", "hubert")  # by which a preset of configs/ is known
VERBS = ("pitdyn", "mel", "encode", "discrete")  # of preprocess.py, that make what is trained on
PROJECT = DEFAULT.parent.parent


def for_preprocessing(folder: DataFolder, args: argparse.Namespace) -> tuple[dict, str]:
    """(preset, its name) of a verb of preprocess.py: --config, else that of units' encoders, else base."""
    if args.config:
        return load_config(args.config), args.config.as_posix()
    found = None
    if args.encode:
        own = (best(Path("out") / args.encode / model) for model in ("hubert-soft", "hubert-pit"))
        path = next((path for path in (args.content, *own) if path and path.is_file()), None)
        found = of_file(path, ENCODER_TABLES) if path else None
    elif args.mel:
        found = of_data(folder, "encode")
    return found or (load_config(), preset_name(DEFAULT))


def remember(folder: DataFolder, verb: str, given: Path | None, name: str = "") -> None:
    """Note the --config that a verb of preprocess.py was given, or else the `name` of what it went by.

    Units without one keep no note: their encoders say what they are.
    """
    notes = folder.read_json(NOTE) or {}
    notes.pop(verb, None)
    preset = given or PROJECT / name
    if given is not None or (verb != "encode" and preset.is_file()):
        whole = preset.resolve()
        inside = whole.is_relative_to(PROJECT)
        notes[verb] = (whole.relative_to(PROJECT) if inside else whole).as_posix()
    folder.write_json(NOTE, notes)


def of_data(folder: DataFolder, verb: str) -> tuple[dict, str] | None:
    """(preset, its name) of what a verb of preprocess.py made; None where nothing says which it was.

    Of units ("encode") without a note it is that of their content encoder. Raises UserError where the preset
    noted is gone.
    """
    noted = (folder.read_json(NOTE) or {}).get(verb)
    if noted is not None:
        path = PROJECT / noted
        if not path.is_file():
            raise UserError(
                f"{folder.root / NOTE}: {verb} was made with {noted}, which does not exist; give --config"
            )
        return load_config(path), noted
    return of_encoder(folder.read_json("encoder.json") or {}) if verb == "encode" else None


def of_encoder(card: dict) -> tuple[dict, str] | None:
    """(preset, its name) of the content encoder that a card names; None where its file is not here."""
    path = Path(card.get("encoders", {}).get("content", {}).get("name", ""))
    return of_file(path, ENCODER_TABLES) if path.is_file() else None


def of_file(path: Path, tables: tuple[str, ...]) -> tuple[dict, str]:
    """(preset, its name) of a model's file; base for an official one.

    A preset of the project that has the same `tables` is read anew from configs/.
    """
    from checkpoints import file_format, store  # noqa: PLC0415  they load torch, which labels do not need

    checkpoint = store.about(path)
    if not file_format.is_ours(checkpoint):
        return load_config(), preset_name(DEFAULT)
    theirs = checkpoint["config"]["toml"]
    for preset in (DEFAULT, *(DEFAULT.with_name(f"{name}.toml") for name in ("tiny", "wide"))):
        config = load_config(preset)
        if all(config[table] == theirs.get(table) for table in tables):
            return config, preset_name(preset)
    return completed(theirs), f"that of {path.as_posix()}"


def preset_name(path: Path) -> str:
    """A preset as --config takes it in the project's folder."""
    return path.relative_to(PROJECT).as_posix() if path.is_relative_to(PROJECT) else path.as_posix()
