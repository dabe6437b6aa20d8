"""Levels of a conversion frame by frame: pauses, high notes, and what lies between harmonics."""

import numpy as np
import pytest

import audio
from conversion import levelling

RNG = np.random.default_rng(0)


def voice(hertz: float, units: int = 50) -> np.ndarray:
    times = np.arange(320 * units) / 16000
    return 0.1 * sum(np.sin(2 * np.pi * h * hertz * times) / h for h in range(1, 9))


def spoken(pause_db: float, units: int = 200) -> np.ndarray:
    """A voice with a pause of a second and one of 0.16 s, filled with noise at so many dB re full scale."""
    wav = voice(200, units)
    wav[320 * 50 : 320 * 100] = wav[320 * 150 : 320 * 158] = 0
    return (wav + 10 ** (pause_db / 20) * RNG.standard_normal(len(wav))).astype(np.float32)


@pytest.mark.parametrize("source_db", [-70.0, -78.0])
def test_pauses_are_as_soft_as_the_sources_and_speech_stays(source_db):
    source, made = spoken(source_db), spoken(-55.0)
    gated = levelling.with_pauses(made, levelling.relative(source))
    wanted, found, before = (levelling.relative(wav) for wav in (source, gated, made))
    for pause, within in ((slice(53, 97), 1), (slice(153, 155), 3)):
        assert np.median(found[pause] - wanted[pause]) == pytest.approx(0, abs=within)
        assert np.median(before[pause] - wanted[pause]) > 10
    speech = np.r_[0 : 320 * 49, 320 * 101 : 320 * 149, 320 * 159 : len(made)]
    assert np.array_equal(gated[speech], made[speech])


def test_soft_speech_is_no_pause():
    source = spoken(-90.0)
    breath = slice(320 * 70, 320 * 80)
    source[breath] = 10 ** (-48 / 20) * RNG.standard_normal(3200)  # 33 dB below the voice
    made = spoken(-50.0)
    gated = levelling.with_pauses(made, levelling.relative(source))
    inner = slice(320 * 72, 320 * 78)
    assert np.array_equal(gated[inner], made[inner])


def test_marked_frames_are_as_loud_as_wanted():
    made, marked = voice(200, 100).astype(np.float32), np.zeros(100, dtype=bool)
    marked[40:60] = True
    made[320 * 40 : 320 * 60] *= 0.1
    put = levelling.with_loudness(made, np.zeros(100), marked)
    db = audio.loudness(put)
    assert np.abs(np.median(db[44:56]) - np.median(db[:36])) < 1
    assert np.array_equal(put[: 320 * 39], made[: 320 * 39])


def test_between_the_harmonics_of_a_pitch_nothing_is_left():
    hertz = 700.0
    half, quarter = voice(hertz / 2, 100), voice(hertz / 4, 100)
    for wav, octave in ((half, -1.0), (quarter, -2.0)):
        octaves = np.where(np.arange(100) < 50, 0.0, octave)
        made = levelling.without_subharmonics(wav, np.full(100, hertz), octaves)
        assert np.allclose(made[: 320 * 48], wav[: 320 * 48], atol=1e-6)
        spectra = [np.abs(np.fft.rfft(x[320 * 60 : 320 * 85] * np.hanning(8000))) for x in (wav, made)]
        at = {name: int(round(f * 8000 / 16000)) for name, f in (("half", hertz / 2), ("own", hertz))}
        assert spectra[1][at["half"]] < 0.03 * spectra[0][at["half"]]
        assert spectra[1][at["own"]] == pytest.approx(spectra[0][at["own"]], rel=0.03)
