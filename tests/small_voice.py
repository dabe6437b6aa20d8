"""A voice small enough for tests, with random weights by seed and a recording for it."""

import numpy as np
import torch
from small_acoustic import PARALLEL, build

from audio import N_MELS, UNIT_HOP
from conversion.converter import VoiceConverter
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.model import Hubert
from hubert_pitdyn.units import PitDynEncoder
from vocoder.harmonic import HarmonicGenerator

HUBERT = {"dim": 16, "conv_dim": 8, "heads": 2, "ff": 16, "layers": 1, "pos_kernel": 8, "pos_groups": 4}
CARD = {"f0_percentiles_hz": {"50": 170.0}, "f0_hz": [100.0, 260.0]}


class Melody(torch.nn.Module):
    """A pitch model that gives the labels of a melody by the place in the recording, whatever the wav is."""

    unit_kind = "label"

    def __init__(self, labels):
        super().__init__()
        self.labels, self.label_embedding, self.at = labels, torch.nn.Embedding(labels.classes, 8), 0

    def measure(self, wav, left, right):
        self.at = 0

    def measured(self, measures):
        self.at = 0

    def distribution(self, wav, lengths=None, context=None):
        count = wav.shape[-1] // UNIT_HOP
        first = 0 if context is None else self.at - context.left
        soft = torch.from_numpy(self.labels.soft(melody(first, count)))[None]
        if context is None:
            return soft
        self.at += 1100  # windows overlap
        return soft[:, context.left : count - context.right]


def melody(first, count):
    """F0 in Hz of units, 0 in the gaps: glides up to above what the voice was trained on."""
    at = np.arange(first, first + count)
    return np.where(at % 97 < 70, 190 * 2 ** (0.6 * np.sin(at / 53)), 0.0)


def hubert(seed, **more):
    torch.manual_seed(seed)
    return Hubert(**{**HUBERT, "unit_dim": 8, **more}).eval()


def voice(vocoder=None, acoustic=PARALLEL):
    """A VoiceConverter with three small encoders, a small acoustic model and a small harmonic vocoder."""
    labels = PitLabels(), DynLabels()
    content = hubert(0, classes=9, front_end="log_mel")
    dyn = hubert(2, classes=labels[1].classes, unit_kind="label")
    torch.manual_seed(3)
    encoder = PitDynEncoder(content, Melody(labels[0]), dyn)
    if vocoder is None:
        vocoder = HarmonicGenerator(N_MELS, dim=16, blocks=1, pitch_dim=8, pitch_blocks=1).eval()
        with torch.no_grad():
            vocoder.head.weight.mul_(10)
    return VoiceConverter(encoder, build(**acoustic), vocoder, CARD, labels=labels)


def recording(seconds, seed=0):
    """A buzz with pauses, louder and softer."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(16000 * seconds)) / 16000
    envelope = np.clip(np.sin(2 * np.pi * 0.4 * time) + 0.6, 0, 1) * (0.6 + 0.4 * np.sin(time / 9))
    buzz = sum(np.sin(2 * np.pi * 170 * h * time) / h for h in range(1, 8))
    return (0.1 * envelope * buzz + 1e-4 * rng.standard_normal(len(time))).astype(np.float32)
