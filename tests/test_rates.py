"""Voices and vocoders of 16 kHz and of more: which rate conversions have, their length, place and level."""

import numpy as np
import pytest
import soundfile
import torch
from small_acoustic import PARALLEL, build
from small_voice import harmonic, recording, voice

import audio
from acoustic.blend import Blend
from bands import LOW, Band, lowered
from checkpoints import file_format, models
from common.cli import UserError
from conversion import levelling, rates
from conversion.converter import VoiceConverter
from conversion.files import BatchFile, convert_file
from vocoder.hifigan import HifiGan
from vocoder.mel_level import at_level

WIDE = {"rate": 44100, "high_bands": 8}
OTHER = {**WIDE, "high_bands": 6}
ACOUSTIC = {"low": PARALLEL, "wide": {**PARALLEL, **WIDE}, "other": {**PARALLEL, **OTHER}}


def hifigan():
    torch.manual_seed(0)
    return HifiGan(128, channels=32, resblock_kernels=(3,)).eval().remove_weight_norm()


VOCODERS = {"low": harmonic, "wide": lambda: harmonic(**WIDE), "hifigan": hifigan}


@pytest.mark.parametrize(
    ("acoustic", "vocoder", "rate", "words"),
    [
        ("low", "low", 16000, ""),
        ("wide", "wide", 44100, ""),
        ("wide", "low", 16000, "above 8 kHz is left out"),
        ("wide", "hifigan", 16000, "above 8 kHz is left out"),
        ("low", "wide", 16000, "python -m tools.add_highs"),
        ("low", "hifigan", 16000, ""),
        ("other", "wide", 16000, "other mels above 8 kHz"),
    ],
)
def test_every_pairing_converts_and_says_what_of_it_is_not_used(acoustic, vocoder, rate, words):
    converter, wav = voice(VOCODERS[vocoder](), ACOUSTIC[acoustic]), recording(1.5)
    assert converter.rate == rate and len(converter.notes) == bool(words)
    assert words in "".join(converter.notes)
    made = converter.convert(wav)
    assert abs(len(made) - len(wav) * rate / 16000) <= 1 and np.abs(made).max() > 0.01


def test_16_khz_of_a_wide_voice_is_what_its_lower_rows_give():
    """Asked for, it is the wave of the model of 16 kHz to the last bit, and nothing has to be said."""
    wide, narrow = voice(harmonic(**WIDE), ACOUSTIC["wide"]), harmonic()
    lower = {k: v for k, v in wide.vocoder.state_dict().items() if not k.startswith("high.")}
    narrow.load_state_dict(lower)
    plain = VoiceConverter(wide.encoder, wide.acoustic, narrow, wide.card, labels=wide.labels)
    stages = wide.encoder, wide.acoustic, wide.vocoder
    asked = VoiceConverter(*stages, wide.card, labels=wide.labels, rate=16000)
    wav = recording(2.0)
    assert asked.rate == 16000 and asked.notes == () and plain.notes
    assert np.array_equal(asked.convert(wav), plain.convert(wav))


def test_a_rate_that_nobody_has_is_refused_with_those_there_are():
    with pytest.raises(UserError, match="--rate 48000: expected 16000 or 44100"):
        rates.fitted(Band(**WIDE), harmonic(**WIDE), 48000)
    assert rates.fitted(Band(**WIDE), harmonic(**WIDE), 44100)[1] == ()


@pytest.mark.parametrize("trim", [False, True])
def test_a_wide_conversion_is_as_long_as_its_source_and_lies_where_it_lies(trim):
    wav = np.concatenate([np.zeros(8000, np.float32), recording(2.0), np.zeros(5001, np.float32)])
    wide, low = voice(harmonic(**WIDE), ACOUSTIC["wide"]), voice(harmonic(**WIDE), ACOUSTIC["low"])
    edited = wide.edit(wide.analyse(wav))
    made, narrow = wide.synthesise(edited, trim), low.synthesise(low.edit(low.analyse(wav)), trim)
    of = edited.source.kept if trim else len(wav)
    assert len(narrow) == of and abs(len(made) - of * 44100 / 16000) <= 1
    if not trim:
        first, last = (np.flatnonzero(made)[place] for place in (0, -1))
        start, kept = edited.source.start, edited.source.kept
        assert abs(first - start * 44100 / 16000) <= 1.5
        assert last <= (start + kept) * 44100 / 16000 + 1


@pytest.mark.parametrize("gain", [0.0, -12.0])
def test_the_level_of_a_wide_conversion_is_that_of_its_lower_half(gain):
    converter, wav = voice(harmonic(**WIDE), ACOUSTIC["wide"]), 0.1 * recording(3.0)
    with torch.no_grad():
        converter.vocoder.high.filters.bias.add_(1.0)  # what lies above 8 kHz is loud
    edited = converter.edit(converter.analyse(wav), dyn_gain=gain)
    made = converter.synthesise(edited)
    low = audio.to_mono_16k(made, 44100)
    assert audio.level(low) == pytest.approx(audio.level(wav) + gain, abs=0.3)
    assert converter.shortfall(edited, made) == ()


