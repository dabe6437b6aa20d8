"""Which preset a data folder was made with, for trainings that are given none."""

from __future__ import annotations

from pathlib import Path

from checkpoints import file_format, store
from common.cli import UserError
from common.presets import DEFAULT, completed, load_config
from preprocessing.data_folder import DataFolder

NOTE = "presets.json"  # in data/<name>: {verb of preprocess.py: preset}
VERBS = ("pitdyn", "mel", "encode", "discrete")  # of preprocess.py, that make what is trained on
PROJECT = DEFAULT.parent.parent


def remember(folder: DataFolder, verb: str, preset: Path | None) -> None:
    """Note the --config (None: the default) that a verb of preprocess.py was given.

    Units without one keep no note: their encoders say what they are.
    """
    notes = folder.read_json(NOTE) or {}
    notes.pop(verb, None)
    if preset is not None or verb != "encode":
        whole = (preset or DEFAULT).resolve()
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
    return of_file(path, ("audio", "content", "hubert")) if path.is_file() else None


def of_file(path: Path, tables: tuple[str, ...]) -> tuple[dict, str]:
    """(preset, its name) of a model's file; base for an official one.

    A preset of the project that has the same `tables` is read anew from configs/.
    """
    checkpoint = store.about(path)
    if not file_format.is_ours(checkpoint):
        return load_config(), preset_name(DEFAULT)
    theirs = checkpoint["config"]["toml"]
    for preset in (DEFAULT, DEFAULT.with_name("tiny.toml")):
        config = load_config(preset)
        if all(config[table] == theirs.get(table) for table in tables):
            return config, preset_name(preset)
    return completed(theirs), f"that of {path.as_posix()}"


def preset_name(path: Path) -> str:
    """A preset as --config takes it in the project's folder."""
    return path.relative_to(PROJECT).as_posix() if path.is_relative_to(PROJECT) else path.as_posix()
