"""A voice small enough for tests, with random weights by seed and a recording for it."""

import numpy as np
import torch
from small_acoustic import PARALLEL, build

import audio
from audio import N_MELS
from conversion.converter import VoiceConverter
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.model import Hubert
from hubert_pitdyn.units import PitDynEncoder
from vocoder.harmonic import HarmonicGenerator

HUBERT = {"dim": 16, "conv_dim": 8, "heads": 2, "ff": 16, "layers": 1, "pos_kernel": 8, "pos_groups": 4}
CARD = {"f0_percentiles_hz": {"50": 170.0}, "f0_hz": [100.0, 260.0]}


class Melody(torch.nn.Module):
    """A pitch model that gives labels by the loudness of each unit: glides, gaps, above the trained range."""

    unit_kind = "label"

    def __init__(self, labels):
        super().__init__()
        self.labels, self.label_embedding = labels, torch.nn.Embedding(labels.classes, 8)

    def measure(self, wav, left, right):
        pass

    def joined(self, one, other):
        pass

    def measured(self, whole):
        pass

    def distribution(self, wav, lengths=None, context=None):
        db = audio.loudness(wav.flatten().numpy()).astype(np.float64)
        f0 = np.where(db > audio.ENCODER_LEVEL_DB - 12, 190 * 2 ** (0.5 * np.sin(db / 2)), 0.0)
        soft = torch.from_numpy(self.labels.soft(f0))[None]
        return soft if context is None else soft[:, context.left : soft.shape[1] - context.right]


def hubert(seed, **more):
    torch.manual_seed(seed)
    return Hubert(**{**HUBERT, "unit_dim": 8, **more}).eval()


def harmonic(**band):
    """A small harmonic vocoder; band: of a wide one what its Band is made of."""
    vocoder = HarmonicGenerator(
        N_MELS, dim=16, blocks=1, pitch_dim=8, pitch_blocks=1, high_dim=8, high_blocks=1, **band
    ).eval()
    with torch.no_grad():
        vocoder.head.weight.mul_(10)
    return vocoder


def voice(vocoder=None, acoustic=PARALLEL):
    """A VoiceConverter with three small encoders, a small acoustic model and a small harmonic vocoder."""
    labels = PitLabels(), DynLabels()
    content = hubert(0, classes=9, front_end="log_mel")
    dyn = hubert(2, classes=labels[1].classes, unit_kind="label")
    torch.manual_seed(3)
    encoder = PitDynEncoder(content, Melody(labels[0]), dyn)
    vocoder = harmonic() if vocoder is None else vocoder
    return VoiceConverter(encoder, build(**acoustic), vocoder, CARD, labels=labels)


def recording(seconds, seed=0):
    """A buzz with pauses, louder and softer."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(16000 * seconds)) / 16000
    envelope = np.clip(np.sin(2 * np.pi * 0.4 * time) + 0.6, 0, 1) * (0.6 + 0.4 * np.sin(time / 9))
    buzz = sum(np.sin(2 * np.pi * 170 * h * time) / h for h in range(1, 8))
    return (0.1 * envelope * buzz + 1e-4 * rng.standard_normal(len(time))).astype(np.float32)
