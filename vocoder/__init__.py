"""Vocoders: log-mel [B, 128, T] -> wav [B, 1, 160T]."""

from vocoder.harmonic import HarmonicGenerator
from vocoder.hifigan import Generator
from vocoder.istft import IstftGenerator

# [vocoder] generator, and kinds of checkpoints
GENERATORS = {"hifigan": Generator, "istft": IstftGenerator, "harmonic": HarmonicGenerator}
Vocoder = Generator | IstftGenerator | HarmonicGenerator
