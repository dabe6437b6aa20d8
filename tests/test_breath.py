"""Noise in a voice: as much more as asked, at its level, where it is voiced, by its card and by --breath."""

import numpy as np
import pytest
import soundfile
import torch
from conftest import ROOT

import audio
from bands import VOICE_HZ
from checkpoints import cards, store
from common.cli import UserError
from conversion.converter import VoiceConverter
from evaluation import sound
from tools import voice_breath
from vocoder import HarmonicGenerator
from vocoder.breath import NOTHING, breathed, gains
from vocoder.pieces import synthesise


def test_decibels_lie_on_lines_between_the_bands():
    assert gains(NOTHING, 0, 40) is None
    found = gains((6.0, 6.0, 6.0, 12.0), 0, 800) * 20 / np.log(10)
    assert found[:21].abs().max() < 1e-5  # up to 500 Hz
    middles = [round((low + high) / 2 / 25) for low, high in VOICE_HZ]
    np.testing.assert_allclose(found[middles], [6, 6, 6, 12], atol=0.1)
    assert (found[middles[-1] + 1 :] - 12).abs().max() < 1e-3
    torch.testing.assert_close(gains((1, 2, 3, 4), 296, 50), gains((1, 2, 3, 4), 0, 346)[296:])


def test_noise_rises_and_the_level_stays_in_voiced_frames_alone():
    rng = np.random.default_rng(0)
    shape = (1, 30, 400)
    noise = torch.from_numpy(0.1 * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)))
    pulses = torch.zeros(shape, dtype=noise.dtype)
    pulses[..., ::8] = 1.0
    voiced = torch.arange(30)[None] < 20
    made = breathed(pulses, noise, voiced, gains((6.0, 6.0, 6.0, 6.0), 0, 400))
    torch.testing.assert_close(made[:, 20:], (pulses + noise)[:, 20:])
    between = made[:, :20, 60::8] / noise[:, :20, 60::8]  # bins without pulses
    torch.testing.assert_close(
        between.abs(), torch.full_like(between.abs(), 10 ** (6 / 20)), rtol=1e-3, atol=0
    )
    power = [(x.abs() ** 2)[:, :20, 64:].mean() for x in (made, pulses + noise)]
    assert float(power[0] / power[1]) == pytest.approx(1, abs=0.15)  # where without lowering them: 1.5


def test_where_noise_would_need_more_than_there_is_harmonics_do_not_vanish():
    loud, faint = torch.ones(1, 3, 400, dtype=torch.cfloat), torch.full((1, 3, 400), 0.1 + 0j)
    made = breathed(faint, loud, torch.ones(1, 3, dtype=torch.bool), gains((20.0,) * 4, 0, 400))
    assert torch.isfinite(made.abs()).all()
    np.testing.assert_allclose((made - 10 * loud)[..., 200].real, 0.1 * 0.1**0.5, rtol=1e-3)


@pytest.mark.parametrize("band", [{}, {"rate": 44100, "high_bands": 8}])
def test_a_vocoder_breathes_where_it_is_told_of_a_voice(band):
    torch.manual_seed(0)
    model = HarmonicGenerator(dim=16, blocks=1, pitch_dim=16, pitch_blocks=1, **band).eval()
    mel, f0, voiced = (
        torch.randn(1, model.band.n_mels, 60),
        torch.full((1, 60), 200.0),
        torch.arange(60)[None] < 30,
    )
    with torch.no_grad():
        plain, same = model(mel, f0, voiced), model(mel, f0, voiced, breath=NOTHING)
        more = model(mel, f0, voiced, breath=(6.0,) * 4)
        whole = torch.cat(list(synthesise(model, [(mel, f0, voiced)], breath=(6.0,) * 4)), dim=-1)
    torch.testing.assert_close(plain, same, rtol=0, atol=0)
    torch.testing.assert_close(whole, more, rtol=0, atol=1e-5)
    hop = model.band.hop
    assert (more - plain)[..., : 25 * hop].abs().max() > 1e-3
    assert (more - plain)[..., 34 * hop :].abs().max() < 1e-6


@pytest.mark.parametrize("wrong", [3.0, [1.0, 2.0], [1.0, 2.0, 3.0, "4"], [1.0, 2.0, 3.0, float("nan")]])
def test_a_card_with_another_breath_is_refused(wrong):
    with pytest.raises(UserError, match=r"v\.pt: card\.breath_db: expected"):
        cards.breath("v.pt", {cards.BREATH: wrong})
    assert cards.breath("v.pt", {}) == NOTHING
    assert cards.breath("v.pt", {cards.BREATH: [1, 2.5, 0, -1]}) == (1.0, 2.5, 0.0, -1.0)


@pytest.fixture(scope="module")
def converter():
    return VoiceConverter.load("kumi", "demo", out=ROOT / "out")


@pytest.fixture(scope="module")
def line(converter):
    return converter.analyse(ROOT / "test" / "slt_clear.wav")


def noise_of(converter, line, **controls) -> tuple[float, float]:
    """Aperiodicity of 2-4 kHz in dB, and level, of a conversion."""
    made = audio.to_mono_16k(converter.synthesise(converter.edit(line, **controls)), converter.rate)
    return sound.aperiodicity(made)["ap_4"], audio.level(made)


def test_a_conversion_has_the_breath_of_its_card_and_of_its_option(converter, line):
    own = converter.card
    converter.card = {**own, cards.BREATH: [0.0] * 4}
    try:
        plain, level = noise_of(converter, line)
        more, louder = noise_of(converter, line, breath=6.0)
        less, _ = noise_of(converter, line, breath=-6.0)
        converter.card = {**own, cards.BREATH: [6.0] * 4}
        carded, _ = noise_of(converter, line)
    finally:
        converter.card = own
    assert more > plain + 1.5 and less < plain - 0.5
    assert carded == pytest.approx(more, abs=0.01) and louder == pytest.approx(level, abs=0.3)


def test_a_voice_is_given_the_breath_of_its_recordings(converter, line, tmp_path, capsys):
    own = converter.card
    try:
        converter.card = {**own, cards.BREATH: [0.0] * 4}
        breathy = converter.synthesise(converter.edit(line, breath=8.0))
        soundfile.write(tmp_path / "breathy.wav", breathy, converter.rate)
        found = voice_breath.measured(converter, [tmp_path / "breathy.wav"])
    finally:
        converter.card = own
    said = [text for text in capsys.readouterr().out.splitlines() if text.startswith("with ")]
    missing = [abs(float(text.rpartition("have ")[2].split(" / ")[1])) for text in said]  # 2-4 kHz
    assert len(missing) == voice_breath.ROUNDS and missing[-1] < 0.5 * missing[0]
    assert found[1] > 2 and np.abs(found).max() <= voice_breath.LIMIT_DB


def test_recordings_without_a_voice_are_said_to_be(converter, monkeypatch):
    monkeypatch.setattr(sound, "periodic", lambda *_: dict.fromkeys(sound.BANDS, float("nan")))
    with pytest.raises(UserError, match="nothing voiced was found in 1 recordings"):
        voice_breath.measured(converter, [ROOT / "test" / "slt_clear.wav"])


def test_the_shipped_voices_have_a_breath():
    for name in ("kathleen", "scottpoid", "dorodoro", "kumi"):
        checkpoint = store.load(ROOT / "out" / name / "acoustic" / "model-best.pt", state=False)
        assert any(cards.breath(name, checkpoint["card"])), name
