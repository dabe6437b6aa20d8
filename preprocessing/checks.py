"""What preprocess.py is given, checked before anything in a data folder changes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from audio import LOUDNESS_FLOOR_DB, SAMPLE_RATE, UNIT_HOP
from common import presets
from common.cli import UserError
from hubert_pitdyn import pitch
from hubert_pitdyn.labels import LOUDNESS_KEYS, DynLabels, PitLabels, track_options

MOST_CLUSTERS = 32767  # classes are kept as 16-bit integers
TONE = (220.0, 32)  # Hz, units: what a tracker is tried on


def check(args: argparse.Namespace, config: dict) -> None:
    """Raises UserError for a preset or options that no data folder can be made with."""
    preset = args.config or presets.DEFAULT
    labels = check_labels(config, preset)
    level = _entry(config, preset, "audio", "level_db")
    if not _is_number(level) or not LOUDNESS_FLOOR_DB < level <= 0:
        raise UserError(
            f"{preset}, [audio]: level_db is {level!r}, expected dB from {LOUDNESS_FLOOR_DB:g} to 0"
        )
    shares = [args.val_share or 0.0, args.test_share or 0.0]
    if sum(shares) >= 1:
        raise UserError(
            f"--val_share {shares[0]:g}, --test_share {shares[1]:g}: expected less than 1 together"
        )
    if args.pitdyn:
        _try(preset, lambda: try_tracker(labels["pit"]))
    if (args.mel or args.encode) and args.augment_pitch:
        from preprocessing.moved_copies import load_world  # noqa: PLC0415  it loads what others do not need

        load_world()
    if args.discrete:
        from preprocessing.discrete import load_source  # noqa: PLC0415  it loads torch

        if not args.clusters <= min(args.fit_frames, MOST_CLUSTERS):
            raise UserError(
                f"--clusters {args.clusters}: expected at most {MOST_CLUSTERS}, and --fit_frames "
                f"({args.fit_frames}) or fewer"
            )
        load_source(args.features, args.device)


def check_labels(config: dict, preset: Path) -> dict:
    """[labels] of a preset. Raises UserError that names the preset and the key that is wrong."""
    pit, dyn = (_entry(config, preset, "labels", name) for name in ("pit", "dyn"))
    for name, table, needed in (("pit", pit, ("tracker",)), ("dyn", dyn, LOUDNESS_KEYS)):
        for key in needed:
            _entry({name: table}, preset, name, key)
    _try(preset, lambda: (PitLabels.from_config(pit), DynLabels.from_config(dyn)))
    _try(preset, lambda: pitch.missing(pit["tracker"]))
    return config["labels"]


def try_tracker(pit: dict) -> None:
    """Track a short tone with the table [labels.pit]: what fails on it fails on every recording."""
    hertz, units = TONE
    wav = np.sin(2 * np.pi * hertz * np.arange(units * UNIT_HOP) / SAMPLE_RATE)
    pitch.track(wav, **{**track_options(pit), "tracker": pitch.resolve(pit["tracker"])})


def _entry(tables: dict, preset: Path, table: str, key: str):
    """tables[table][key]. Raises UserError where either is not there."""
    found = tables.get(table)
    if not isinstance(found, dict) or key not in found:
        raise UserError(
            f'{preset}: key {key!r} of [{table}] is missing; begin the preset with extends = "base.toml"'
        )
    return found[key]


def _try(preset: Path, work: Callable[[], object]) -> None:
    try:
        work()
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  whatever a wrong value leads to, the preset is what is wrong
        raise UserError(f"{preset}: {error or type(error).__name__}") from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
