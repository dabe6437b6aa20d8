"""training/other_voices.py: another pitch and other formants at the same moments, drawn by the seed alone."""

import numpy as np

import audio
from preprocessing import moved_copies
from training.other_voices import FORMANT_OCTAVES, PITCH_OCTAVES, other_voices

HZ, RATE = 150.0, audio.SAMPLE_RATE


def vowel(seconds=0.6):
    """Pulses through a formant, between two silences."""
    times = np.arange(int(seconds * RATE)) / RATE
    tone = sum(
        np.exp(-0.5 * ((h * HZ - 700) / 300) ** 2) * np.cos(2 * np.pi * h * HZ * times) for h in range(1, 40)
    )
    return np.pad(0.2 * tone / np.abs(tone).max(), RATE // 4).astype(np.float32)


def test_a_seed_gives_one_voice_and_another_seed_another():
    wav = vowel()
    one, again = (list(other_voices(wav, [(3, 0), (3, 1)])) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.allclose(one[0], one[1], atol=0.02)
    assert all(made.dtype == np.float32 and made.shape == wav.shape for made in one)
    assert np.array_equal(next(other_voices(wav, [(3, 1)])), one[1])  # whatever was drawn before


def test_pitch_and_formants_move_and_moments_stay():
    wav = vowel()
    own = np.sqrt(np.square(wav).reshape(-1, audio.UNIT_HOP).mean(axis=1))
    places, peaks = [], []
    for made in [wav, *other_voices(wav, [(0, copy) for copy in range(8)])]:
        loud = np.sqrt(np.square(made).reshape(-1, audio.UNIT_HOP).mean(axis=1))
        assert np.corrcoef(loud, own)[0, 1] > 0.95
        voice = moved_copies.analyse(made.astype(np.float64))
        middle = slice(len(voice.f0) * 2 // 5, len(voice.f0) * 3 // 5)
        places.append(np.log2(np.median(voice.f0[middle]) / HZ))
        peaks.append(int(voice.envelope[middle].mean(axis=0).argmax()))
    low, high = PITCH_OCTAVES
    assert low - 0.05 <= min(places) < -0.2 and 0.2 < max(places) <= high + 0.05
    moved = np.log2(np.array(peaks[1:]) / peaks[0])
    assert moved.min() < 0.5 * FORMANT_OCTAVES[0] and moved.max() > 0.4 * FORMANT_OCTAVES[1]


def test_what_has_no_voice_stays_without_one():
    noise = 0.05 * np.random.default_rng(0).standard_normal(RATE // 2).astype(np.float32)
    for wav in (noise, np.zeros(RATE // 2, np.float32)):
        (made,) = other_voices(wav, [(0, 0)])
        assert made.shape == wav.shape and np.isfinite(made).all()