def test_the_file_and_its_picture_have_the_rate(tmp_path):
    converter, band = voice(harmonic(**WIDE), ACOUSTIC["wide"]), Band(**WIDE)
    soundfile.write(tmp_path / "歌.wav", recording(1.0), 16000)
    file = BatchFile(tmp_path / "歌.wav", tmp_path / "out" / "歌_声.wav", None, None)
    seen = []
    convert_file(converter, file, {}, trim=False, plot=True, report=seen.append)
    info = soundfile.info(file.target)
    assert info.samplerate == 44100 and info.frames == 44100 and file.target.with_suffix(".png").is_file()
    assert seen[0].rate == band.rate and len(seen[0].made) == 44100 and len(seen[0].source) == 16000


def test_a_mixture_has_the_rows_that_all_its_voices_have():
    wide, low = build(0, **ACOUSTIC["wide"]), build(1, **ACOUSTIC["low"])
    half = lambda times: np.full((1, len(times)), 0.5)  # noqa: E731
    units = torch.randn(1, 20, 24, generator=torch.Generator().manual_seed(0))
    same, mixed = Blend([wide, wide], half), Blend([wide, low], half)
    assert same.band == wide.band and same.generate(units).shape == (1, 40, 136)
    assert mixed.band == LOW
    expected = (wide.generate(units)[..., :128] + low.generate(units)) / 2
    assert torch.allclose(mixed.generate(units), expected, atol=1e-6)


def test_measures_of_a_wide_wave_are_those_at_16_khz():
    band, times = Band(**WIDE), np.arange(882 * 100) / 44100
    tone = 0.2 * np.sin(2 * np.pi * 300 * times)
    hiss = tone + 0.2 * np.sin(2 * np.pi * 12000 * times)
    low = lowered(hiss.astype(np.float32), band)
    wanted = 0.2 * np.sin(2 * np.pi * 300 * np.arange(32000) / 16000)
    assert len(low) == 32000 and np.abs(low - wanted)[500:-500].max() < 1e-3
    wanted_db = np.full(100, -70.0)  # a pause
    quiet = levelling.with_pauses(hiss.astype(np.float32), wanted_db, -20.0, band)
    assert audio.level(lowered(quiet, band)) == pytest.approx(-90, abs=2)


@pytest.mark.parametrize("of", ["low", "wide"])
def test_a_vocoder_of_either_kind_begins_from_one_of_the_other(stored, of):
    """Its lower half is the file's; a wide one keeps fresh weights above, and says so."""
    given, other = VOCODERS[of](), VOCODERS["wide" if of == "low" else "low"]()
    band = WIDE if of == "wide" else {}
    sizes = {"dim": 16, "blocks": 1, "pitch_dim": 8, "pitch_blocks": 1, "high_dim": 8, "high_blocks": 1}
    with torch.no_grad():
        for weight in given.parameters():
            weight.add_(0.01)
    about = {"format": file_format.FORMAT, "version": file_format.VERSION, "kind": "harmonic"}
    config = {"model": {**sizes, **band}, "toml": {}}
    path = stored({**about, "model": given.state_dict(), "config": config, "labels": None, "card": {}})
    before = {k: v.clone() for k, v in other.state_dict().items() if k.startswith("high.")}
    assert models.fill_vocoder(other, path) == ("what lies above 8 kHz" if of == "low" else "")
    filled = other.state_dict()
    lower = {k: v for k, v in given.state_dict().items() if not k.startswith("high.")}
    assert all(torch.equal(filled[k], v) for k, v in {**lower, **before}.items())
    assert models.load_vocoder(path).band == given.band


@pytest.mark.parametrize("live", [False, True])
def test_a_vocoder_of_another_level_is_given_the_voice_s_mels_at_its_own(live):
    given, wav = {}, recording(1.5)
    for level in (None, -26.0, -19.0):
        converter, mels = voice(), []
        converter.vocoder.register_forward_pre_hook(lambda _, given, mels=mels: mels.append(given[0]))
        converter.acoustic.level_db, converter.vocoder.level_db = -26.0, level
        if live:
            list(converter.stream(np.array_split(wav, 9), level_db=audio.level(wav)))
        else:
            converter.convert(wav)
        given[level] = torch.cat(mels, dim=2)
    assert torch.equal(given[None], given[-26.0])
    assert torch.allclose(given[-19.0] - given[None], torch.tensor(7 * np.log(10) / 20).float(), atol=1e-5)


def test_mels_at_a_lower_level_keep_the_floor():
    vocoder, silence = harmonic(), torch.full((1, 128, 3), float(np.log(audio.LOG_FLOOR)))
    vocoder.level_db = -26.0
    assert torch.equal(at_level(silence, -19.0, vocoder), silence)
    loud = at_level(silence + 5, -19.0, vocoder)
    assert torch.allclose(loud, silence + 5 - 7 * np.log(10) / 20, atol=1e-5)
    assert at_level(silence, None, vocoder) is silence
