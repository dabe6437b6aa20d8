"""Training of an acoustic model: units [N, 768] -> log-mel [2N, 128] of one voice; above 8 kHz more rows."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acoustic.model import AcousticModel
from acoustic.widen import silence_from, widen
from audio import N_MELS
from bands import Band
from checkpoints import cards, models, store
from common import cli
from preprocessing.bank import card_of
from preprocessing.data_folder import DataFolder
from preprocessing.wide_folder import WideFolder
from training import beside
from training.batches import validation_batches
from training.beside import Beside, BesideDataset, beside_error
from training.board import Samples, VoiceVocoder
from training.datasets import MelDataset
from training.run import mean_over, model_of
from training.teacher_forcing import predict

VALIDATION_SAMPLES = 3  # utterances generated, drawn and made audible in TensorBoard


@dataclass
class Task:
    """What one run learns from."""

    run: Any
    train_set: Any
    val_set: Any
    samples: Samples
    beside: Beside | None = None


def build(args: argparse.Namespace, run) -> tuple[Any, Any, Task]:
    """Model, describe() for its checkpoints, and the task with its training and validation sets."""
    folder = DataFolder(args.data)
    about = folder.read_json("encoder.json")
    if about is None:
        raise cli.UserError(
            f"{folder.root}: no units; make them: preprocess_acoustic {folder.name} <wavs> <dataset>"
        )
    band = Band.of(run.config["audio"])
    keys = [made_of(folder, part, band) for part in ("train", "val")]
    sizes = {**run.config["acoustic"], "in_dim": about["unit_dim"], **band.sizes}
    model = model_of(AcousticModel, sizes, run.preset)
    origin, bank = refined_from(args), card_of(folder)
    if args.refine:
        start_from(args.resume, model, run, about, args.any_encoder)
        run.logger.info(f"refining {args.resume}")

    def teacher() -> AcousticModel:
        started = model_of(AcousticModel, sizes, run.preset)
        start_from(Path(origin), started, run, about, any_encoder=True)
        return started

    other = beside.opened(args, about, teacher, run)
    if band.is_wide:
        about = {**about, **rows_of(folder, keys[0], model, run)}
    elif folder.read_json("highs.json"):
        run.logger.info(f"{folder.root} has mels above 8 kHz, which the preset {run.preset} leaves out")
    sets = [MelDataset(folder, part, run.settings.crop_seconds, band) for part in keys]
    recordings = [key for key in keys[0] if key not in folder.copies]
    hours, copies = folder.hours(recordings), len(keys[0]) - len(recordings)
    run.logger.info(
        f"acoustic: {len(recordings)} + {len(keys[1])} utterances, {hours:.2f} h, and {copies} moved copies"
    )

    about |= {"bank": bank} if bank else {}
    about |= {"beside": other.card} if other else {}

    def describe() -> dict:
        card = cards.card(voice=folder.name, hours=hours, copies=copies, refined_from=origin, **about)
        return {
            "kind": "acoustic",
            "config": {"model": sizes, "toml": run.config},
            "labels": about["labels"],
            "card": card,
        }

    samples = Samples(run, VoiceVocoder(run, about.get("dataset") or "", run.logger.info))
    if other:
        sets[0] = BesideDataset(sets[0], other)
    return model, describe, Task(run, *sets, samples, other)


def made_of(folder, part: str, band: Band) -> list[str]:
    """Keys of a part that have units and mels, of a wide voice above 8 kHz, too."""
    there = [set(folder.split(part, kind)) for kind in ("mels", *(["highs"] if band.is_wide else []))]
    return [key for key in folder.split(part, "units-pitdyn") if all(key in some for some in there)]


def rows_of(folder, keys: list[str], model: AcousticModel, run) -> dict[str, int]:
    """What a card says of rows above 8 kHz: the rate, and how many rows any recording reaches.

    The model is silent in the others from its beginning on.
    """
    wide = WideFolder(folder, model.band)
    rows = max(map(wide.rows, keys))
    if rows < model.band.high_bands:
        run.logger.info(
            f"no recording reaches rows {rows + 1} to {model.band.high_bands} above 8 kHz: silent"
        )
        silence_from(model, rows)
    return {"rate": model.band.rate, "high": rows}


def refined_from(args: argparse.Namespace) -> str:
    """The voice this one began from, which a resumed run learns from its checkpoint; "" for none."""
    if args.refine or not args.resume:
        return str(args.resume or "")
    return store.about(args.resume).get("card", {}).get("refined_from", "")


def start_from(path, model, run, about: dict, any_encoder: bool) -> None:
    """Weights of another voice's model, trained with the same encoders unless any_encoder."""
    checkpoint = store.load(path, state=False)
    other = models.load_acoustic(path, checkpoint)
    theirs = other.state_dict()
    cards.require_match(
        f"{path}: encoders of the voice",
        " ".join(checkpoint["card"].get("encoders", {})),
        " ".join(about["encoders"]),
        f"run preprocess.py {run.data.name} --encode with the --encode_with that voice was made with",
    )
    for role, card in about["encoders"].items():
        made_with, ours = checkpoint["card"]["encoders"][role]["hash"], card["hash"]
        if any_encoder and made_with != ours:
            run.logger.info(f"{path} was made with another {role} encoder ({made_with}, now {ours})")
            continue
        cards.require_match(
            f"{path}: {role} encoder",
            made_with,
            ours,
            f"run preprocess.py {run.data.name} --encode with the dataset that voice was trained with, "
            "or add --any_encoder",
        )
    cards.require_match(
        f"{path}: kind of acoustic model", other.kind, model.kind, "give the --config it was trained with"
    )
    if model.band.is_wide and not other.band.is_wide:
        theirs = widen(theirs, model.band.high_bands)
        run.logger.info(f"{path} ends at 8 kHz: its rows above begin at their mean")
    else:
        fix = "give the --config it was trained with"
        cards.require_match(f"{path}: mel above 8 kHz", other.band.words, model.band.words, fix)
    if any(k not in theirs or theirs[k].shape != v.shape for k, v in model.state_dict().items()):
        raise cli.UserError(
            f"{path}: made with other [acoustic] sizes; give the --config it was trained with"
        )
    model.load_state_dict(theirs)


