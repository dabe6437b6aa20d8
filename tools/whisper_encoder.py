"""Whisper's encoder as a Hubert: read from ctranslate2's file, cut to a preset's sizes, units fitted."""

from __future__ import annotations

import struct

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from common import progress
from hubert_pitdyn.model import Hubert
from training.other_voices import other_voices

RIDGE = 1e-3  # of the mean variance of the inputs of a least-squares fit
VERSIONS = (5, 6)
TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)  # by their number in the file; bfloat16 is 5


def read_ctranslate2(data: bytes) -> dict[str, np.ndarray]:
    """{name: array} of a model.bin. Raises ValueError for another version or type."""
    place = 0

    def take(kind: str) -> int:
        nonlocal place
        value = struct.unpack_from(f"<{kind}", data, place)[0]
        place += struct.calcsize(f"<{kind}")
        return value

    def text() -> str:
        nonlocal place
        size = take("H")
        place += size
        return data[place - size : place - 1].decode("ascii")

    version = take("I")
    if version not in VERSIONS:
        raise ValueError(f"model.bin is of version {version}, expected one of {VERSIONS}")
    text(), take("I")  # name and revision of the model
    weights = {}
    for _ in range(take("I")):
        name = text()
        sizes = [take("I") for _ in range(take("B"))]
        kind, size = take("B"), take("I")
        if kind >= len(TYPES):
            raise ValueError(f"{name} is of type {kind}, which numpy does not have")
        own = np.frombuffer(data, TYPES[kind], size // np.dtype(TYPES[kind]).itemsize, place)
        weights[name] = own.reshape(sizes)
        place += size
    return weights


def whole_encoder(weights: dict[str, np.ndarray], sizes: dict):
    """A Hubert with Whisper's whole encoder in it, from arrays named as ctranslate2 does."""
    model = Hubert(**{**sizes, "ff": len(weights["encoder/layer_0/ffn/linear_0/bias"])}).eval()
    model.requires_grad_(False)

    def fill(name: str, module, weight: str = "weight", bias: str = "bias", kinds=("weight", "bias")) -> None:
        for own, theirs in ((weight, kinds[0]), (bias, kinds[1])):
            getattr(module, own).copy_(
                torch.from_numpy(weights[f"encoder/{name}/{theirs}"].astype("float32"))
            )

    fill("conv1", model.feature_extractor.conv0)
    fill("conv2", model.feature_extractor.conv1)
    for number, layer in enumerate(model.encoder.layers):
        parts = f"layer_{number}/self_attention", f"layer_{number}/ffn"
        for name, norm in zip(parts, (layer.norm1, layer.norm2), strict=True):
            fill(f"{name}/layer_norm", norm, kinds=("gamma", "beta"))
        fill(f"{parts[0]}/linear_0", layer.self_attn, "in_proj_weight", "in_proj_bias")
        fill(f"{parts[0]}/linear_1", layer.self_attn.out_proj)
        fill(f"{parts[1]}/linear_0", layer.linear1)
        fill(f"{parts[1]}/linear_1", layer.linear2)
    fill("layer_norm", model.encoder.norm, kinds=("gamma", "beta"))
    return model


def fitted(inputs: Tensor, targets: Tensor, changes: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Least squares with an offset, inputs [M, A], targets [M, B] -> weight [B, A], bias [B].

    changes [A, A]: sum of outer products of changes of the input that are to change little in the output.
    """
    centre, mean = inputs.mean(dim=0), targets.mean(dim=0)
    x = inputs - centre
    square = x.T @ x
    if changes is not None:
        square += changes
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square))
    weight = torch.linalg.solve(square, x.T @ (targets - mean)).T
    return weight, mean - weight @ centre


def cut_feed_forward(model, wavs: list[np.ndarray], width: int) -> list[Tensor]:
    """Leave `width` hidden units in each feed-forward layer; returns the last states of the wavs [N, E].

    Layer by layer, each fitted to the state that the whole encoder has behind it, on the state that the
    layers cut before it give. Nothing is fitted where nothing is to be cut. No wav may be longer than one
    window.
    """
    whole = [model.encode(torch.from_numpy(w)[None, None], layer=0) for w in wavs]
    cut = list(whole)
    for layer in progress.each(model.encoder.layers, "layers"):
        if width < layer.linear1.out_features:
            cut, whole = _cut_layer(layer, cut, whole, width)
        else:
            cut = whole = [layer(x) for x in cut]
    return [model.encoder.norm(x)[0] for x in cut]


def _cut_layer(
    layer, cut: list[Tensor], whole: list[Tensor], width: int
) -> tuple[list[Tensor], list[Tensor]]:
    """Cut one layer; its outputs [1, N, E] for what the cut layers before it gave and for the whole ones'."""
    cut = [layer.attended(x) for x in cut]
    whole = [layer(x) for x in whole]
    hidden = torch.cat([F.gelu(layer.linear1(layer.norm2(x)))[0] for x in cut])
    wanted = torch.cat([(a - b)[0] for a, b in zip(whole, cut, strict=True)])
    said = hidden.std(dim=0) * layer.linear2.weight.norm(dim=0)
    kept = said.topk(width).indices.sort().values
    layer.linear1 = linear(layer.linear1.weight[kept], layer.linear1.bias[kept])
    layer.linear2 = linear(*fitted(hidden[:, kept], wanted))
    return [x + layer.feed_forward(layer.norm2(x)) for x in cut], whole


def linear(weight: Tensor, bias: Tensor):
    """An nn.Linear of these."""
    made = torch.nn.Linear(weight.shape[1], weight.shape[0])
    made.load_state_dict({"weight": weight.contiguous(), "bias": bias})
    return made.requires_grad_(False)


def changes_by_voice(model, wavs: list[np.ndarray], copies: int) -> Tensor:
    """Sum of the outer products [E, E] of what another voice changes in the last states, a mean over copies.

    Of each wav so many copies by `training.other_voices` are compared with itself. copies: at least 1.
    """
    total = torch.zeros(model.proj.in_features, model.proj.in_features)
    for number, wav in enumerate(progress.each(wavs, "other voices", unit="file")):
        own = model.encode(torch.from_numpy(wav)[None, None])[0]
        for copy in other_voices(wav, [(number, copy) for copy in range(copies)]):
            change = model.encode(torch.from_numpy(copy)[None, None])[0] - own
            total += change.T @ change / copies
    return total


def begin_units(
    model, states: Tensor, teacher: Tensor, centres: Tensor, changes: Tensor | None = None
) -> float:
    """proj, teacher_head and label_embedding from states [M, E] and the teacher's features [M, T] of the same
    moments and the centres [K, T] of its classes. Returns R² of the features that the units give.

    changes [E, E]: as `fitted`'s, weighted; units give up directions of the states that tell little of the
    teacher for what they change (reduced-rank regression with these as further rows whose target is 0).
    """
    weight, bias = fitted(states, teacher, changes)
    mean = teacher.mean(dim=0)
    guess = states @ weight.T + bias - mean
    said = guess.T @ guess
    if changes is not None:
        said += weight @ changes @ weight.T
    _, directions = torch.linalg.eigh(said)
    basis = directions.flip(1)[:, : model.proj.out_features]  # [T, D], the strongest first
    size = (guess @ basis).std()
    model.proj.weight.copy_(basis.T @ weight / size)
    model.proj.bias.copy_((bias - mean) @ basis / size)
    units = model.proj(states)
    head = fitted(units, teacher)
    model.teacher_head.load_state_dict(dict(zip(("weight", "bias"), head, strict=True)))
    model.label_embedding.weight.copy_((centres - mean) @ basis / size)
    missed = teacher - model.teacher_head(units)
    return 1 - float(missed.square().mean() / teacher.var(dim=0).mean())
