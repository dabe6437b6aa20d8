"""The steps of the ablation: labels, trainings, figures, each kept where it has been made before."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from common import progress
from common.workers import each_file
from evaluation.texts import read_texts
from experiments import runs
from experiments.ablation import conversion, labels, scores
from experiments.ablation.recipes import CONFIGS, CONVERTED, KINDS, TITLES, Recipe
from preprocessing.data_folder import DataFolder

FULL = {"minutes": 60.0, "seeds": 3, "lines": 32, "every": 1}
QUICK = {"minutes": 4.0, "seeds": 1, "lines": 4, "every": 6}  # every n-th unseen recording is measured
STEPS = {"content": 1500, "heads": 600, "acoustic": 1200}
QUICK_STEPS = {"content": 60, "heads": 20, "acoustic": 60}
DOCUMENT = Path("docs/ablation.md")
VALIDATION = 40  # recordings


class Plan:
    """Where everything lies and how much of it there is."""

    def __init__(self, args: argparse.Namespace) -> None:
        size = QUICK if args.quick else FULL
        self.minutes, self.lines, self.every = size["minutes"], size["lines"], size["every"]
        self.seeds = range(args.seeds or size["seeds"])
        self.steps = QUICK_STEPS if args.quick else STEPS
        self.jobs, self.doc, self.texts = args.jobs, args.doc, args.texts
        self.data, self.out = Path("data") / args.name, Path("out") / args.name
        self.base, self.voice, self.unseen = (DataFolder(p) for p in (args.data, args.voice, args.unseen))
        self.content = self.out / "hubert-soft" / "model-best.pt"


def make_labels(plan: Plan) -> None:
    """Label folders of all recipes, and content classes."""
    split = labels.choose(plan.base, plan.minutes, VALIDATION)
    for kind in KINDS:
        for recipe in map(Recipe, TITLES):
            root = plan.data / recipe.label_name(kind)
            labels.make(plan.base, root, kind, recipe.label_table(kind), split, plan.jobs)
    labels.make_content(plan.base, plan.data / "content", split, plan.jobs)


def train_heads(plan: Plan) -> None:
    """The content encoder, then every label model of every recipe and seed."""
    options = ("--config", CONFIGS / "ours.toml", "--embds_dn", "units", "--steps", plan.steps["content"])
    runs.train("train_hubert.py", plan.data / "content", plan.content.parent, *options, threads=plan.jobs)
    jobs = {}
    for seed in plan.seeds:
        for recipe in (recipe for recipe in map(Recipe, TITLES) if seed in recipe.seeds(plan.seeds)):
            for kind in KINDS:
                out = plan.out / recipe.run_name(kind, seed)
                options = ("--embds_dn", kind, "--config", recipe.path, "--seed", seed)
                options += ("--content", plan.content, "--steps", plan.steps["heads"])
                data = plan.data / recipe.label_name(kind)
                jobs.setdefault(out, ("train_hubert.py", data, out, *options))
    runs.together(list(jobs.values()), plan.jobs)


def score_heads(plan: Plan) -> dict:
    """{recipe: [figures of each seed]} on the unseen voices, with the labels' ceiling and floor."""
    list(scores.heads.known_files(plan.unseen, plan.every))  # the trackers' answers, once for all processes
    trained = {name: Recipe(name).seeds(plan.seeds) for name in TITLES}
    names = [f"{recipe}:{seed}" for recipe, seeds in trained.items() for seed in seeds]
    work = partial(scores.score_job, plan.out, plan.content, plan.unseen.root, plan.every)
    done, failures = each_file(work, names, plan.jobs, "scores")
    if failures:
        raise RuntimeError(f"{failures[0][0]}: {failures[0][1]}")
    return {recipe: [done[f"{recipe}:{seed}"] for seed in seeds] for recipe, seeds in trained.items()}


def train_voices(plan: Plan) -> None:
    """The voice's units by every row's encoder, and an acoustic model on each."""
    split = labels.choose(plan.voice, plan.minutes, VALIDATION)
    jobs = []
    for row in progress.each(CONVERTED, "voices"):
        root = plan.data / f"voice {row}"
        conversion.encode_voice(row, plan.voice, root, split, plan.out, plan.content)
        options = ("--config", conversion.recipe_of(row).path, "--steps", plan.steps["acoustic"])
        jobs.append(("train_acoustic.py", root, plan.out / f"voice {row}", *options))
    runs.together(jobs, plan.jobs)


def score_voices(plan: Plan) -> dict:
    """{row: {file: figures}} of the unseen lines converted to the voice."""
    texts = read_texts(plan.unseen.files.values(), plan.texts, lambda line: None)
    spoken = {path: text for path, text in texts.items() if text} or texts
    lines = dict(list(spoken.items())[:: max(1, len(spoken) // plan.lines)])
    work = partial(conversion.measure, plan.out, plan.content, plan.voice.root, lines)
    done, failures = each_file(work, CONVERTED, plan.jobs, "conversions")
    if failures:
        raise RuntimeError(f"{failures[0][0]}: {failures[0][1]}")
    return {row: done[row] for row in CONVERTED}
