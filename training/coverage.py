"""How many of its classes a label model will meet in training."""

from __future__ import annotations

import numpy as np

from training.label_dataset import LabelDataset
from training.run import Run

ENOUGH = 0.8  # of the classes; fewer are worth a warning


def covered(data: LabelDataset) -> tuple[int, int]:
    """How many classes the labels hold, and how many crops at other speeds may have."""
    found = np.unique(np.concatenate([data.folder.read(data.kind, key) for key in data.keys]))
    if data.pit_labels is None:
        return len(found), len(found)
    speeds = 2.0 ** np.linspace(*data.speeds, 1 + 2 * data.pit_labels.classes)
    f0 = np.outer(speeds, data.pit_labels.decode(found))
    return len(found), len(np.unique(data.pit_labels.encode(f0.ravel())))


def say_covered(run: Run, kind: str, data: LabelDataset, classes: int) -> None:
    """A line on how many classes training will meet, a warning where many are missing. kind: pits or dyns."""
    plain, moved = covered(data)
    line = f"the training labels hold {plain} of {classes} classes"
    line += f", {moved} at the speeds of its crops" if moved != plain else ""
    if moved >= ENOUGH * classes:
        run.logger.info(line)
        return
    more = "other people, or widen speed_octaves in [train.pits]" if kind == "pits" else "other loudness"
    run.logger.warning(f"{line}; the others are never learnt: add recordings of {more}")
