"""docs/ablation.md and its picture, from the figures of all recipes."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from common.files import write_text
from experiments.ablation.recipes import ORIGINAL, TITLES
from experiments.tables import markdown, over_files
from hubert_pitdyn import plots

HEADS = {  # figure -> column of the heads' table; all are fractions
    "own_accuracy": "own exact bin",
    "voicing": "voicing",
    "rpa50": "RPA50",
    "gpe": "GPE",
    "pit_within_one": "within one bin",
    "dyn_within_1p5db": "loudness ≤ 1.5 dB",
}
VOICES = {  # figure -> (column, factor, decimals)
    "f0_corr": ("F0 corr", 1, 3),
    "gpe": ("GPE %", 100, 1),
    "f0_rmse_cents": ("F0 RMSE, cents", 1, 0),
    "vde": ("VDE %", 100, 1),
    "dyn_r": ("dynamics r", 1, 3),
    "wer": ("WER %", 100, 0),
    "speaker_similarity": ("speaker", 1, 2),
}
CAUSES = {  # cause -> (repaired alone, put back alone)
    "1, two GELUs in the content encoder": ("repair-1-gelu", "break-1-gelu"),
    "2, training mode at conversion": ("repair-2-eval", "break-2-eval"),
    "3, loss on hidden frames only": ("repair-3-mask", "break-3-mask"),
    "4, no voicing decision": ("repair-4-voicing", "break-4-voicing"),
    "5, wrong sample rate in YIN": ("repair-5-rate", "break-5-rate"),
    "6, labels 10 ms early": ("repair-6-centre", "break-6-centre"),
    "7, linear loudness": ("repair-7-decibels", "break-7-linear"),
    "8, order and learning rate": ("repair-8-training", "break-8-training"),
}
COMPARED = ("voicing", "rpa50", "dyn_within_1p5db")

Seeds = dict[str, list[dict[str, float]]]  # {recipe: figures of each seed}


def mean_and_half_width(values: list[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval (Student's t; NaN for a single value)."""
    from scipy.stats import t  # noqa: PLC0415  slow to load

    count = len(values)
    half = t.ppf(0.975, count - 1) * np.std(values, ddof=1) / math.sqrt(count) if count > 1 else math.nan
    return float(np.mean(values)), float(half)


def per_cent(values: list[float], signed: bool = False) -> str:
    """A fraction over seeds, as "93.1 ± 0.4"; without the interval for one seed."""
    mean, half = mean_and_half_width([100 * v for v in values])
    text = f"{mean:+.1f}" if signed else f"{mean:.1f}"
    return text if math.isnan(half) else f"{text} ± {half:.1f}"


def heads_table(seeds: Seeds, ceiling: dict[str, dict[str, float]]) -> str:
    rows = [
        [TITLES[name], *(per_cent([run[f] for run in runs]) for f in HEADS)] for name, runs in seeds.items()
    ]
    for name, figures in ceiling.items():
        rows.append([name, *(per_cent([figures[f]]) if f in figures else "–" for f in HEADS)])
    return markdown(["recipe", *(f"{column} %" for column in HEADS.values())], rows)


def difference(seeds: Seeds, one: str, other: str, figure: str) -> str:
    """How much `one` has over `other` in a figure, points, seed by seed that both were trained with."""
    pairs = zip(seeds[one], seeds[other], strict=False)
    return per_cent([a[figure] - b[figure] for a, b in pairs], signed=True)


def causes_table(seeds: Seeds) -> str:
    """What repairing each cause alone gains, and what it alone costs when all others are repaired."""
    head = ["cause"]
    head += [f"repaired alone: {HEADS[f]}" for f in COMPARED] + [
        f"alone in ours: {HEADS[f]}" for f in COMPARED
    ]
    rows = [
        [
            cause,
            *(difference(seeds, repaired, ORIGINAL, f) for f in COMPARED),
            *(difference(seeds, broken, "ours", f) for f in COMPARED),
        ]
        for cause, (repaired, broken) in CAUSES.items()
    ]
    return markdown(head, rows)


def voices_table(voices: dict, losses: dict[str, float]) -> str:
    """Means over files with bootstrap intervals."""
    rows = []
    for row, files in voices.items():
        cells = [TITLES[row] if row == ORIGINAL else row]
        for figure, (_, factor, decimals) in VOICES.items():
            cells.append(over_files([one[figure] for one in files.values()], factor, decimals))
        rows.append([*cells, f"{losses[row]:.3f}"])
    return markdown(["units", *(column for column, *_ in VOICES.values()), "mel L1"], rows)


