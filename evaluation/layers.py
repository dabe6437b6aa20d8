"""Where in a trunk pitch, voicing and loudness can be read: one light head on each layer's output.

The same probe for every layer: a layer norm, one hidden layer that sees a unit and its neighbours, then the
pitch and loudness classes. What it cannot read in a few hundred steps is not lying open there.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import audio
from common import progress
from common.cli import UserError
from evaluation import heads
from hubert_pitdyn import plots
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.losses import cross_entropy
from hubert_pitdyn.model import Hubert
from preprocessing.data_folder import DataFolder

HIDDEN = 128
CONTEXT = 3  # units that the hidden layer sees
CROP = 50  # units, in training
BATCH = 64  # crops
LEARNING_RATE = 2e-3


class Probe(nn.Module):
    """[B,N,E] -> pitch logits [B,N,Kp], loudness logits [B,N,Kd]."""

    def __init__(self, dim: int, pit_classes: int, dyn_classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.hidden = nn.Conv1d(dim, HIDDEN, CONTEXT, padding="same")
        self.pit = nn.Linear(HIDDEN, pit_classes)
        self.dyn = nn.Linear(HIDDEN, dyn_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = F.gelu(self.hidden(self.norm(x).transpose(1, 2))).transpose(1, 2)
        return self.pit(hidden), self.dyn(hidden)


Features = dict[str, list[np.ndarray]]  # {key: [N, E] of the convolutions, then of every layer}


@torch.inference_mode()
def features(trunk: Hubert, folder: DataFolder, keys: list[str]) -> Features:
    """Convolution output and all hidden states of each recording, float16."""
    result = {}
    for key in progress.each(keys, f"features of {folder.name}"):
        wav = torch.from_numpy(audio.encoder_input(folder.prepared(key))).reshape(1, 1, -1)
        wav = wav.to(trunk.proj.weight.device)
        conv, layers = trunk.hidden(wav)
        result[key] = [conv[0].cpu().half().numpy(), *layers[0].transpose(0, 1).cpu().half().numpy()]
    return result


def names(count: int) -> list[str]:
    """What the rows of the layer table are called: `count` of them."""
    return ["convolutions", "layer 0 (input)", *(f"layer {i}" for i in range(1, count - 1))]


def train_probe(
    inputs: list[np.ndarray], pits: list[np.ndarray], dyns: list[np.ndarray], steps: int, seed: int
) -> Probe:
    """A probe on features [N_i, E] with soft targets [N_i, Kp] and [N_i, Kd]."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    probe = Probe(inputs[0].shape[1], pits[0].shape[1], dyns[0].shape[1])
    optimizer = torch.optim.Adam(probe.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(steps):
        rows = []
        for index in rng.integers(0, len(inputs), BATCH):
            start = rng.integers(0, len(inputs[index]) - CROP + 1)
            rows.append([part[index][start : start + CROP] for part in (inputs, pits, dyns)])
        x, pit, dyn = (torch.from_numpy(np.stack(part)).float() for part in zip(*rows, strict=True))
        logits = probe(x)
        loss = cross_entropy(logits[0], pit).mean() + cross_entropy(logits[1], dyn).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return probe.eval()


def targets(
    folder: DataFolder, keys: list[str], pit: PitLabels, dyn: DynLabels
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Soft pitch and loudness targets of each recording."""
    loudness = [folder.read("loudness", key) for key in keys]
    return (
        [pit.soft(folder.read("f0", key)) for key in keys],
        [dyn.soft(db, audio.active_level(db)) for db in loudness],
    )


def layer_table(
    trunk: Hubert,
    training: DataFolder,
    folder: DataFolder,
    count: int = 300,
    steps: int = 600,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """{layer: figures} of probes trained on `count` recordings of `training`, measured on all of `folder`.

    Raises UserError when no training recording is longer than a crop.
    """
    pit, dyn = heads.labels_of(folder)
    keys = training.split("train", "f0")
    keys = [key for key in keys if len(training.read("f0", key)) >= CROP]
    if not keys:
        raise UserError(f"{training.root}: no training recording of {CROP / audio.UNIT_RATE:.0f} s or more")
    chosen = [keys[i] for i in np.random.default_rng(seed).permutation(len(keys))[:count]]
    known = {key: truth for key, _, truth in heads.known_files(folder)}
    seen, unseen = (features(trunk, f, k) for f, k in ((training, chosen), (folder, list(known))))
    pits, dyns = targets(training, chosen, pit, dyn)
    table = {}
    for index, name in enumerate(progress.each(names(len(seen[chosen[0]])), "probes")):
        probe = train_probe([seen[key][index] for key in chosen], pits, dyns, steps, seed)
        read, score = heads.model_reader(partial(distributions, probe), pit, dyn), heads.Score(pit, dyn)
        for key, truth in known.items():
            score.add(truth, read(unseen[key][index], truth))
        table[name] = score.figures()
    return table


@torch.inference_mode()
def distributions(probe: Probe, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch [N, Kp] and loudness [N, Kd] distributions from features [N, E] of one recording."""
    pits, dyns = (x[0].softmax(-1).numpy() for x in probe(torch.from_numpy(inputs).float()[None]))
    return pits, dyns


FIGURES = ("voicing", "rpa50", "gpe", "dyn_within_1p5db")


def picture(table: dict[str, dict[str, float]], title: str):
    """The layer table as curves over depth."""
    figure, (axis,) = plots.panels([3.6], title)
    for name, style in zip(FIGURES, plots.styles(), strict=False):
        axis.plot([100 * row[name] for row in table.values()], label=heads.TITLES[name], **style)
    axis.set_xticks(range(len(table)), list(table), rotation=30, ha="right")
    axis.set(ylabel="frames, %", ylim=(0, 100), xlabel="layer whose output is read")
    axis.grid(axis="y", color=plots.GRID)
    return plots.with_legend(figure)
