"""Converters of the official sizes with random weights, which take as long as trained ones.

amp: as in VoiceConverter.load.
"""

from __future__ import annotations

import torch

from acoustic.model import AcousticModel
from common.presets import load_config
from conversion.converter import VoiceConverter
from hubert_pitdyn.heads import Head, TrunkHead
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.model import Hubert
from hubert_pitdyn.units import PitDynEncoder
from vocoder.harmonic import HarmonicGenerator
from vocoder.hifigan import HifiGan


def official_sizes(amp: str = "auto") -> VoiceConverter:
    """Three HuBERT base, the acoustic model of Soft-VC with its autoregressive decoder, and HiFi-GAN."""
    torch.manual_seed(0)
    label_models = [Hubert(classes=labels.classes, unit_kind="label") for labels in LABELS]
    encoder = PitDynEncoder(Hubert(), *label_models)
    return _converter(encoder, AcousticModel(in_dim=768), HifiGan(), amp)


def one_trunk_hifigan(amp: str = "auto") -> VoiceConverter:
    """One HuBERT base with light heads, the preset base's acoustic model, and HiFi-GAN."""
    return _converter(_one_trunk(), _acoustic(), HifiGan(), amp)


def one_trunk(amp: str = "auto") -> VoiceConverter:
    """The same with the preset base's harmonic vocoder."""
    vocoder = HarmonicGenerator(**load_config()["vocoder"]["harmonic"])
    return _converter(_one_trunk(), _acoustic(), vocoder, amp)


LABELS = PitLabels(), DynLabels()
SIZES = {"official": official_sizes, "one_trunk_hifigan": one_trunk_hifigan, "one_trunk": one_trunk}


def _one_trunk() -> PitDynEncoder:
    torch.manual_seed(0)
    trunk, preset = Hubert(), load_config()
    sizes = {"layers": len(trunk.encoder.layers), "dim": trunk.proj.in_features, "conv_dim": trunk.conv_dim}
    heads = [Head(classes=labels.classes, **sizes, **preset["head"]) for labels in LABELS]
    return PitDynEncoder(trunk, *(TrunkHead(trunk, head) for head in heads))


def _acoustic() -> AcousticModel:
    return AcousticModel(**load_config()["acoustic"])


def _converter(encoder: PitDynEncoder, acoustic: AcousticModel, vocoder, amp: str) -> VoiceConverter:
    vocoder.remove_weight_norm()
    for model in (acoustic, vocoder):
        model.eval().requires_grad_(False)
    return VoiceConverter(encoder, acoustic, vocoder, {}, "cpu", LABELS, amp=amp)
