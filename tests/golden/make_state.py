#!/usr/bin/env python3
"""Deterministic state dicts with the names and shapes of the official checkpoints."""

import json
import sys
import zlib
from pathlib import Path

import torch

SHAPES = Path(__file__).with_name("shapes.json")


def make_state(name: str, salt: str = "") -> dict[str, torch.Tensor]:
    """Return {tensor name: float32 tensor} for one entry of shapes.json."""
    state = {}
    for key, shape in json.loads(SHAPES.read_text(encoding="utf-8"))[name].items():
        generator = torch.Generator().manual_seed(zlib.crc32((key + salt).encode()))
        x = torch.randn(shape, generator=generator)
        if "norm" in key and key.endswith("weight"):
            x = 1 + 0.1 * x
        elif key.endswith(("weight_g", "original0")):
            x = 1 + 0.1 * x.abs()
        elif key.endswith("bias") or "bias_" in key:
            x = 0.05 * x
        else:
            fan_in = x[0].numel() if x.dim() > 1 else x.numel()
            x = x / fan_in**0.5
        state[key] = x
    return state


if __name__ == "__main__":
    for key, value in make_state(sys.argv[1]).items():
        print(key, tuple(value.shape), f"{value.std():.4f}")
