"""Pitch and loudness units without a HuBERT: distributions from a tracker and from measured loudness.

They drive the label embeddings of trained models, so the units of a voice are of the same kind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import audio
from hubert_pitdyn import pitch
from hubert_pitdyn.front_ends import Context
from hubert_pitdyn.labels import DynLabels, PitLabels, track_options


class Tracked(nn.Module):
    """What a label model and this one share: the embedding, and one wav of a padded batch at a time."""

    unit_kind = "label"

    def __init__(self, label_embedding: nn.Embedding) -> None:
        super().__init__()
        self.label_embedding = label_embedding

    def measure(self, wav: Tensor, left: int, right: int) -> Any:
        """As FeatureExtractor.measure: what `soft` has to know of every piece of a recording."""

    def joined(self, one: Any, other: Any) -> Any:
        """As FeatureExtractor.joined."""

    def measured(self, whole: Any) -> Any:
        """As FeatureExtractor.measured."""

    def distribution(
        self, wav: Tensor, lengths: Tensor | None = None, context: Context | None = None
    ) -> Tensor:
        """wav [B,1,S] -> class probabilities [B,N,K]; zeros beyond an item's length."""
        if context is not None:
            found = self.soft(wav.flatten().cpu().numpy(), context.known[self])
            return torch.from_numpy(found[context.left : len(found) - context.right])[None].to(wav)
        result = wav.new_zeros(len(wav), wav.shape[-1] // audio.UNIT_HOP, self.label_embedding.num_embeddings)
        sizes = [wav.shape[-1]] * len(wav) if lengths is None else lengths.tolist()
        for row, item, size in zip(result, wav[:, 0], sizes, strict=True):
            p = self.soft(item[:size].cpu().numpy())
            row[: len(p)] = torch.from_numpy(p).to(row)
        return result

    def units(self, wav: Tensor, lengths: Tensor | None = None) -> Tensor:
        """wav [B,1,S] -> soft label units [B,N,256]."""
        return self.distribution(wav, lengths) @ self.label_embedding.weight

    def soft(self, wav: np.ndarray, known: Any = None) -> np.ndarray:
        """Prepared wav [S], or a piece of one and what is known of it -> distribution [N,K]."""
        raise NotImplementedError


class TrackedPitch(Tracked):
    """Soft pitch labels of an F0 tracker. table: [labels.pit] of the config or of a checkpoint."""

    def __init__(self, label_embedding: nn.Embedding, table: dict[str, Any]) -> None:
        super().__init__(label_embedding)
        self.labels, self.options = PitLabels.from_config(table), track_options(table)

    def soft(self, wav: np.ndarray, known: Any = None) -> np.ndarray:
        return self.labels.soft(pitch.track(wav, **self.options))


class TrackedLoudness(Tracked):
    """Soft loudness labels, measured. table: [labels.dyn] of the config or of a checkpoint."""

    def __init__(self, label_embedding: nn.Embedding, table: dict[str, Any]) -> None:
        super().__init__(label_embedding)
        self.labels, self.centred = DynLabels.from_config(table), table.get("centred", True)

    def measure(self, wav: Tensor, left: int, right: int) -> np.ndarray:
        """Loudness of the units of a piece, in dB."""
        db = audio.loudness(wav.flatten().cpu().numpy(), centred=self.centred)
        return db[left : len(db) - right]

    def joined(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.concatenate([one, other])

    def measured(self, whole: np.ndarray) -> float:
        """Active level of a recording, in dB."""
        return audio.active_level(whole)

    def soft(self, wav: np.ndarray, known: float | None = None) -> np.ndarray:
        db = audio.loudness(wav, centred=self.centred)
        return self.labels.soft(db, audio.active_level(db) if known is None else known)
