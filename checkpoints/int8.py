"""Weights in eight bits: a row of each matrix as whole numbers and one scale, a quarter of float32's size."""

from __future__ import annotations

import torch
from torch import Tensor

from common.cli import UserError

SCALE = "@scale"  # ends the name of a matrix' scales
LARGEST = 127
KEPT = ("label_embedding.",)  # begins what stays as it is: voices know the vectors of classes
FEWEST = 4096  # numbers in a matrix; smaller ones are not worth a second tensor


def quantised(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices and kernels [rows, …] of a state dict as int8, with "<name>@scale" float32 [rows] beside them.

    Each number errs by at most half of its row's scale, which is the row's largest magnitude / 127.
    """
    made: dict[str, Tensor] = {}
    for name, tensor in state.items():
        small = tensor.dim() < 2 or tensor.numel() < FEWEST
        if small or not tensor.is_floating_point() or name.startswith(KEPT):
            made[name] = tensor
            continue
        rows = tensor.float().flatten(1)
        scale = (rows.abs().amax(dim=1) / LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
        made[name] = (rows / scale[:, None]).round().to(torch.int8).view(tensor.shape)
        made[name + SCALE] = scale
    return made


def restored(state: dict[str, Tensor], path: object) -> dict[str, Tensor]:
    """What `quantised` made, as float32; other state dicts as they are. UserError where scales do not fit."""
    scales = {name.removesuffix(SCALE): state[name] for name in state if name.endswith(SCALE)}
    if not scales:
        return state
    made = {}
    for name, tensor in state.items():
        if name.endswith(SCALE):
            continue
        scale = scales.get(name)
        if scale is not None:
            if tensor.dtype != torch.int8 or tensor.dim() < 2 or scale.shape != tensor.shape[:1]:
                raise UserError(f"{path}: {name} does not fit its scales; take another copy of it")
            tensor = tensor.float() * scale.float().view(-1, *[1] * (tensor.dim() - 1))
        made[name] = tensor
    if missing := scales.keys() - state.keys():
        raise UserError(f"{path}: scales of {min(missing)}, which it lacks; take another copy of it")
    return made
