"""What a HuBERT takes over from another when its training begins."""

from __future__ import annotations

import argparse
from typing import Any

import torch

from audio import encoder_input
from checkpoints import file_format, models, pipeline, store
from common import cli
from hubert_pitdyn.front_ends import FixedNorm, fix_norm
from hubert_pitdyn.heads import Head
from hubert_pitdyn.model import Hubert
from preprocessing.data_folder import DataFolder
from training.label_dataset import LABEL_FOLDERS
from training.run import Run

MEASURED = 50  # recordings by which a fixed norm begins


def not_taken(about: Any, kind: str, labels: dict) -> tuple[str, ...]:
    """How the names of tensors begin that mean something else in another model: embeddings of its classes.

    about: what the file says of itself; an official one is a content encoder, with classes of its own. kind,
    labels: of the model that begins. Where the kind is another, so is what the projection leads to.
    """
    ours = file_format.is_ours(about)
    theirs = about["kind"] if ours else "hubert-units"
    if theirs != kind:
        return "label_embedding.", "proj.", "teacher_head."
    table = {"hubert-pits": "pit", "hubert-dyns": "dyn", "hubert-units": "units"}[kind]
    alike = ours and (about["labels"] or {}).get(table) == labels.get(table)
    return () if alike else ("label_embedding.",)


def warm_start(model: Hubert, args: argparse.Namespace, run: Run, folder: DataFolder, labels: dict) -> None:
    """Take over what fits of the weights given, or where the preset says so of the content encoder.

    labels: settings of the labels to learn. A fixed norm that is not taken from another one begins as the
    mean of what a norm over recordings does.
    """
    taken = _take_over(model, args, run, folder, labels)
    if has_fixed_norm(model) and not (taken and has_fixed_norm(taken)):
        keys = folder.split("train", LABEL_FOLDERS[args.embds_dn])
        wavs = (encoder_input(folder.prepared(key)) for key in keys[:: max(1, len(keys) // MEASURED)])
        fix_norm(model.feature_extractor, (torch.from_numpy(wav).to(run.device)[None, None] for wav in wavs))


def has_fixed_norm(model: Hubert) -> bool:
    """Whether the norm after the first convolution is a fixed one."""
    return isinstance(getattr(model.feature_extractor, "norm0", None), FixedNorm)


def _take_over(
    model: Hubert, args: argparse.Namespace, run: Run, folder: DataFolder, labels: dict
) -> Hubert | None:
    """The weights that fit; returns the model they are taken from."""
    path = args.warmstart
    if path is None and run.settings.warmstart == "content" and args.embds_dn != "units":
        path = pipeline.content_path(run.config, folder.name, args.content)
    if path is None:
        return None
    own, source = model.state_dict(), models.load_hubert(path)
    theirs = source.state_dict()
    foreign = not_taken(store.about(path), f"hubert-{args.embds_dn}", labels)
    theirs = {k: v for k, v in theirs.items() if not k.startswith(foreign)}
    fits = {k: v for k, v in theirs.items() if k in own and own[k].shape == v.shape}
    left = [k for k in own if k not in fits]
    if len(left) > len(own) // 2:
        raise cli.UserError(
            f"{path}: only {len(fits)} of {len(own)} tensors fit this preset's sizes; give the --config it "
            "was trained with, or a file of these sizes as --warmstart"
        )
    model.load_state_dict({**own, **fits})
    run.logger.info(f"warm start from {path}; new: {', '.join(left) or 'nothing'}")
    return source


def take_embedding(model: Head, args: argparse.Namespace, run: Run) -> None:
    """Begin a light head with the vectors of another model's classes."""
    theirs = models.load_hubert(args.warmstart).label_embedding.weight
    own = model.label_embedding.weight
    if theirs.shape != own.shape:
        raise cli.UserError(
            f"{args.warmstart}: expected the vectors of {len(own)} classes, found {len(theirs)}; "
            f"give a model of --embds_dn {args.embds_dn}"
        )
    with torch.no_grad():
        own.copy_(theirs)
    run.logger.info(f"the vectors of the classes are those of {args.warmstart}")
