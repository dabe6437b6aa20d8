"""Vocoders: log-mel [B, 128, T] -> wav [B, 1, 160T]."""

from vocoder.generator import Generator
from vocoder.istft import IstftGenerator

GENERATORS = {"hifigan": Generator, "istft": IstftGenerator}  # [vocoder] generator, and kinds of checkpoints
