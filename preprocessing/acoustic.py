"""--mel and --encode: log-mels, units and prosody of recordings and their copies."""

from __future__ import annotations

import argparse
import pickle
from functools import cache, partial

import numpy as np
import torch

import audio
from audio import SAMPLE_RATE
from bands import Band
from checkpoints import pipeline
from common import progress
from common.cluster import Cluster
from common.devices import choose_device
from common.workers import Pool, each_file, guarded
from hubert_pitdyn.units import encode_all, length_buckets
from preprocessing.bookkeeping import commit, each_key, finish, invalidate, todo
from preprocessing.data_folder import DataFolder
from preprocessing.moved_copies import make_copies, wanted_copies
from preprocessing.wide import invalidate_waves, make_highs

ENCODE_SECONDS = {"cpu": 60, "cuda": 480}  # audio in one padded batch
Batch = tuple[tuple[str, int], ...]  # (key, samples) of what is encoded at once


def mel_file(level_db: float, folder: DataFolder, key: str) -> None:
    """Log-mel [128, T] of one wav, at the level at which all mels are, or less where it would clip there."""
    wav = audio.limit_peak(audio.set_level(folder.prepared(key), level_db))
    folder.save("mels", key, audio.log_mel(wav).numpy())


def make_mels(folder: DataFolder, args: argparse.Namespace, config: dict) -> int:
    """--mel."""
    now, tracker = {"level_db": config["audio"]["level_db"]}, config["labels"]["pit"]["tracker"]
    band = Band.of(config["audio"])
    wanted_copies(folder, args, tracker)  # a missing package is said before anything goes
    invalidate(folder, "mels.json", ["mels"], folder.read_json("mels.json"), now, args.force)
    if band.is_wide:
        invalidate_waves(folder, band, args.force)
    uncopied = make_copies(folder, args, tracker, band, args.force)
    keys = todo(folder, folder.with_copies, ["mels"])
    made, failures = each_key(partial(mel_file, now["level_db"]), folder, keys, args.n_workers, "mels")
    commit(folder, "mels.json", now)
    print(f"{folder.hours(folder.have('mels')):.2f} hours")
    total = len(folder.with_copies) + len(uncopied)
    code = finish(folder, total, "mels", len(made), failures + uncopied)
    if not band.is_wide:
        return code
    highs, failures = make_highs(folder, band, now["level_db"], args.n_workers, args.force)
    return max(code, finish(folder, len(folder.with_copies), "mels above 8 kHz", len(highs), failures))


def load_parts(args: argparse.Namespace, config: dict) -> pipeline.EncoderParts:
    """The encoder of --encode, on its device. Raises UserError where a part is missing or does not fit."""
    device = choose_device(args.device)
    return pipeline.load_encoder(config, args.encode, args.content, device=device, pitdyn=args.encode_with)


def make_units(
    folder: DataFolder, args: argparse.Namespace, config: dict, parts: pipeline.EncoderParts | None = None
) -> int:
    """--encode: units [N, 768], and the prosody [N, 2] (F0 in Hz, dB) that the encoder predicts.

    parts: what `load_parts` has loaded.
    """
    parts, tracker = parts or load_parts(args, config), config["labels"]["pit"]["tracker"]
    wanted_copies(folder, args, tracker)  # a missing package is said before anything goes
    before, kinds = folder.read_json("encoder.json"), ["units-pitdyn", "prosody"]
    now = {"pitdyn": args.encode_with, **{role: card["hash"] for role, card in parts.cards.items()}}
    invalidate(folder, "encoder.json", kinds, before and made_with(before), now, args.force)
    # Copies that --mel has made stay, with --force too: their mels are of these.
    band = Band.of(config["audio"])
    if band.is_wide:
        invalidate_waves(folder, band)
    uncopied = make_copies(folder, args, tracker, band)
    sizes, failures = prepared_sizes(folder, todo(folder, folder.with_copies, kinds), args.n_workers)
    budget = ENCODE_SECONDS.get(choose_device(args.device).type, 60) * SAMPLE_RATE
    batches = [tuple((key, sizes[key]) for key in keys) for keys in length_buckets(sizes, budget)]
    if isinstance(args.n_workers, Cluster):
        unmade = encode_there(folder, args, config, batches)
    else:
        unmade = encode_here(folder, parts, batches)
    write_encoder(folder, args, parts)
    total, done = len(folder.with_copies) + len(uncopied), len(sizes) - len(unmade)
    return finish(folder, total, "units", done, failures + unmade + uncopied)


