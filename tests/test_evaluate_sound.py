"""Figures of sound: how much of a band is noise, how soft pauses are, what lies above 8 kHz."""

import math
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile

import audio
from evaluation import report, sound

needs_world = pytest.mark.skipif(find_spec("pyworld") is None, reason="no pyworld")
RNG = np.random.default_rng(0)


def buzz(seconds: float, top: float) -> np.ndarray:
    """Harmonics of 150 Hz up to `top`, softer the higher, and noise above: [S] at 16 kHz."""
    time = np.arange(int(16000 * seconds)) / 16000
    harmonics = sum(150 / f * np.sin(2 * np.pi * f * time + f) for f in np.arange(150, top, 150))
    noise = RNG.standard_normal(len(time))
    spectrum = np.fft.rfft(noise)
    spectrum[np.fft.rfftfreq(len(time), 1 / 16000) < top] = 0
    return (0.1 * harmonics + 0.02 * np.fft.irfft(spectrum, len(time))).astype(np.float32)


@needs_world
def test_what_is_harmonic_is_far_below_what_is_noise():
    low = sound.aperiodicity(buzz(1.5, 3000))
    whole = sound.aperiodicity(buzz(1.5, 7900))
    assert low["ap_2"] < -20 and low["ap_8"] > -2 and low["ap_6"] > -5
    assert whole["ap_8"] < low["ap_8"] - 10 and whole["ap_6"] < low["ap_6"] - 10


@needs_world
def test_where_nothing_is_voiced_nothing_is_known():
    assert all(map(math.isnan, sound.aperiodicity(np.zeros(16000, np.float32)).values()))


def test_without_world_a_line_says_what_to_install(monkeypatch):
    def absent(wav):
        raise ImportError("no pyworld")

    lines = []
    monkeypatch.setattr(sound, "aperiodicity", absent)
    assert all(map(math.isnan, sound.periodic(np.zeros(9), lines.append).values()))
    assert "pip install pyworld-prebuilt" in lines[0]


def test_pauses_are_those_of_the_source_each_re_its_own_level():
    voice = buzz(1.0, 3000)
    source = np.concatenate([voice, 1e-3 * voice, voice])  # a pause 60 dB below
    converted = 0.5 * np.concatenate([voice, 1e-2 * voice, voice])
    found = sound.pause_floors(source, converted)
    assert found["source_pause"] == pytest.approx(-60, abs=1.5)
    assert found["pause"] == pytest.approx(-40, abs=1.5)
    assert math.isnan(sound.pause_floors(voice, voice)["pause"])


def hiss(rate: int, seconds: float, low: float, high: float) -> np.ndarray:
    noise = RNG.standard_normal(int(rate * seconds))
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(len(noise), 1 / rate)
    spectrum[(hertz < low) | (hertz >= high)] = 0
    return (0.1 * np.fft.irfft(spectrum, len(noise))).astype(np.float32)


def test_levels_above_8_khz_are_of_vowels_and_of_consonants():
    """A vowel with a hundredth of its density from 2 to 10 kHz, then an s with all of it from 6 to 20."""
    vowel = hiss(44100, 1, 200, 2200) + 0.1 * hiss(44100, 1, 2200, 10000)
    found = sound.highs(np.concatenate([vowel, hiss(44100, 1, 6000, 20000)]), 44100)
    more = sound.highs(np.concatenate([vowel, 2 * hiss(44100, 1, 6000, 20000)]), 44100)
    assert found["8_10_unvoiced"] - found["8_10_voiced"] == pytest.approx(20, abs=1)
    assert found["14_20_unvoiced"] - found["8_10_unvoiced"] == pytest.approx(10 * math.log10(3), abs=1)
    assert more["8_10_unvoiced"] - more["8_10_voiced"] == pytest.approx(26, abs=1)
    narrow = sound.highs(vowel + 0.1 * hiss(44100, 1, 9900, 10500), 44100)
    assert math.isnan(narrow["10_14_voiced"]) and math.isfinite(narrow["8_10_voiced"])


def test_conversions_stand_beside_the_targets_recordings(tmp_path):
    source = buzz(1.0, 3000)
    paths = [tmp_path / f"{name}.wav" for name in ("声", "b")]
    for path, gain in zip(paths, (1.0, 0.5), strict=True):
        vowel = hiss(44100, 1, 200, 2200) + 0.1 * hiss(44100, 1, 2200, 20000)
        soundfile.write(path, gain * vowel, 44100)
    own = sound.of_target(paths, 44100, lambda line: None)
    converted = audio.load(paths[0])
    made = sound.of_conversion(source, converted, paths[0], 44100, lambda line: None)
    rows = sound.compared([made], own)
    assert set(rows) == set(sound.TITLES)
    assert abs(rows["8_10_voiced"]["difference"]) < 1  # a gain changes no level re the whole
    table = report.sound_table(rows)
    assert "level of 8-10 kHz, voiced, re active level" in table and report.DASH in table  # without pauses
    low = sound.compared([sound.of_conversion(source, converted, paths[0], 16000, lambda line: None)], own)
    assert not any(key.startswith("8_10") for key in low)
