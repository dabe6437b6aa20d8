"""wav -> [N, 768] = content | pit | dyn. The only place that concatenates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from audio import UNIT_HOP, encoder_input
from common.precision import products
from hubert_pitdyn.front_ends import Context
from hubert_pitdyn.heads import TrunkHead
from hubert_pitdyn.model import Hubert


class Analysis(NamedTuple):
    """Analysis of a wav. content [B,N,256]; pit [B,N,Kp] and dyn [B,N,Kd] class distributions."""

    content: Tensor
    pit: Tensor
    dyn: Tensor


class PitDynEncoder(nn.Module):
    """Content encoder, pit model and dyn model in one: analyse a wav, then embed the analysis.

    Prosody is edited between the two steps, on the distributions.
    """

    def __init__(self, content: Hubert, pit: Hubert | TrunkHead, dyn: Hubert | TrunkHead) -> None:
        super().__init__()
        self.content, self.pit, self.dyn = content, pit, dyn
        self.eval().requires_grad_(False)

    @property
    def unit_dim(self) -> int:
        """Width of the units that `embed` makes (768)."""
        return sum(w.shape[-1] for w in (self.content.proj.weight.T, self._table("pit"), self._table("dyn")))

    @property
    def networks(self) -> set[nn.Module]:
        """What a wav goes through: each Hubert and tracker once."""
        models = (self.content, self.pit, self.dyn)
        return {model.trunk if isinstance(model, TrunkHead) else model for model in models}

    def _table(self, name: str) -> Tensor:
        return getattr(self, name).label_embedding.weight

    @torch.inference_mode()
    def analyse(self, wav: Tensor, lengths: Tensor | None = None, context: Context | None = None) -> Analysis:
        """wav [B,1,S] (S = 320·N; lengths [B] samples in a zero-padded batch) -> Analysis.

        Each network runs once, for its own answer and for every head that reads it. context: of the recording
        of which wav is one window; the answer is without the neighbours' units.
        """
        with products(self, wav):
            return self._analysed(wav, lengths, context)

    def _analysed(self, wav: Tensor, lengths: Tensor | None, context: Context | None) -> Analysis:
        models = (self.content, self.pit, self.dyn)
        shared = {model.trunk for model in models if isinstance(model, TrunkHead)}
        hidden = {trunk: trunk.hidden(wav, lengths, context) for trunk in shared}

        def answer(model: Hubert | TrunkHead) -> Tensor:
            if isinstance(model, TrunkHead):
                return model.distribution_from(hidden[model.trunk], wav, lengths, context)
            content = model is self.content
            if model not in hidden:
                give = model.units if content else model.distribution
                return give(wav, lengths, context)
            state = model.proj(hidden[model][1][:, :, -1])
            return state.float() if content else model.logits_of(state).softmax(dim=-1)

        return Analysis(*map(answer, models))

    @torch.inference_mode()
    def embed(self, analysis: Analysis) -> Tensor:
        """Analysis -> units [B,N,768]: content, then expected pit and dyn label embeddings."""
        pit = analysis.pit @ self._table("pit")
        dyn = analysis.dyn @ self._table("dyn")
        return torch.cat([analysis.content, pit, dyn], dim=-1)

    def forward(self, wav: Tensor, lengths: Tensor | None = None) -> Tensor:
        """wav [B,1,S] -> units [B,N,768]."""
        return self.embed(self.analyse(wav, lengths))


class ContentEncoder(nn.Module):
    """The encoder of Soft-VC, with the interface of PitDynEncoder: no pitch, no dynamics."""

    def __init__(self, content: Hubert) -> None:
        super().__init__()
        self.content = content
        self.eval().requires_grad_(False)

    @property
    def unit_dim(self) -> int:
        """Width of the units that `embed` makes (256)."""
        return self.content.proj.out_features

    @property
    def networks(self) -> set[nn.Module]:
        """As PitDynEncoder.networks."""
        return {self.content}

    @torch.inference_mode()
    def analyse(self, wav: Tensor, lengths: Tensor | None = None, context: Context | None = None) -> Analysis:
        """As PitDynEncoder.analyse; distributions over no classes at all."""
        with products(self, wav):
            units = self.content.units(wav, lengths, context)
        return Analysis(units, units[..., :0], units[..., :0])

    def embed(self, analysis: Analysis) -> Tensor:
        """Units [B,N,256]."""
        return analysis.content


Encoder = PitDynEncoder | ContentEncoder


def encode_batch(encoder: Encoder, wavs: Sequence[np.ndarray]) -> tuple[Analysis, list[int]]:
    """Prepared wavs, each [S_i] -> their analysis as one zero-padded batch, and the units of each.

    Whatever their levels, the encoder is given all at one (`audio.encoder_input`).
    """
    device = encoder.content.proj.weight.device
    lengths = torch.tensor([len(wav) for wav in wavs])
    batch = torch.zeros(len(wavs), 1, int(lengths.max()))
    for row, wav in zip(batch, wavs, strict=True):
        row[0, : len(wav)] = torch.from_numpy(encoder_input(wav))
    alike = bool((lengths == lengths[0]).all())
    analysis = encoder.analyse(batch.to(device), None if alike else lengths.to(device))
    return analysis, [len(wav) // UNIT_HOP for wav in wavs]


def length_buckets(sizes: dict[str, int], budget: int, most: int = 32) -> Iterator[list[str]]:
    """Names in batches of similar size: count x longest stays under `budget`, and at most `most` names.

    A name larger than the budget makes a batch of its own.
    """
    batch: list[str] = []
    for name in sorted(sizes, key=lambda n: (sizes[n], n)):
        if batch and (len(batch) >= most or (len(batch) + 1) * sizes[name] > budget):
            yield batch
            batch = []
        batch.append(name)
    if batch:
        yield batch


def encode_all(
    encoder: Encoder, read: Callable[[str], np.ndarray], sizes: dict[str, int], budget: int
) -> Iterator[tuple[str, np.ndarray, Analysis]]:
    """Encode many wavs in length-bucketed batches of at most `budget` samples.

    read(name) -> prepared wav [S]; sizes: {name: S}. Yields (name, units [N,768], analysis without its
    batch dimension), shortest wav first.
    """
    for names in length_buckets(sizes, budget):
        analysis, counts = encode_batch(encoder, [read(name) for name in names])
        units = encoder.embed(analysis)
        for row, (name, count) in enumerate(zip(names, counts, strict=True)):
            own = Analysis(*(part[row, :count].cpu().numpy() for part in analysis))
            yield name, units[row, :count].cpu().numpy(), own
