"""Hidden features of a frozen trunk, made once: what light heads are trained on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from audio import UNIT_RATE, encoder_input
from common import progress
from common.cli import UserError
from hubert_pitdyn.heads import PIECES, levels
from hubert_pitdyn.model import Hubert
from preprocessing.data_folder import DataFolder, save_array


def cache_features(folder: DataFolder, keys: list[str], trunk: Hubert, name: str) -> Path:
    """Hidden features of a trunk for every key and the levels of its wav, made once: float16 [N, conv_dim +
    (L+1)·dim + 5].

    name: folder below data/<name>/, to hold the trunk's hash. Returns that folder. Raises UserError where the
    disk has no room for them: they take 38 GB for ten hours at the official sizes.
    """
    missing = [k for k in keys if not folder.has(name, k)]
    needed, free = 1e-9 * size(trunk, folder.hours(missing)), 1e-9 * shutil.disk_usage(folder.root).free
    if needed > free:
        raise UserError(
            f"{folder.root / name}: the trunk's features need {needed:.1f} GB, {free:.1f} GB are free; make "
            "room, or train a whole HuBERT, which needs none (--trunk finetune)"
        )
    for key in progress.each(missing, "trunk features"):
        wav = torch.from_numpy(encoder_input(folder.prepared(key))).reshape(1, 1, -1)
        wav = wav.to(trunk.proj.weight.device)
        with torch.inference_mode():
            conv, layers = trunk.hidden(wav)
        joined = torch.cat([conv, layers.flatten(2), levels(wav)], dim=-1)[0]
        save_array(folder.path(name, key), joined.cpu().numpy().astype(np.float16))
    return folder.root / name


def size(trunk: Hubert, hours: float) -> int:
    """Bytes that the features of so much audio take."""
    values = trunk.conv_dim + (len(trunk.encoder.layers) + 1) * trunk.proj.in_features + PIECES
    return round(hours * 3600 * UNIT_RATE * values * np.dtype(np.float16).itemsize)


def split_features(joined: Tensor, conv_dim: int, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """[B,N,…] of `cache_features` -> conv [B,N,conv_dim], layers [B,N,L+1,dim], levels [B,N,5] float32."""
    sizes = [conv_dim, joined.shape[-1] - conv_dim - PIECES, PIECES]
    conv, layers, of_wav = joined.float().split(sizes, dim=-1)
    return conv, layers.unflatten(-1, (-1, dim)), of_wav
