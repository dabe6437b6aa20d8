"""Vocoders: log-mel [B, n_mels, T] -> wav [B, 1, hop T]; at 16 kHz [B, 128, T] -> [B, 1, 160T].

All have one interface, `vocoder(mel, f0=None, voiced=None)`: f0 [B, T] in Hz and bool voiced [B, T] of the
mel frames. Those whose `conditioned_on_f0` is False leave the two out. `band` says which rows they read and
at which rate they give a wave; `at_16_khz()` gives one of any for the 128 rows that all voices have.
`level_db` is the active level of the recordings whose mels they were trained on, None where any will do or
nobody knows.
"""

from vocoder.harmonic import HarmonicGenerator
from vocoder.hifigan import HifiGan
from vocoder.istft import IstftGenerator

# [vocoder] generator of a preset, and kind of a checkpoint
GENERATORS = {"hifigan": HifiGan, "istft": IstftGenerator, "harmonic": HarmonicGenerator}
Vocoder = HifiGan | IstftGenerator | HarmonicGenerator
