"""--mel and --encode: log-mels, units and prosody of recordings and their copies."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

import audio
from audio import SAMPLE_RATE
from checkpoints import pipeline
from common import progress
from common.devices import choose_device
from common.workers import guarded
from hubert_pitdyn.units import encode_all, length_buckets
from preprocessing.bookkeeping import commit, each_key, finish, invalidate, todo
from preprocessing.data_folder import DataFolder
from preprocessing.moved_copies import make_copies, wanted_copies

ENCODE_SECONDS = {"cpu": 60, "cuda": 480}  # audio in one padded batch


def mel_file(level_db: float, folder: DataFolder, key: str) -> None:
    """Log-mel [128, T] of one wav, at the level at which all mels are, or less where it would clip there."""
    wav = audio.limit_peak(audio.set_level(folder.prepared(key), level_db))
    folder.save("mels", key, audio.log_mel(wav).numpy())


def make_mels(folder: DataFolder, args: argparse.Namespace, config: dict) -> int:
    """--mel."""
    now, tracker = {"level_db": config["audio"]["level_db"]}, config["labels"]["pit"]["tracker"]
    wanted_copies(folder, args, tracker)  # a missing package is said before anything goes
    invalidate(folder, "mels.json", ["mels"], folder.read_json("mels.json"), now, args.force)
    uncopied = make_copies(folder, args, tracker, args.force)
    keys = todo(folder, folder.with_copies, ["mels"])
    made, failures = each_key(partial(mel_file, now["level_db"]), folder, keys, args.n_workers, "mels")
    commit(folder, "mels.json", now)
    print(f"{folder.hours(folder.have('mels')):.2f} hours")
    total = len(folder.with_copies) + len(uncopied)
    return finish(folder, total, "mels", len(made), failures + uncopied)


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
    uncopied = make_copies(folder, args, tracker)
    sizes, failures = {}, []
    for key in progress.each(todo(folder, folder.with_copies, kinds), "prepare", unit="file"):
        wav, reason = guarded(folder.prepared, key)
        if reason:
            failures.append((key, reason))
        else:
            sizes[key] = len(wav)
    unmade = encode_files(
        folder, parts, sizes, ENCODE_SECONDS.get(choose_device(args.device).type, 60) * SAMPLE_RATE
    )
    write_encoder(folder, args, parts)
    total, done = len(folder.with_copies) + len(uncopied), len(sizes) - len(unmade)
    return finish(folder, total, "units", done, failures + unmade + uncopied)


def encode_files(folder: DataFolder, parts, sizes: dict[str, int], budget: int) -> list[tuple[str, str]]:
    """Units and prosody of {key: samples}, in batches of at most `budget` samples; returns (key, reason) of
    those that failed. Of a batch that fails, each is tried alone: memory may do for it."""

    def encode(keys: list[str]) -> None:
        batch = {key: sizes[key] for key in keys}
        for key, units, analysis in encode_all(parts.encoder, folder.prepared, batch, budget):
            folder.save("prosody", key, parts.prosody(analysis))
            # Half precision halves the disk; its rounding is a thousandth of a unit's own scatter.
            folder.save("units-pitdyn", key, units.astype(np.float16))

    failures = []
    with progress.bar(len(sizes), "units", unit="file") as shown:
        for keys in length_buckets(sizes, budget):
            if guarded(encode, keys)[1]:
                reasons = [(key, guarded(encode, [key])[1]) for key in keys]
                failures += [(key, reason) for key, reason in reasons if reason]
            shown.update(len(keys))
    return failures


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