def picture(seeds: Seeds, path: Path) -> None:
    """Bars of the compared figures for every recipe, each seed a dot."""
    figure, axes = plots.panels([5.2], columns=len(COMPARED), width=11)
    places = np.arange(len(seeds))[::-1]
    for axis, name in zip(axes, COMPARED, strict=True):
        runs = [[100 * run[name] for run in seeds[recipe]] for recipe in seeds]
        bars = axis.barh(places, [np.mean(r) for r in runs], color="#cccccc", edgecolor="#777777")
        for bar, recipe in zip(bars, seeds, strict=True):
            if recipe.startswith("ours"):
                bar.set(facecolor="#aebcd8", hatch="//", edgecolor="#32446a")
        for place, values in zip(places, runs, strict=True):
            axis.plot(values, [place] * len(values), "k.", markersize=4)
        axis.set(xlabel=f"{HEADS[name]}, %", xlim=(0, 100), yticks=places, yticklabels=[""] * len(seeds))
    axes[0].set_yticks(places, [TITLES[recipe] for recipe in seeds])
    plots.save(figure, path)


def write(
    plan, command: str, seeds: Seeds, ceiling: dict, voices: dict, losses: dict, seconds: float
) -> None:
    """The document and its picture."""
    image = plan.doc.parent / "images" / f"{plan.doc.stem}.png"
    picture(seeds, image)
    link = os.path.relpath(image, plan.doc.parent).replace(os.sep, "/")
    text = TEXT.format(
        command=command,
        minutes=seconds / 60,
        jobs=plan.jobs,
        data_minutes=plan.minutes,
        seeds=len(plan.seeds),
        head_steps=plan.steps["heads"],
        content_steps=plan.steps["content"],
        acoustic_steps=plan.steps["acoustic"],
        base=plan.base.name,
        unseen=plan.unseen.name,
        files=len(plan.unseen.have("f0")[:: plan.every]),
        voice=plan.voice.name,
        lines=len(next(iter(voices.values()))),
        image=link,
        heads=heads_table(seeds, ceiling),
        causes=causes_table(seeds),
        voices=voices_table(voices, losses),
    )
    write_text(plan.doc, text)


TEXT = """# Why the original recipe stayed at "50 % and a little"

For whoever wants to know which fault of the original recipe costs how much: each cause repaired alone, and
each put back alone into the repaired recipe. What the figures say is in
[results.md](results.md#why-the-original-recipe-failed). This page was written by

    {command}

in {minutes:.0f} minutes ({jobs} processes of one thread).

**Set-up.** {data_minutes:.0f} minutes of `{base}` for training; {files} recordings of `{unseen}`, whose
speakers and sentences are in no training data, for measuring. One small HuBERT
(configs/ablation/small.toml) for all recipes, {head_steps} steps of about 15 s of speech, {seeds} seed(s);
all start from one content encoder ({content_steps} steps on MFCC classes). "±" is half the width of the 95
% interval over seeds (Student's t). Each recipe is a file in `configs/ablation/`.

**Figures.** Voicing, RPA50 and GPE count on the frames where two F0 trackers with their own voicing rules
agree, against the one that did not make the labels. F0 of recipes whose tracker was given a wrong rate is
converted back to true hertz first. Bins are those of the repaired labels. "Own exact bin" is each recipe's
accuracy on its own labels of the training speakers' validation prompts: the figure its author looked at.

## Label models on unseen voices

{heads}

"Labels" are the labels' own tracker and the measured loudness against the same reference; "ceiling" is the
labels against themselves after a shift of 5 ms; "floor" the most frequent class.

![all recipes]({image})

## Each cause alone

Points of change: left, when that cause alone is repaired in the original recipe; right, when it alone is
put back into the repaired one. An interval that spans 0 is no measured effect. Put back, each was trained
with one seed, so these differences have no interval: a difference within the scatter of "all repaired" over
its seeds means nothing.

{causes}

## Conversions

The same small acoustic model, {acoustic_steps} steps on `{voice}`, on the units of each row; {lines} lines
of unseen voices converted, Griffin-Lim in place of a vocoder. Means over files with bootstrap 95 %
intervals. "tracker" drives the embeddings of "ours" with a pitch tracker and the measured loudness, without
a HuBERT for either.

{voices}
"""
