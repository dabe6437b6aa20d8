"""What preprocess.py does in order: check settings, bring the folder up to date, make what was asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from checkpoints import places
from common import progress
from common.cli import UserError
from common.files import remove_leftovers_below
from common.workers import opened
from preprocessing import bank, labels
from preprocessing.bank_zip import BankZip
from preprocessing.bookkeeping import drop_replaced
from preprocessing.checks import check
from preprocessing.data_folder import BANK, DataFolder
from preprocessing.presets import VERBS, for_preprocessing, remember
from preprocessing.split import read_prompts, write_split

DATA = Path("data")
SCRIPT = Path("preprocess.py")  # lies in the project's folder


def preprocess(args: argparse.Namespace) -> int:
    """Returns the exit code. Raises UserError, with the folder as it was, for what can be known before."""
    folder = data_folder(args.name)
    config, preset = for_preprocessing(folder, args)
    check(args, config)
    if args.encode and args.encode_with != "none":
        places.require_dataset(args.encode)  # a wrong name is said before torch loads
    archive = bank_zip(folder, args.wavs)  # and so is a wrong path
    progress.say(f"{folder.root}: looking at its recordings ...")
    with opened(args.n_workers, args.scheduler, folder.root, read_by(folder, args)) as args.n_workers:
        make = chosen(args, config)
        return make_all(folder, args, config, preset, make, archive)


def make_all(
    folder: DataFolder,
    args: argparse.Namespace,
    config: dict,
    preset: str,
    make: Callable[[DataFolder, argparse.Namespace, dict], int],
    archive: BankZip | None,
) -> int:
    """What `preprocess` does when its settings are known to be right; returns the exit code.

    args.n_workers: what `workers.opened` gives.
    """
    folder.connect(archive.unpack() if archive else args.wavs)
    if args.wavs:
        bank.note(folder, args.keep_noises)
    remove_leftovers_below(folder.root)
    count = len(folder.files)
    if folder.left_out:
        print(f"{folder.root}: {count} recordings, left out: {folder.left_out}")
    prompts = read_prompts(args.prompts, folder.files) if args.prompts else None
    known = (folder.read_json(BANK) or {}).get("takes")
    write_split(folder, args.seed, args.val_share, args.test_share, prompts, known)
    code = drop_replaced(folder, args.n_workers, args.force)
    code = max(code, make(folder, args, config))
    for verb in VERBS:
        if getattr(args, verb):
            remember(folder, verb, args.config, preset)
    code = max(code, follow_encoders(folder, args, config, preset))
    remove_leftovers_below(folder.root)  # workers of a killed run end a moment after it
    return code


def read_by(folder: DataFolder, args: argparse.Namespace) -> list[Path]:
    """What each process reads: recordings, models and features, where they are."""
    features = args.features.rpartition(":")[0] or args.features
    others = [Path(features), *([args.content] if args.content else [])]
    others += [Path("out", args.encode)] if args.encode else []
    return [args.wavs or folder.wavs, *(path for path in others if path.exists())]


def bank_zip(folder: DataFolder, wavs: Path | None) -> BankZip | None:
    """The zip of a bank where one is given; None for a folder of recordings, or none, which is checked."""
    if wavs is not None and wavs.is_file():
        return BankZip(folder, wavs)
    folder.link.place_of(wavs)
    return None


def data_folder(name: str) -> DataFolder:
    """data/<name>. UserError where that would be made in a folder that has nothing to do with the project."""
    if not DATA.is_dir() and not SCRIPT.is_file():
        raise UserError(
            f"{DATA}: no such folder in {Path.cwd()}; run it in the project's folder, or make {DATA} here"
        )
    return DataFolder(DATA / name)


def chosen(args: argparse.Namespace, config: dict) -> Callable[[DataFolder, argparse.Namespace, dict], Any]:
    """What makes what was asked for, ready to run: an encoder that is missing is found here."""
    # Late: labels need no torch, which takes seconds to load.
    if args.pitdyn:
        return labels.make_labels
    if not (args.encode or args.mel or args.discrete):
        return labels.show_labels
    from preprocessing import acoustic, discrete  # noqa: PLC0415

    if args.encode:
        return partial(acoustic.make_units, parts=acoustic.load_parts(args, config))
    return acoustic.make_mels if args.mel else discrete.make_discrete


def follow_encoders(folder: DataFolder, args: argparse.Namespace, config: dict, preset: str) -> int:
    """After --encode: mels at another level than that of the encoders' preset are made again."""
    mels = folder.read_json("mels.json")
    if not args.encode or not mels or mels["level_db"] == config["audio"]["level_db"]:
        return 0
    from preprocessing import acoustic  # noqa: PLC0415  as above

    print(f"{folder.root}: its mels are made for another preset than the encoders', {preset}")
    return acoustic.make_mels(folder, args, config)
