"""Faults of 2022 that are not in a config: models in training mode at conversion time, F0 in wrong hertz."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audio import SAMPLE_RATE, UNIT_HOP
from hubert_pitdyn.model import Hubert, time_mask


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
    """What to multiply F0 with that labels of [labels.pit] decode to: their tracker was told another rate."""
    return SAMPLE_RATE / table.get("assumed_rate", SAMPLE_RATE)
