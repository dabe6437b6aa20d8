"""Training of a HuBERT, or of a light head on one, on label classes: model, losses and validation."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from checkpoints import cards, models, pipeline, places
from common import cli
from common.names import readable
from common.presets import hubert_sizes, label_training
from hubert_pitdyn import plots
from hubert_pitdyn.heads import Head
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.losses import add_counts, count_right, cross_entropy, fractions, teacher_error
from hubert_pitdyn.masks import time_mask
from hubert_pitdyn.model import Hubert
from preprocessing.data_folder import DataFolder
from preprocessing.discrete import Teacher
from training.batches import validation_batches
from training.coverage import say_covered
from training.label_dataset import LABEL_FOLDERS, LabelDataset
from training.run import Run, mean_over, model_of, rank_zero_first
from training.trunk_features import cache_features, size, split_features
from training.warm_start import has_fixed_norm, take_embedding, warm_start

VALIDATION_FIGURES = 3  # utterances drawn in TensorBoard


@dataclass
class Task:
    """What one run learns. labels: None for content units; soft: target rows [K,K] or None; teacher: the
    features that are estimated beside the classes, or None; alpha: weight of hidden frames, None without
    masking."""

    run: Run
    labels: PitLabels | DynLabels | None
    soft: torch.Tensor | None
    teacher: Teacher | None
    alpha: float | None
    train_set: LabelDataset
    val_set: LabelDataset


@dataclass(frozen=True)
class Built:
    """A model to train, and what its checkpoints say: kind, constructor arguments, encoders of its card.

    features: folder of cached trunk features that it reads instead of wavs, or None.
    """

    model: nn.Module
    kind: str
    sizes: dict[str, Any]
    encoders: dict[str, dict] = field(default_factory=dict)
    features: Path | None = None


def build(args: argparse.Namespace, run: Run) -> tuple[nn.Module, Callable[[], dict], Task]:
    """Model, describe() for its checkpoints, and the task with its training and validation sets."""
    folder, settings = DataFolder(args.data), run.settings
    train, val = (folder.split(part, LABEL_FOLDERS[args.embds_dn]) for part in ("train", "val"))
    labels, classes, stored = read_labels(folder, args.embds_dn)
    options, teacher, alpha = {}, None, None
    if is_frozen(args, run.config):
        built = build_head(args, run, folder, classes, train + val)
    else:
        teacher = teacher_of(run, stored, train + val)
        built = build_hubert(args, run, folder, classes, teacher, stored)
        alpha = (settings.alpha if args.alpha is None else args.alpha) if masking(args, run) else None
        options = {
            name: getattr(settings, name) for name in ("speed_octaves", "noise", "equalise", "disturb")
        }
        options["teacher"] = teacher and teacher.folder
    sets = [
        LabelDataset(folder, part, args.embds_dn, settings.crop_seconds, built.features, **options)
        for part in (train, val)
    ]
    hours = folder.hours(train)
    run.logger.info(f"{built.kind}: {classes} classes, {len(train)} + {len(val)} utterances, {hours:.2f} h")
    if labels is not None:
        say_covered(run, args.embds_dn, sets[0], classes)

    def describe() -> dict:
        card = cards.card(dataset=folder.name, hours=hours, encoders=built.encoders)
        config = {"model": built.sizes, "toml": run.config}
        return {"kind": built.kind, "config": config, "labels": stored, "card": card}

    soft = None if labels is None else torch.from_numpy(labels.target_matrix()).float().to(run.device)
    return built.model, describe, Task(run, labels, soft, teacher, alpha, *sets)


def section_of(args: argparse.Namespace, config: dict) -> str:
    """The table of [train] that a run goes by."""
    return "head" if is_frozen(args, config) else args.embds_dn


def is_frozen(args: argparse.Namespace, config: dict) -> bool:
    """Whether a light head is trained; content units need a whole HuBERT."""
    return trunk_of(args, config) != "finetune" and args.embds_dn != "units"


def trunk_of(args: argparse.Namespace, config: dict) -> str:
    """finetune: none; frozen: the content encoder; pits: the pitch model."""
    return args.trunk or label_training(config, args.embds_dn)["trunk"]


def read_labels(folder: DataFolder, kind: str) -> tuple[PitLabels | DynLabels | None, int, dict]:
    """PitLabels, DynLabels or None (content units); number of classes; settings a checkpoint keeps."""
    if kind == "units":
        about = folder.read_json("units-discrete.json")
        if about is None:
            raise cli.UserError(
                f"{folder.root}: no discrete units; make them: python preprocess.py {folder.name} --discrete"
            )
        return None, about["clusters"], {"units": about}
    stored = folder.stats()["labels"]
    labels = PitLabels.from_config(stored["pit"]) if kind == "pits" else DynLabels.from_config(stored["dyn"])
    return labels, labels.classes, stored


def teacher_of(run: Run, stored: dict, keys: list[str]) -> Teacher | None:
    """The Teacher of content units whose features are to be estimated beside its classes, or None."""
    if "units" not in stored or not run.settings.teacher:
        return None
    folder = cli.path(stored["units"]["features"])
    if not folder.is_dir():
        run.logger.info(f"{folder} is no folder of features: learning from classes alone")
        return None
    return Teacher.of(folder, keys)


def build_hubert(
    args: argparse.Namespace,
    run: Run,
    folder: DataFolder,
    classes: int,
    teacher: Teacher | None,
    labels: dict,
) -> Built:
    """A whole HuBERT on wavs. labels: settings of its classes."""
    unit_kind = "content" if args.embds_dn == "units" else "label"
    sizes = {"classes": classes, **hubert_sizes(run.config, args.embds_dn), "unit_kind": unit_kind}
    if teacher is not None:
        sizes["teacher_dim"] = teacher.dim
    model = model_of(Hubert, sizes, run.preset)
    if not args.resume:
        warm_start(model, args, run, folder, labels)
    # Unused without masking, and DistributedDataParallel waits for every trained parameter's gradient.
    model.masked_spec_embed.requires_grad_(masking(args, run))
    model.label_embedding.requires_grad_(not run.settings.keep_embedding)
    return Built(model, f"hubert-{args.embds_dn}", sizes)


def build_head(
    args: argparse.Namespace, run: Run, folder: DataFolder, classes: int, keys: list[str]
) -> Built:
    """A light head on cached features of the content encoder or the pitch model."""
    if args.mask:
        raise cli.UserError("--mask is for a whole HuBERT; leave it out or add --trunk finetune")
    role, base = frozen_trunk(args, run, folder)
    trunk = base.model
    sizes = {
        "classes": classes,
        "layers": len(trunk.encoder.layers),
        "dim": trunk.proj.in_features,
        "conv_dim": trunk.conv_dim,
        "level": has_fixed_norm(trunk),
        **run.config["head"],
    }
    name = f"hidden-{base.card['hash'][:8]}"
    gigabytes = 1e-9 * size(trunk, folder.hours(keys))
    run.logger.info(f"{folder.root / name}: features of the trunk, {gigabytes:.1f} GB")
    with rank_zero_first(run):
        features = cache_features(folder, keys, trunk, name)
    model = model_of(Head, sizes, run.preset)
    if args.warmstart and not args.resume:
        take_embedding(model, args, run)
    model.label_embedding.requires_grad_(not run.settings.keep_embedding)
    return Built(model, f"head-{args.embds_dn}", sizes, {role: base.card}, features)


def frozen_trunk(args: argparse.Namespace, run: Run, folder: DataFolder) -> tuple[str, pipeline.Part]:
    """(role in its card, model) of what a light head is trained on."""
    if trunk_of(args, run.config) != "pits":
        path = pipeline.content_path(run.config, folder.name, args.content)
        return "content", pipeline.load_content(path, run.device)
    if args.embds_dn == "pits":
        raise cli.UserError("--trunk pits is for a head beside the pitch model, such as --embds_dn dyns")
    path = args.content or places.label_path(folder.name, "pits")
    return "pit", pipeline.Part(models.load_hubert(path).to(run.device), path, None)


def masking(args: argparse.Namespace, run: Run) -> bool:
    """Whether a whole HuBERT is trained with random spans hidden."""
    return run.settings.mask if args.mask is None else args.mask


def predict(model, batch: dict, mask=None):
    """Logits [B,N,K] of a whole HuBERT or of a head, wrapped for several processes or not.

    Where the batch has a teacher's features, (logits, the estimate of those).
    """
    bare = getattr(model, "module", model)
    full = bool(batch["valid"].all())
    if isinstance(bare, Head):
        conv_dim, dim = bare.from_conv.in_features, bare.from_layers.in_features
        return model(*split_features(batch["source"], conv_dim, dim), None if full else batch["valid"])
    return model(batch["source"], None if full else batch["lengths"], mask, "teacher" in batch)


def losses(task: Task, model, batch: dict, mask=None):
    """Loss of each frame [B,N], logits [B,N,K], and the error of the teacher's features [B,N] or None.

    The loss is cross-entropy against soft labels or content classes, and that error by its weight.
    """
    classes = batch["classes"]
    targets = classes if task.soft is None else task.soft[classes]
    if task.teacher is None:
        logits = predict(model, batch, mask)
        return cross_entropy(logits, targets), logits, None
    logits, estimate = predict(model, batch, mask)
    error = teacher_error(estimate, batch["teacher"], task.teacher.spread)
    return cross_entropy(logits, targets) + task.run.settings.teacher * error, logits, error


def train_step(task: Task, model, batch: dict):
    """One batch, or a part of one -> loss over the whole's frames, metrics; both of frames with a label."""
    classes, known = batch["classes"], batch["known"]
    whole, rows = batch.get("whole", batch), batch.get("rows", slice(None))
    if task.alpha is not None and "mask" not in whole:
        whole["mask"] = time_mask(*whole["classes"].shape).to(classes.device)
    mask = None if task.alpha is None else whole["mask"][rows]
    each, logits, error = losses(task, model, batch, mask)
    if mask is None:
        loss = mean_over((each * known).sum(), whole["known"].sum())
    else:
        hidden, seen = mask & known, ~mask & known
        all_hidden = (whole["mask"] & whole["known"]).sum()
        loss = task.alpha * mean_over((each * hidden).sum(), all_hidden)
        loss = loss + (1 - task.alpha) * mean_over((each * seen).sum(), whole["known"].sum() - all_hidden)
    metrics = fractions(count_right(task.labels, logits.detach().argmax(-1), classes, known))
    if error is not None:
        metrics["teacher_r2"] = 1 - float((error.detach() * known).sum() / known.sum())
    return loss, metrics