def errors(predicted, batch: dict) -> list[Any]:
    """Sums of absolute errors over valid frames: of 128 rows, and of those above within the bandwidth."""
    found = (predicted.float() - batch["mels"]).abs() * batch["valid"].unsqueeze(-1)
    above = [(found * batch["within"].unsqueeze(1))[..., N_MELS:].sum()] if "within" in batch else []
    return [found[..., :N_MELS].sum(), *above]


def values(batch: dict) -> list[Any]:
    """Of how many values `errors` are the sums."""
    frames = batch["valid"].sum(dim=1)
    above = [(frames * batch["within"][:, N_MELS:].sum(dim=1)).sum()] if "within" in batch else []
    return [frames.sum() * N_MELS, *above]


def train_step(task: Task, model, batch: dict):
    """One batch, or a part of one -> L1 loss over the valid frames of the whole, metrics.

    That of rows above 8 kHz is added with its weight, and that of what is learnt beside.
    """
    settings, whole = task.run.settings, batch.get("whole", batch)
    if task.beside is None:
        predicted = predict(model, batch)
    else:
        batch = task.beside.answered(batch)
        predicted, kept = model(batch)
    sums, counts = errors(predicted, batch), values(whole)
    loss, *above = (mean_over(total, count) for total, count in zip(sums, counts, strict=True))
    if above:
        loss = loss + settings.high_weight * above[0]
    if task.beside is None:
        return loss, {}
    moved = mean_over(*beside_error(kept, batch, whole))
    return loss + settings.beside_weight * moved, {"beside": float(moved.detach())}


def validate(task: Task, model, step: int) -> dict[str, float]:
    """Teacher-forced L1 over the validation files, and the L1 of a few generated as in conversion.

    Of a wide voice the loss is that of training, and low_l1 and high_l1 are its parts; what is generated
    counts in the 128 rows, as of any voice.
    """
    sums, counts, free = [], [], []
    for index, piece, batch in validation_batches(task.val_set, task.run.device):
        sums.append([float(total) for total in errors(predict(model, batch), batch)])
        counts.append([int(count) for count in values(batch)])
        if index < VALIDATION_SAMPLES and not piece:
            made, target = model.generate(batch["units"])[..., :N_MELS], batch["mels"][..., :N_MELS]
            free.append(float((made - target).abs().mean()))
            show(task, task.val_set.keys[index], target[0], made[0], step)
    pairs = zip(zip(*sums, strict=True), zip(*counts, strict=True), strict=True)
    low, *above = (sum(total) / max(1, sum(count)) for total, count in pairs)
    found = {"loss": low, "generated_l1": sum(free) / len(free)}
    if above:
        found |= {"loss": low + task.run.settings.high_weight * above[0], "low_l1": low, "high_l1": above[0]}
    return found


def show(task: Task, key: str, target, made, step: int) -> None:
    """Target and generated mel [T, 128], what they sound like, and their curves, for TensorBoard."""
    folder = DataFolder(task.run.data)
    f0 = folder.read("prosody", key)[:, 0] if folder.has("prosody", key) else None
    task.samples.show(key, target, made, step, f0)
