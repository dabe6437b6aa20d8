"""A converter of the official sizes with random weights, which take as long as trained ones."""

from __future__ import annotations

import torch

from acoustic.model import AcousticModel
from conversion.converter import VoiceConverter
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.model import Hubert
from hubert_pitdyn.units import PitDynEncoder
from vocoder.hifigan import HifiGan


def official_sizes() -> VoiceConverter:
    """Three HuBERT base, the acoustic model of Soft-VC with its autoregressive decoder, and HiFi-GAN."""
    torch.manual_seed(0)
    pit, dyn = PitLabels(), DynLabels()
    label_models = [Hubert(classes=labels.classes, unit_kind="label") for labels in (pit, dyn)]
    encoder = PitDynEncoder(Hubert(), *label_models)
    acoustic, vocoder = AcousticModel(in_dim=768).eval(), HifiGan().eval()
    vocoder.remove_weight_norm()
    for model in (acoustic, vocoder):
        model.requires_grad_(False)
    return VoiceConverter(encoder, acoustic, vocoder, {}, "cpu", (pit, dyn))
