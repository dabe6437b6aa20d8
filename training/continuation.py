"""What a training goes by besides its command line: the preset of its data, the settings of a run resumed."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import zlib
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from bands import Band
from checkpoints import store
from common.cli import UserError
from common.presets import DEFAULT, completed, load_config
from preprocessing import presets
from preprocessing.data_folder import DataFolder

SEED = 1234  # where neither the command line nor a run resumed has one
OWN = ("steps", "keep", "micro_batch")  # options that a resumed run takes from its own command line
ONCE = {"--resume": 1, "--warmstart": 1, "--refine": 0, "--any_encoder": 0, "--overwrite": 0}  # and values
AMP_NAMES = {None: "off", torch.bfloat16: "bf16", torch.float16: "fp16"}
SAMPLED = 4096  # bytes of each recording that its fingerprint looks at


def choose_preset(args: argparse.Namespace, verbs: tuple[str, ...]) -> tuple[dict, str]:
    """(preset, its name): --config, else that of --resume, else that of the data, else base.

    verbs: of preprocess.py, whose presets are asked for in turn. Raises UserError where one cannot be read,
    or units are to be trained on with a preset for others.
    """
    folder = DataFolder(args.data)
    if args.config:
        found = load_config(args.config), args.config.as_posix()
    elif args.resume:
        found = _preset_resumed(args)
    else:
        of_data = (presets.of_data(folder, verb) for verb in verbs)
        found = next((preset for preset in of_data if preset), None)
        found = found or (load_config(), f"{presets.preset_name(DEFAULT)}, as no --config names another")
    if "encode" in verbs:
        require_units_of(folder, *found)
    return found


def _preset_resumed(args: argparse.Namespace) -> tuple[dict, str]:
    if getattr(args, "refine", False):
        return presets.of_file(args.resume, (*presets.ENCODER_TABLES, "acoustic"))
    about = store.load(args.resume, state=False)
    return completed(about["config"]["toml"]), f"that of {args.resume.as_posix()}"


def require_units_of(folder: DataFolder, config: dict, name: str) -> None:
    """UserError where the units or the mels of a folder were made for another preset than this one."""
    made = presets.of_data(folder, "encode")
    if made and made[0]["content"]["source"] != config["content"]["source"]:
        raise UserError(
            f"{folder.root / 'encoder.json'}: its units are of the preset {made[1]}, found the preset "
            f"{name}; give --config {made[1]}, or make units of the other: "
            f"python preprocess.py {folder.name} --encode <dataset> --config …"
        )
    mels = folder.read_json("mels.json")
    if mels and mels["level_db"] != config["audio"]["level_db"]:
        raise UserError(
            f"{folder.root / 'mels.json'}: expected mels at {config['audio']['level_db']:g} dB, as the "
            f"preset {name} has them, found {mels['level_db']:g} dB; give the --config they were made with, "
            f"or make them again: python preprocess.py {folder.name} --mel --config …"
        )
    band, highs = Band.of(config["audio"]), folder.read_json("highs.json")
    wanted = {"level_db": config["audio"]["level_db"], **band.sizes}
    if band.is_wide and highs != wanted:
        raise UserError(
            f"{folder.root / 'highs.json'}: expected mels above 8 kHz as the preset {name} has them, "
            f"{wanted}, found {highs or 'none'}; "
            f"make them: python preprocess.py {folder.name} --mel --config …"
        )


def is_resumed(args: argparse.Namespace) -> bool:
    """Whether a run is to continue from --resume; --refine takes weights alone."""
    return bool(getattr(args, "resume", None)) and not getattr(args, "refine", False)


def stored_run(args: argparse.Namespace) -> dict:
    """{"settings", "seed", "amp"} of the run that --resume continues; empty for a new run, or an old file."""
    if not is_resumed(args):
        return {}
    state = store.about(args.resume).get("training") or {}
    return {key: state[key] for key in ("settings", "seed", "amp") if key in state}


def continued(args: argparse.Namespace, settings: Any, stored: dict) -> tuple[Any, list[str]]:
    """Settings of a run resumed, and lines that name what differs from the command line or its preset.

    The checkpoint's count, but for OWN. Raises UserError for a --seed or --batch_size of another run.
    """
    before = {field.name: stored["settings"].get(field.name) for field in fields(settings)}
    now = {name: _plain(value) for name, value in asdict(settings).items()}
    differ = [name for name in now if before[name] is not None and _plain(before[name]) != now[name]]
    ours = [name for name in differ if name in OWN and getattr(args, name, None) is not None]
    for name, found in (("seed", stored["seed"]), ("batch_size", before["batch_size"])):
        given = getattr(args, name, None)
        if given is not None and given != found:
            raise UserError(
                f"{args.resume}: expected the --{name} {found} of its run, found {given}; leave --{name} out"
                + (", and give --micro_batch to save memory" if name == "batch_size" else "")
            )
    kept = [name for name in differ if name not in ours]
    lines = [f"{name} {now[name]} instead of {before[name]}" for name in ours]
    if args.config:
        lines += [f"{name} stays {before[name]}, not {now[name]} as {args.config} says" for name in kept]
    return replace(settings, **{name: before[name] for name in kept}), lines


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def state_of(run: Any) -> dict:
    """What a checkpoint keeps for `stored_run`."""
    return {"settings": asdict(run.settings), "seed": run.seed, "amp": AMP_NAMES[run.amp]}


def instead_of(path: Path) -> str:
    """What to do where --resume was given a file of weights."""
    newest = max(store.step_files(path.parent), default=None)
    if newest is None:
        return "use --refine or --warmstart"
    return f"give the last checkpoint of its run: --resume {newest[-1]}"


def look_at(run: Any, dataset: Any, before: dict) -> dict:
    """`fingerprint` of what a run learns from, and a line where it was another (`before`) when it began."""
    if run.rank > 0:
        return {}
    found = fingerprint(dataset)
    if before and before != found:
        now, then = found["items"], before["items"]
        run.logger.warning(
            f"{run.data}: {now} training recordings, {then} when this run began"
            if now != then
            else f"{run.data}: other training recordings than when this run began"
        )
    return found


def fingerprint(dataset: Any) -> dict:
    """{"items", "digest"} of a data set's recordings: how many, and their names, lengths and some samples."""
    if not hasattr(dataset, "folder"):
        return {"items": len(dataset)}
    digest, keys = 0, sorted(dataset.keys)
    for key in keys:
        digest = zlib.crc32(key.encode(), digest)
        path = dataset.folder.path("prepared", key)
        size = path.stat().st_size if path.is_file() else 0
        if size:
            with path.open("rb") as stream:
                stream.seek(max(0, size // 2 - SAMPLED))
                digest = zlib.crc32(stream.read(SAMPLED), digest)
        digest = zlib.crc32(str(size).encode(), digest)
    return {"items": len(keys), "digest": f"{digest:08x}"}


def resuming_command(checkpoint: Path) -> str:
    """The command line that continues this process's run from a checkpoint."""
    kept, skip = [], 0
    for word in sys.argv:
        name = word.partition("=")[0]
        if skip:
            skip -= 1
        elif name in ONCE:
            skip = ONCE[name] if name == word else 0
        else:
            kept.append(word)
    world = int(os.environ.get("WORLD_SIZE", 1))
    start = ["python"] if world == 1 else ["torchrun", f"--nproc_per_node={world}"]
    words = [*start, *kept, "--resume", str(checkpoint)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
