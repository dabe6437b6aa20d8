"""What preprocess.py is given, checked before anything in a data folder changes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from audio import SAMPLE_RATE, UNIT_HOP
from common import presets
from common.cli import UserError
from hubert_pitdyn import pitch
from hubert_pitdyn.labels import DynLabels, PitLabels, track_options

MOST_CLUSTERS = 32767  # classes are kept as 16-bit integers
TONE = (220.0, 32)  # Hz, units: what a tracker is tried on


def check(args: argparse.Namespace, config: dict) -> None:
    """Raises UserError for a preset or options that no data folder can be made with.

    Tables, keys and ranges of a preset are checked where it is read (`common.presets`).
    """
    preset, tables = args.config or presets.DEFAULT, config["labels"]
    _try(preset, lambda: (PitLabels.from_config(tables["pit"]), DynLabels.from_config(tables["dyn"])))
    _try(preset, lambda: pitch.missing(tables["pit"]["tracker"]))
    shares = [args.val_share or 0.0, args.test_share or 0.0]
    if sum(shares) >= 1:
        raise UserError(
            f"--val_share {shares[0]:g}, --test_share {shares[1]:g}: expected less than 1 together"
        )
    if args.pitdyn:
        _try(preset, lambda: try_tracker(tables["pit"]))
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


def try_tracker(pit: dict) -> None:
    """Track a short tone with the table [labels.pit]: what fails on it fails on every recording."""
    hertz, units = TONE
    wav = np.sin(2 * np.pi * hertz * np.arange(units * UNIT_HOP) / SAMPLE_RATE)
    pitch.track(wav, **{**track_options(pit), "tracker": pitch.resolve(pit["tracker"])})


def _try(preset: Path, work: Callable[[], object]) -> None:
    try:
        work()
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  whatever a wrong value leads to, the preset is what is wrong
        raise UserError(f"{preset}: {error or type(error).__name__}") from error
