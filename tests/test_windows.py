"""A recording analysed window by window gives what it gives as a whole."""

import numpy as np
import pytest
import torch

import audio
from audio import UNIT_HOP
from hubert_pitdyn import windows
from hubert_pitdyn.attention_windows import WINDOW, count_windows, windows_of
from hubert_pitdyn.heads import Head, TrunkHead
from hubert_pitdyn.model import Hubert
from hubert_pitdyn.tracker_models import TrackedLoudness
from hubert_pitdyn.units import ContentEncoder, PitDynEncoder

SIZES = {"dim": 16, "conv_dim": 8, "heads": 2, "ff": 16, "layers": 2, "pos_kernel": 16, "pos_groups": 4}
UNITS = 1700  # three windows


def hubert(seed=0, **more):
    torch.manual_seed(seed)
    return Hubert(**{**SIZES, **more}).eval()


def label(classes, seed, **more):
    return hubert(seed, classes=classes, unit_kind="label", **more)


def head(trunk, classes):
    torch.manual_seed(9)
    return TrunkHead(trunk, Head(classes, 2, 16, trunk.conv_dim, channels=8, depth=1)).eval()


def recording(units=UNITS):
    """Noise whose loudness changes, so that no window has the statistics of the whole."""
    rng = np.random.default_rng(0)
    swell = 0.02 + 0.3 * np.linspace(0, 1, UNIT_HOP * units) ** 4
    return (swell * rng.standard_normal(UNIT_HOP * units)).astype(np.float32)


def in_pieces(encoder, wav):
    def read(first, stop):
        return wav[UNIT_HOP * first : UNIT_HOP * stop]

    found = list(windows.analyse(encoder, read, len(wav) // UNIT_HOP))
    assert [first for first, _ in found] == [gives for _, _, gives, _ in windows_of(len(wav) // UNIT_HOP)]
    return [torch.cat([analysis[part] for _, analysis in found], dim=1) for part in range(3)]


def decibels(found, wanted):
    return 20 * np.log10(float((found - wanted).norm() / wanted.norm()) + 1e-12)


@pytest.mark.parametrize("norm", ["recording", "fixed"])
def test_windows_give_what_the_whole_gives(norm):
    content = hubert(front_end="log_mel", classes=9)
    encoder = PitDynEncoder(content, label(20, 1, norm=norm), label(12, 2, norm=norm))
    wav = recording()
    whole = encoder.analyse(torch.from_numpy(wav).reshape(1, 1, -1))
    for found, wanted in zip(in_pieces(encoder, wav), whole, strict=True):
        assert found.shape == wanted.shape and decibels(found, wanted) < -80


def test_what_is_measured_of_the_whole_matters():
    """Without it, each window would be normalised by itself, and differ."""
    encoder = ContentEncoder(hubert(classes=9))
    wav = recording()
    whole = encoder.analyse(torch.from_numpy(wav).reshape(1, 1, -1)).content
    assert decibels(in_pieces(encoder, wav)[0], whole) < -80
    alone = encoder.analyse(torch.from_numpy(wav[: WINDOW * UNIT_HOP]).reshape(1, 1, -1)).content
    assert decibels(alone[:, :725], whole[:, :725]) > -40


def test_a_head_on_a_shared_trunk_differs_by_the_seam_alone():
    pit = label(20, 1)
    encoder = PitDynEncoder(hubert(front_end="log_mel", classes=9), pit, head(pit, 12))
    assert encoder.networks == {encoder.content, pit}
    wav = recording()
    whole = encoder.analyse(torch.from_numpy(wav).reshape(1, 1, -1))
    for found, wanted in zip(in_pieces(encoder, wav), whole, strict=True):
        assert decibels(found, wanted) < -60


def test_measured_loudness_is_relative_to_the_whole_recording():
    tracked = TrackedLoudness(torch.nn.Embedding(64, 256), {"bins": 64})
    encoder = PitDynEncoder(hubert(front_end="log_mel", classes=9), label(20, 1), tracked)
    wav = recording()
    whole = encoder.analyse(torch.from_numpy(wav).reshape(1, 1, -1)).dyn
    assert decibels(in_pieces(encoder, wav)[2], whole) < -60


@pytest.mark.parametrize("units", [1, 725, 726, 1425, 1426, 5000])
def test_stretches_of_windows_follow_one_another(units):
    found = list(windows_of(units))
    assert len(found) == count_windows(units)
    assert [gives for _, _, gives, _ in found] == [0, *(end for *_, end in found[:-1])]
    assert found[-1][3] == found[-1][1] == units


def test_the_input_of_the_encoder_is_the_same_part_by_part():
    wav = (0.05 * np.random.default_rng(1).standard_normal(320 * 600)).astype(np.float32)
    wav[320 * 300 + 100 : 320 * 300 + 180] += 0.9  # a click, which is turned down
    read = windows.EncoderInput(wav)
    assert read.blow.any()
    parts = [read(first, min(first + 7, 600)) for first in range(0, 600, 7)]
    assert np.allclose(np.concatenate(parts), audio.encoder_input(wav), atol=1e-6)