def prepared_sizes(
    folder: DataFolder, keys: list[str], workers: int | Pool | Cluster
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """{key: samples of its prepared wav}, made where it is missing, and (key, reason) of those that fail."""
    missing = [key for key in keys if not folder.has("prepared", key)]
    sizes, failures = each_key(_prepare, folder, missing, workers, "prepare") if missing else ({}, [])
    for key in sorted(set(keys) - set(missing)):
        wav, reason = guarded(folder.prepared, key)
        if reason:
            failures.append((key, reason))
        else:
            sizes[key] = len(wav)
    return sizes, failures


def _prepare(folder: DataFolder, key: str) -> int:
    return len(folder.prepared(key))


def encode_here(folder: DataFolder, parts, batches: list[Batch]) -> list[tuple[str, str]]:
    """Units and prosody of all batches; returns (key, reason) of those that failed."""
    failures = []
    with progress.bar(sum(map(len, batches)), "units", unit="file") as shown:
        for batch in batches:
            failures += encode_batch(parts, folder, batch)
            shown.update(len(batch))
    return failures


def encode_there(
    folder: DataFolder, args: argparse.Namespace, config: dict, batches: list[Batch]
) -> list[tuple[str, str]]:
    """As `encode_here`, the same batches on a cluster. Of one that kills its process each is tried alone."""
    recipe = pickle.dumps((config, args.encode, args.content, args.device, args.encode_with))
    work = partial(_encode_by_recipe, recipe, DataFolder(folder.root, {}, {}))
    crew = args.n_workers.with_threads(torch.get_num_threads())
    found, died = each_file(work, batches, crew, "units")
    alone = [(entry,) for batch, _ in died if len(batch) > 1 for entry in batch]
    again, killed = each_file(work, alone, crew, "units, one by one") if alone else ({}, [])
    failures = [failed for some in (found, again) for of_batch in some.values() for failed in of_batch]
    return failures + [(batch[0][0], why) for batch, why in (*died, *killed) if len(batch) == 1]


def _encode_by_recipe(recipe: bytes, folder: DataFolder, batch: Batch) -> list[tuple[str, str]]:
    return encode_batch(_loaded(recipe), folder, batch)


@cache
def _loaded(recipe: bytes) -> pipeline.EncoderParts:
    """The encoder in a process of a cluster, which loads it once."""
    config, dataset, content, device, pitdyn = pickle.loads(recipe)
    return pipeline.load_encoder(config, dataset, content, device=choose_device(device), pitdyn=pitdyn)


def encode_batch(parts, folder: DataFolder, batch: Batch) -> list[tuple[str, str]]:
    """Units and prosody of a batch; returns (key, reason) of those that failed. Of a batch that fails, each
    is tried alone: memory may do for it."""

    def encode(some: Batch) -> None:
        sizes = dict(some)
        whole = len(sizes) * max(sizes.values())
        for key, units, analysis in encode_all(parts.encoder, folder.prepared, sizes, whole):
            folder.save("prosody", key, parts.prosody(analysis))
            # Half precision halves the disk; its rounding is a thousandth of a unit's own scatter.
            folder.save("units-pitdyn", key, units.astype(np.float16))

    if not guarded(encode, batch)[1]:
        return []
    reasons = [(entry[0], guarded(encode, (entry,))[1]) for entry in batch]
    return [(key, reason) for key, reason in reasons if reason]


def made_with(about: dict) -> dict[str, str]:
    """What decides on the units of an encoder.json."""
    hashes = {role: card["hash"] for role, card in about["encoders"].items()}
    return {"pitdyn": about.get("pitdyn", "hubert"), **hashes}


def write_encoder(folder: DataFolder, args: argparse.Namespace, parts) -> None:
    """encoder.json: the encoder of the units, the range of its pitch and loudness (with copies), and
    percentiles of the recordings' pitch (without)."""
    recorded = [folder.read("prosody", key) for key in folder.have("prosody")]
    if not recorded:
        return
    copies = [folder.read("prosody", key) for key in folder.copies if folder.has("prosody", key)]
    f0, db = np.concatenate([*recorded, *copies]).T
    voiced = f0[f0 > 0]
    own = np.concatenate(recorded)[:, 0]
    percentiles = (1, 5, 50, 95, 99)
    commit(
        folder,
        "encoder.json",
        {
            "dataset": args.encode,
            "pitdyn": args.encode_with,
            "unit_dim": parts.encoder.unit_dim,
            "encoders": parts.cards,
            "labels": parts.tables,
            "f0_hz": [float(x) for x in np.percentile(voiced, (1, 99))] if len(voiced) else None,
            "f0_percentiles_hz": {
                str(q): float(np.percentile(own[own > 0], q)) for q in percentiles if (own > 0).any()
            },
            "loudness_db": [float(x) for x in np.percentile(db, (1, 99))],
        },
    )