def validate(task: Task, model, step: int) -> dict[str, float]:
    """Metrics over the validation files, each alone, as in conversion."""
    total, missed, frames, counts = 0.0, 0.0, 0, {}
    for index, piece, batch in validation_batches(task.val_set, task.run.device):
        classes, known = batch["classes"], batch["known"]
        each, logits, error = losses(task, model, batch)
        total += float((each * known).sum())
        missed += 0.0 if error is None else float((error * known).sum())
        frames += int(known.sum())
        add_counts(counts, count_right(task.labels, logits.argmax(-1), classes, known))
        if task.labels is not None and index < VALIDATION_FIGURES and not piece:
            draw(task.run, task.labels, task.val_set.keys[index], classes[0], logits[0], step)
    more = {} if task.teacher is None else {"teacher_r2": 1 - missed / max(1, frames)}
    return {"loss": total / max(1, frames), **fractions(counts), **more}


def draw(run, labels, key: str, classes, logits, step: int) -> None:
    """Label against prediction of one utterance, for TensorBoard."""
    unit = "Hz" if isinstance(labels, PitLabels) else "dB"
    key = readable(key)
    guess = labels.decode(logits.argmax(-1).cpu().numpy())
    run.log_figure(
        f"labels/{key}", plots.label_curves(key, labels.decode(classes.cpu().numpy()), guess, unit), step
    )
