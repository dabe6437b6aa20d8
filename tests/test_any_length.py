"""A conversion in pieces is the conversion of the whole, with memory for one piece."""

import numpy as np
import pytest
import torch
from small_acoustic import PARALLEL, SMALL
from small_voice import harmonic, recording, voice

from common import spool
from common.cli import UserError
from common.spool import Spool
from conversion import pieces
from vocoder.griffin_lim import GriffinLim
from vocoder.hifigan import HifiGan


def hifigan():
    torch.manual_seed(0)
    return HifiGan(128, channels=32, resblock_kernels=(3,)).eval().remove_weight_norm()


WIDE = {"rate": 44100, "high_bands": 8}
KINDS = {
    "harmonic": lambda: voice(),
    "wide": lambda: voice(harmonic(**WIDE), {**PARALLEL, **WIDE}),
    "autoregressive, HiFi-GAN": lambda: voice(hifigan(), SMALL),
    "Griffin-Lim": lambda: voice(GriffinLim(n_iter=3)),
}


def decibels(found, wanted):
    assert found.shape == wanted.shape
    return 20 * np.log10(np.linalg.norm(found - wanted) / np.linalg.norm(wanted) + 1e-12)


@pytest.mark.parametrize("trim", [False, True])
@pytest.mark.parametrize("gain", [-20.0, 30.0])
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_give_the_whole(monkeypatch, tmp_path, kind, gain, trim):
    """Pauses, high notes, levels and the limiter included; in memory and in temporary files."""
    converter, wav = KINDS[kind](), recording(14)
    wav = np.concatenate([np.zeros(9000, np.float32), wav, np.zeros(5000, np.float32)])
    edited = converter.edit(converter.analyse(wav), transpose=7, dyn_gain=gain)
    whole = converter.synthesise(edited, trim)
    assert converter.octaves_inside(edited.curve).any() == (kind in ("harmonic", "wide"))
    assert (np.abs(whole).max() > 0.98) == (gain > 0)
    monkeypatch.setattr(pieces, "PIECE", 100)
    assert decibels(converter.synthesise(edited, trim), whole) < -60
    monkeypatch.setattr(spool, "IN_MEMORY", 1000)
    filed = Spool(tmp_path)
    filed.append(wav)
    edited = converter.edit(converter.analyse(filed), transpose=7, dyn_gain=gain)
    found = converter.render(edited, trim)
    assert isinstance(found, Spool) and found.folder == tmp_path
    assert decibels(found[:], whole) < -60


def test_a_long_recording_is_as_in_one_window():
    """Analysis, prosody and synthesis of 60 s in three windows against those of the whole at once."""
    converter, wav = voice(), recording(60)
    whole = converter.encoder.analyse(torch.from_numpy(pieces.windows.EncoderInput(wav)(0, 3000))[None, None])
    found = converter.analyse(wav).analysis
    for one, other in zip(found, whole, strict=True):
        assert decibels(one.numpy(), other.numpy()) < -60


def test_units_of_a_long_recording_lie_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "IN_MEMORY", 1000)
    converter, wav = voice(), recording(31)
    filed = Spool(tmp_path)
    filed.append(wav)
    analysed = converter.analyse(filed)
    assert isinstance(analysed.analysis.content, Spool) and isinstance(analysed.prepared.wav, Spool)
    plain = converter.analyse(wav)
    assert np.array_equal(analysed.analysis.content[:], plain.analysis.content[0].numpy())
    assert decibels(converter.render(converter.edit(analysed))[:], converter.convert(wav)) < -100


def test_broken_weights_are_said_of_a_long_recording_too(monkeypatch):
    converter, wav = voice(), recording(8)
    monkeypatch.setattr(pieces, "PIECE", 100)
    edited = converter.edit(converter.analyse(wav))
    with torch.inference_mode():
        edited.analysis.content[:, 250:260] = float("nan")
    with pytest.raises(UserError, match="NaN or infinite"):
        converter.synthesise(edited)
