"""Losses of label models, and their figures in training: soft cross-entropy, bin accuracies."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hubert_pitdyn.labels import DynLabels, PitLabels

ACTIVE_BELOW_PEAK_DB = 50.0  # frames this far below the loudest do not count in loudness accuracy


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each frame: logits [B,N,K], targets [B,N] classes or [B,N,K] soft -> [B,N].

    With an unvoiced class this is a voicing loss on every frame plus a pitch loss on voiced frames only:
    -sum t log p = -log(1 - p0) - sum t log p(bin | voiced) where voiced, and -log p0 elsewhere.
    """
    logs = logits.float().log_softmax(dim=-1)
    if targets.dim() == 2:
        return -logs.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return -(targets * logs).sum(dim=-1)


def teacher_error(estimate: Tensor, teacher: Tensor, spread: float) -> Tensor:
    """Squared error of each frame over the variance: estimate and teacher [B,N,T] -> [B,N].

    spread: mean variance of the teacher's features over all frames, so that the mean error is 1 - R².
    """
    return (estimate.float() - teacher.float()).square().mean(dim=-1) / spread


def count_right(labels: PitLabels | DynLabels | None, guess: Tensor, classes: Tensor, valid: Tensor) -> dict:
    """Right and counted frames of one or more utterances, to be summed over them.

    guess, classes: int [B,N]; valid: bool [B,N]. labels: None for content units. Returns {name: (right, of)}.
    Pitch bins are counted on voiced frames and voicing apart; loudness within 50 dB of the peak (METRICS).
    """
    near = (guess - classes).abs() <= 1
    exact = guess == classes
    counted, result = valid, {}
    if isinstance(labels, PitLabels) and labels.unvoiced:
        voiced = (classes > 0) & valid
        result["voicing"] = _ratio((guess > 0) == (classes > 0), valid)
        near, counted = near & (guess > 0), voiced
    elif isinstance(labels, DynLabels) and labels.scale == "relative_db":
        db = torch.from_numpy(np.asarray(labels.decode(classes.cpu().numpy()))).to(classes.device)
        peak = db.masked_fill(~valid, -torch.inf).amax(dim=1, keepdim=True)
        counted = valid & (db > peak - ACTIVE_BELOW_PEAK_DB)
    result["accuracy"] = _ratio(exact, counted)
    if labels is not None:
        result["within_one"] = _ratio(near, counted)
    return result


def _ratio(right: Tensor, counted: Tensor) -> tuple[int, int]:
    return int((right & counted).sum()), int(counted.sum())


def add_counts(total: dict, more: dict) -> None:
    """Add the (right, of) pairs of `more` to those of `total`, in place."""
    for name, (right, of) in more.items():
        before = total.get(name, (0, 0))
        total[name] = (before[0] + right, before[1] + of)


def fractions(counts: dict) -> dict[str, float]:
    """{name: right / of}; NaN where nothing was counted."""
    return {name: right / of if of else float("nan") for name, (right, of) in counts.items()}
