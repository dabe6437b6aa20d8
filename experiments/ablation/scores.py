"""Figures of trained label models on voices they were not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from audio import SAMPLE_RATE, UNIT_HOP
from checkpoints import pipeline, places, store
from evaluation import heads
from experiments import runs
from experiments.ablation.recipes import KINDS, Recipe
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.masks import time_mask
from hubert_pitdyn.model import Hubert
from preprocessing.data_folder import DataFolder


def model_files(out: Path, recipe: Recipe, seed: int) -> dict[str, Path]:
    """{kind: file} of a recipe's two models of one seed."""
    return {kind: out / recipe.run_name(kind, seed) / places.BEST for kind in KINDS}


def load(path: Path, kind: str, content: pipeline.Part, recipe: Recipe, converting: bool = True):
    """A trained label model as its recipe runs it, at conversion time or before, and its label settings."""
    part = pipeline.load_label_model(path, kind, content)
    table = part.checkpoint["labels"][KINDS[kind]]
    return InTrainMode(part.model) if converting and recipe.flaw("train_mode") else part.model, table


def reader(folder: DataFolder, out: Path, recipe: Recipe, seed: int, content: pipeline.Part) -> heads.Reader:
    """Pitch and loudness as the recipe's two models of one seed predict them, in true hertz.

    The classes are those of `folder`'s labels: a recipe's own say nothing about another's.
    """
    paths = model_files(out, recipe, seed)
    pit_model, pit_table = load(paths["pits"], "pits", content, recipe)
    dyn_model, dyn_table = load(paths["dyns"], "dyns", content, recipe)
    own_pit, own_dyn = PitLabels.from_config(pit_table), DynLabels.from_config(dyn_table)
    read = heads.model_reader(heads.predictor(pit_model, dyn_model), own_pit, own_dyn)
    pit, dyn = heads.labels_of(folder)

    def in_common_classes(wav: np.ndarray, known: heads.Truth) -> heads.Reading:
        predicted = read(wav, known)
        f0 = predicted.f0 * true_hertz(pit_table)
        return heads.Reading(f0, predicted.db, pit.encode(f0), dyn.encode(predicted.db, known.level))

    return in_common_classes


def score_seed(
    out: Path, content: Path, unseen: Path, every: int, recipe_name: str, seed: int
) -> dict[str, float]:
    """Figures of one recipe and seed over all unseen voices, and its accuracy on its own labels.

    every: n-th recording is measured.
    """
    folder, recipe = DataFolder(unseen), Recipe(recipe_name)
    read = reader(folder, out, recipe, seed, pipeline.load_content(content))
    scores = heads.score_folder(folder, {recipe_name: read}, *heads.labels_of(folder), every)[recipe_name]
    figures = heads.pooled(scores).figures()
    own = store.load(model_files(out, recipe, seed)["pits"])["card"]["metrics"]
    return {**figures, "own_accuracy": own["accuracy"], "own_within_one": own["within_one"]}


def score_job(out: Path, content: Path, unseen: Path, every: int, name: str) -> dict[str, float]:
    """`score_seed` for a "recipe:seed" name, as a worker process gets it; kept on disk for equal models."""
    recipe, _, seed = name.rpartition(":")
    about = {
        "models": runs.identities({**model_files(out, Recipe(recipe), int(seed)), "content": content}),
        "unseen": {"folder": str(unseen.resolve()), "recordings": len(DataFolder(unseen).files)},
        "every": every,
    }
    kept = out / "scores" / f"{recipe}-seed{seed}.json"
    return runs.kept(kept, about, lambda: score_seed(out, content, unseen, every, recipe, int(seed)))


def bounds(folder: DataFolder, training: DataFolder, every: int = 1) -> dict[str, dict[str, float]]:
    """Figures of the labels themselves, of their ceiling, and of the most frequent training classes."""
    classes = heads.labels_of(folder)
    scores = heads.score_folder(folder, heads.bounds(folder, training, *classes), *classes, every)
    return {name: heads.pooled(one).figures() for name, one in scores.items()}


class InTrainMode(nn.Module):
    """A label HuBERT as 2022 ran it: random spans of its frames hidden, as while training.

    Masks come from a generator of its own, so that the same calls in the same order give the same result.
    """

    def __init__(self, model: Hubert, seed: int = 0) -> None:
        super().__init__()
        self.model, self.label_embedding = model, model.label_embedding
        self.seed = seed

    def distribution(self, wav: Tensor, lengths: Tensor | None = None) -> Tensor:
        """wav [B,1,S] -> class probabilities [B,N,K]."""
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.seed += 1
            mask = time_mask(len(wav), wav.shape[-1] // UNIT_HOP)
            return self.model(wav, lengths, mask.to(wav.device)).softmax(dim=-1)


def true_hertz(table: dict) -> float:
    """Factor for the F0 that labels of [labels.pit] decode to, whose tracker was given another rate."""
    return SAMPLE_RATE / table.get("assumed_rate", SAMPLE_RATE)
