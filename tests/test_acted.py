"""Acted speech made of a recording has the F0 that is said of it, by a tracker that knows nothing of that."""

import numpy as np
import pytest

import audio
from experiments import acted
from experiments.compare_encoders import on_units
from hubert_pitdyn import pitch
from preprocessing import known_f0

MADE = {"glided": acted.glided, "shouted": acted.shouted, "creaked": acted.creaked}


@pytest.fixture(scope="module")
def recording():
    wav = audio.prepare("test/slt_clear.wav").wav
    return known_f0.Recording(wav.astype(np.float64), pitch.track(wav, pitch.DEFAULT))


@pytest.mark.parametrize("name", MADE)
def test_a_tracker_finds_the_pitch_that_is_said(recording, name):
    wav, f0 = on_units(*MADE[name](recording, np.random.default_rng(3)))
    found, told = pitch.track(wav, pitch.DEFAULT), np.nan_to_num(f0)
    both = (found > 0) & (told > 0)
    assert both.sum() > 30
    error = np.abs(12 * np.log2(found[both] / told[both]))
    assert np.median(error) < 0.5 and np.isfinite(wav).all()


def test_glides_turn_and_shouts_are_higher_and_brighter(recording):
    rng, own = np.random.default_rng(3), recording.f0[recording.f0 > 0]
    _, glide = acted.glided(recording, rng)
    octaves = np.log2(glide[np.nan_to_num(glide) > 0] / np.median(own))
    assert octaves.min() < -0.5 and octaves.max() > 0.5
    wav, shout = acted.shouted(recording, rng)
    assert np.median(shout[np.nan_to_num(shout) > 0]) > 1.4 * np.median(own)

    def overtones(sound):
        power = np.abs(np.fft.rfft(sound)) ** 2
        hertz = np.fft.rfftfreq(len(sound), 1 / audio.SAMPLE_RATE)
        return power[(hertz > 1500) & (hertz < 4000)].sum() / power[hertz < 1000].sum()

    assert overtones(wav) > 3 * overtones(recording.wav)


def test_creak_ends_below_the_voice_and_begins_in_it(recording):
    _, f0 = acted.creaked(recording, np.random.default_rng(3))
    take = known_f0.analysed(recording)
    depth, told = acted.falling(take), np.nan_to_num(f0) > 0
    assert depth.min() == 0 and depth.max() == 1
    begins, ends = told & (depth == 0), told & (depth > 0.98)
    np.testing.assert_allclose(f0[begins], take.voice.f0[begins])
    assert ends.any() and f0[ends].max() < 90


def test_without_a_voice_there_is_nothing_to_act():
    noise = np.random.default_rng(0).standard_normal(16000) * 0.05
    silent = known_f0.Recording(noise, np.zeros(50))
    assert all(make(silent, np.random.default_rng(0)) is None for make in MADE.values())
