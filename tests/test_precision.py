"""Products of a conversion in bfloat16, where a processor computes in it."""

import argparse

import numpy as np
import pytest
import torch
from small_voice import HUBERT, hubert, recording, voice

from acoustic.blend import Blend
from common import precision
from conversion import arguments
from conversion.converter import VoiceConverter
from hubert_pitdyn.heads import Head, TrunkHead
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.units import PitDynEncoder


@pytest.fixture
def able(monkeypatch):
    """A processor that computes in bfloat16: torch does on all, on others slowly."""

    def choose(name, device):
        return torch.bfloat16 if name == "auto" and device.type == "cpu" else None

    monkeypatch.setattr(precision, "choose_amp", choose)


def with_amp(name):
    plain = voice()
    stages = plain.encoder, plain.acoustic, plain.vocoder
    return VoiceConverter(*stages, plain.card, labels=plain.labels, amp=name)


def difference_db(one, other):
    return 10 * np.log10(np.square(one - other).sum() / np.square(one).sum())


@pytest.mark.parametrize("seconds", [3.0, 33.0])  # the second in windows
def test_analysis_in_bfloat16_is_near_that_in_single_precision(able, seconds):
    wav = recording(seconds)
    full, low = (with_amp(name).analyse(wav).analysis for name in ("off", "auto"))
    assert all(part.dtype == torch.float32 for part in low)
    assert -90 < difference_db(full.content.numpy(), low.content.numpy()) < -35
    assert difference_db(full.dyn.numpy(), low.dyn.numpy()) < -35
    np.testing.assert_array_equal(full.pit, low.pit)  # of no network


def test_a_conversion_in_bfloat16_is_whole_repeatable_and_has_single_precision(able):
    wav = recording(33.0)
    converter = with_amp("auto")
    made = converter.convert(wav)
    assert made.dtype == np.float32 and len(made) == len(wav) and np.isfinite(made).all()
    np.testing.assert_array_equal(made, converter.convert(wav))
    blocks = np.concatenate(list(converter.stream(np.array_split(wav, 40), level_db=-26.0)))
    assert blocks.dtype == np.float32 and len(blocks) == len(wav)


def test_content_and_heads_of_one_trunk_have_single_precision_too(able):
    trunk, sizes = hubert(0), {"layers": 1, "dim": HUBERT["dim"], "conv_dim": HUBERT["conv_dim"]}
    heads = [Head(labels.classes, **sizes, channels=8).eval() for labels in (PitLabels(), DynLabels())]
    encoder = PitDynEncoder(trunk, *(TrunkHead(trunk, head) for head in heads))
    wav = torch.from_numpy(recording(3.0)).reshape(1, 1, -1)
    full = encoder.analyse(wav)
    precision.lower("auto", torch.device("cpu"), encoder)
    low = encoder.analyse(wav)
    for one, other in zip(full, low, strict=True):
        assert other.dtype == torch.float32
        assert -90 < difference_db(one.numpy(), other.numpy()) < -30


def test_vocoder_keeps_spectra_and_phases_in_single_precision(able):
    full, low = with_amp("off"), with_amp("auto")
    mel = torch.randn(1, 128, 300, generator=torch.Generator().manual_seed(1)) - 4
    f0, voiced = torch.full((1, 300), 170.0), torch.ones(1, 300, dtype=torch.bool)
    with torch.inference_mode():
        one, other = (v.vocoder(mel, f0, voiced).numpy() for v in (full, low))
    assert other.dtype == np.float32 and -90 < difference_db(one, other) < -35


def test_without_such_a_processor_nothing_changes(monkeypatch):
    monkeypatch.setattr(precision, "choose_amp", lambda name, device: None)
    wav = recording(3.0)
    np.testing.assert_array_equal(with_amp("auto").convert(wav), with_amp("off").convert(wav))


def test_a_gpu_keeps_single_precision(able):
    stage = torch.nn.Linear(2, 2)
    precision.lower("auto", torch.device("cuda"), stage)
    assert stage.products is None


def test_all_voices_of_a_mixture_are_lowered_and_autocast_of_a_caller_stays(able):
    one, other = with_amp("off"), with_amp("off")
    blend = Blend([one.acoustic, other.acoustic], lambda times: np.full((1, len(times)), 0.5))
    VoiceConverter(one.encoder, blend, one.vocoder, one.card, labels=one.labels, amp="auto")
    assert other.acoustic.products == torch.bfloat16
    x = torch.zeros(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16), precision.products(torch.nn.Linear(2, 2), x):
        assert (x @ x).dtype == torch.bfloat16


def test_the_scripts_have_the_option():
    parser = argparse.ArgumentParser()
    arguments.add_voice_arguments(parser)
    assert parser.parse_args([]).amp == "auto"
    assert parser.parse_args(["--amp", "off"]).amp == "off"
    with pytest.raises(SystemExit):
        parser.parse_args(["--amp", "fp16"])
