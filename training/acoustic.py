"""Training of an acoustic model: units [N, 768] -> log-mel [2N, 128] of one voice."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import torch

from acoustic.model import AcousticModel
from audio import N_MELS
from checkpoints import cards, models, store
from common import cli
from preprocessing.bank import card_of
from preprocessing.data_folder import DataFolder
from training.batches import validation_batches
from training.board import Samples, VoiceVocoder
from training.datasets import MelDataset
from training.run import mean_over, model_of

VALIDATION_SAMPLES = 3  # utterances generated, drawn and made audible in TensorBoard


@dataclass
class Task:
    """What one run learns from."""

    run: Any
    train_set: Any
    val_set: Any
    samples: Samples


def build(args: argparse.Namespace, run) -> tuple[Any, Any, Task]:
    """Model, describe() for its checkpoints, and the task with its training and validation sets."""
    folder = DataFolder(args.data)
    about = folder.read_json("encoder.json")
    if about is None:
        raise cli.UserError(
            f"{folder.root}: no units; make them: preprocess_acoustic {folder.name} <wavs> <dataset>"
        )
    keys = [both(folder, part) for part in ("train", "val")]
    sizes = {**run.config["acoustic"], "in_dim": about["unit_dim"]}
    model = model_of(AcousticModel, sizes, run.preset)
    if args.refine:
        start_from(args.resume, model, run, about, args.any_encoder)
    sets = [MelDataset(folder, part, run.settings.crop_seconds) for part in keys]
    recordings = [key for key in keys[0] if key not in folder.copies]
    hours, copies = folder.hours(recordings), len(keys[0]) - len(recordings)
    run.logger.info(
        f"acoustic: {len(recordings)} + {len(keys[1])} utterances, {hours:.2f} h, and {copies} moved copies"
    )

    origin, bank = refined_from(args), card_of(folder)
    if bank:
        about = {**about, "bank": bank}

    def describe() -> dict:
        card = cards.card(voice=folder.name, hours=hours, copies=copies, refined_from=origin, **about)
        return {
            "kind": "acoustic",
            "config": {"model": sizes, "toml": run.config},
            "labels": about["labels"],
            "card": card,
        }

    samples = Samples(run, VoiceVocoder(run, about.get("dataset") or "", run.logger.info))
    return model, describe, Task(run, *sets, samples)


def both(folder, part: str) -> list[str]:
    """Keys of a part that have units and mels."""
    mels = set(folder.split(part, "mels"))
    return [key for key in folder.split(part, "units-pitdyn") if key in mels]


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
    if any(k not in theirs or theirs[k].shape != v.shape for k, v in model.state_dict().items()):
        raise cli.UserError(
            f"{path}: made with other [acoustic] sizes; give the --config it was trained with"
        )
    model.load_state_dict(theirs)
    run.logger.info(f"refining {path}")


def frame_loss(predicted, batch: dict):
    """Sum of absolute errors over valid frames, and the number of values in it."""
    valid = batch["valid"].unsqueeze(-1)
    return ((predicted.float() - batch["mels"]).abs() * valid).sum(), valid.sum() * predicted.shape[-1]


def shift_right(mels: torch.Tensor) -> torch.Tensor:
    """Teacher input of the decoder: each frame of [B,T,128] sees the one before, the first sees zeros."""
    return torch.cat([mels.new_zeros(len(mels), 1, N_MELS), mels[:, :-1]], dim=1)


def predict(model, batch: dict):
    """Teacher-forced mels [B,T,128]."""
    lengths = None if bool(batch["valid"].all()) else batch["lengths"]
    return model(batch["units"], shift_right(batch["mels"]), lengths)


def train_step(task: Task, model, batch: dict):
    """One batch, or a part of one -> L1 loss over the valid frames of the whole, metrics."""
    total, _ = frame_loss(predict(model, batch), batch)
    return mean_over(total, batch.get("whole", batch)["valid"].sum() * batch["mels"].shape[-1]), {}


def validate(task: Task, model, step: int) -> dict[str, float]:
    """Teacher-forced L1 over the validation files, and the L1 of a few generated as in conversion."""
    total, values, free = 0.0, 0, []
    for index, piece, batch in validation_batches(task.val_set, task.run.device):
        error, count = frame_loss(predict(model, batch), batch)
        total, values = total + float(error), values + int(count)
        if index < VALIDATION_SAMPLES and not piece:
            made = model.generate(batch["units"])
            free.append(float((made - batch["mels"]).abs().mean()))
            show(task, task.val_set.keys[index], batch["mels"][0], made[0], step)
    return {"loss": total / values, "generated_l1": sum(free) / len(free)}


def show(task: Task, key: str, target, made, step: int) -> None:
    """Target and generated mel [T, 128], what they sound like, and their curves, for TensorBoard."""
    folder = DataFolder(task.run.data)
    f0 = folder.read("prosody", key)[:, 0] if folder.has("prosody", key) else None
    task.samples.show(key, target, made, step, f0)
