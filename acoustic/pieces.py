"""Mels of a recording of any length, piece after piece, as the acoustic model gives them for the whole.

Convolutions see as far beyond a piece as they reach, the LSTMs go on from their last state, and what an
instance norm divides by is measured over the whole first, in one pass for each norm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from acoustic.generate import State, decode
from acoustic.model import UPSAMPLING, AcousticModel, FrameNorm, InstanceNorm, evaluating, valid_mask
from common.lookahead import Parts, lookahead
from common.precision import products

Pieces = Callable[[], Iterable[Tensor]]  # units [1, N', in_dim] that follow one another, from the beginning


def generate(model: AcousticModel, pieces: Pieces, live: bool = False) -> Iterator[Tensor]:
    """Log-mels [1, T', n_mels] that follow one another; see AcousticModel.generate_pieces."""
    known = None
    if not live and _norms_over_time(model) and sum(1 for _ in pieces()) > 1:
        known = measured(model, pieces)
    work = _parallel if model.parallel else _encoded
    made = lookahead(
        _parts(pieces()), model.reach, UPSAMPLING, lambda parts, *_: work(model, parts[0], known), live
    )
    state: State = {}
    for found in made:
        if not model.parallel:
            with torch.inference_mode():
                yield decode(model.decoder, found.transpose(1, 2), state)
        else:
            yield found.transpose(1, 2)


def measured(model: AcousticModel, pieces: Pieces) -> list[Tensor]:
    """For each instance norm in turn, mean and variance [2, C] of its input over all pieces."""
    known: list[Tensor] = []
    norms = sum(isinstance(layer, InstanceNorm) for layer in model.encoder.convs)
    for norm in range(norms):
        rate = UPSAMPLING if norm else 1
        inputs = lookahead(
            _parts(pieces()),
            model.reach,
            rate,
            lambda parts, *_, norm=norm: _encoded(model, parts[0], known, norm),
        )
        sums = [torch.stack([x.sum(-1), x.square().sum(-1)])[:, 0] for x in _doubled(inputs)]
        frames = rate * sum(units.shape[1] for units in pieces())
        mean, squares = torch.stack(sums).sum(dim=0) / frames
        known.append(torch.stack([mean, (squares - mean.square()).clamp(min=0.0)]).float())
    return known


def _doubled(found: Iterable[Tensor]) -> Iterator[Tensor]:
    for x in found:
        yield x.cpu().double()  # not every GPU has doubles


def _norms_over_time(model: AcousticModel) -> bool:
    norms = [layer for layer in model.encoder.convs if isinstance(layer, InstanceNorm)]
    return not all(isinstance(norm, FrameNorm) for norm in norms)


def _parts(pieces: Iterable[Tensor]) -> Iterator[Parts]:
    for units in pieces:
        yield (units.transpose(1, 2),)


@torch.inference_mode()
def _encoded(model: AcousticModel, units: Tensor, known: list[Tensor] | None, before: int = -1) -> Tensor:
    """Units [1, D, N] -> encoder frames [1, C, T], or the input of the norm `before`."""
    units = units.transpose(1, 2)
    with evaluating(model), products(model, units):
        return model.encoder(units, valid_mask(units), known, before).transpose(1, 2)


@torch.inference_mode()
def _parallel(model: AcousticModel, units: Tensor, known: list[Tensor] | None) -> Tensor:
    """Units [1, D, N] -> log-mel [1, n_mels, T]."""
    encoded = _encoded(model, units, known).transpose(1, 2)
    with evaluating(model), products(model, units):
        return model.decoder(encoded, encoded.new_ones(1, encoded.shape[1], 1)).transpose(1, 2)
