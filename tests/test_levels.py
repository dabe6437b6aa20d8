"""The active level of speech, which neither pauses nor blows move."""

import numpy as np
import pytest

import audio
from common import levels

RATE = audio.SAMPLE_RATE


def phrases(seconds: float = 3.0, level_db: float = -40.0, seed: int = 0) -> np.ndarray:
    """Syllables of a harmonic sound, of different loudness, with pauses between them, at a level."""
    rng, times = np.random.default_rng(seed), np.arange(int(seconds * RATE)) / RATE
    loud = rng.uniform(0.2, 1, int(5 * seconds) + 2)
    syllables = np.interp(times, 0.2 * np.arange(len(loud)), loud)
    wav = sum(np.sin(2 * np.pi * 170 * h * times) / h for h in range(1, 12)) * syllables
    wav = wav * (np.sin(2 * np.pi * 0.7 * times) > -0.6) + 1e-4 * rng.standard_normal(len(times))
    return audio.set_level(wav.astype(np.float32), level_db)


def click() -> np.ndarray:
    return 0.95 * np.sin(np.arange(160) * 0.2)


def pop() -> np.ndarray:
    return 0.95 * np.hanning(480)


def thump() -> np.ndarray:
    times = np.arange(RATE // 4) / RATE
    return 0.9 * np.sin(2 * np.pi * 50 * times) * np.exp(-12 * times)


def slam() -> np.ndarray:
    noise = np.random.default_rng(5).standard_normal(RATE // 2)
    return 0.95 * noise / np.abs(noise).max() * 10 ** (-3 * np.arange(RATE // 2) / (0.4 * RATE))


BLOWS = {"click": click, "pop": pop, "thump": thump, "slam": slam}


def with_blow(wav: np.ndarray, name: str, place: float) -> np.ndarray:
    blow, at, wav = BLOWS[name](), int(place * len(wav)), wav.copy()
    wav[at : at + len(blow)] += blow[: len(wav) - at]
    return wav


@pytest.mark.parametrize("place", [0.03, 0.5, 0.8])
@pytest.mark.parametrize("name", BLOWS)
def test_a_blow_moves_the_level_by_less_than_a_decibel(name, place):
    for level_db in (-55, -40):
        found = audio.level(with_blow(phrases(4.0, level_db), name, place))
        assert found == pytest.approx(level_db, abs=1.0)


def test_a_click_in_loud_speech_moves_the_level_by_less_than_a_decibel():
    assert audio.level(with_blow(phrases(level_db=-26), "click", 0.6)) == pytest.approx(-26, abs=1.0)


@pytest.mark.parametrize("name", BLOWS)
@pytest.mark.parametrize("places", [(0.45,), (0.2, 0.7), (0.2, 0.45, 0.7)])
def test_blows_little_above_the_voice_move_the_level_by_less_than_a_decibel(places, name):
    plain = phrases(5.0, -40, 1)
    for above_db in (13.5, 14.5, 20, 30):
        blow = np.zeros_like(plain)
        for place in places:
            blow = with_blow(blow, name, place)
        blow *= 10 ** ((-40 + above_db - audio.loudness(blow).max()) / 20)
        assert audio.level(plain + blow) == pytest.approx(-40, abs=1.0)


def test_a_click_in_a_held_note_moves_the_level_by_less_than_a_decibel():
    note = 0.02 * np.sin(2 * np.pi * 220 * np.arange(3 * RATE) / RATE)
    assert audio.level(with_blow(note, "click", 0.4)) == pytest.approx(audio.level(note), abs=1.0)


def test_a_note_that_swells_is_no_blow():
    times = np.arange(4 * RATE) / RATE
    swelling = 1 + 2.2 * np.exp(-(((times - 2) / 0.15) ** 2))
    assert not levels.blows(audio.loudness(0.05 * np.sin(2 * np.pi * 300 * times) * swelling)).any()


@pytest.mark.parametrize("noise_db", [-90, -60, -50])
def test_speech_in_less_than_two_per_cent_of_a_file_has_its_own_level(noise_db):
    noise = np.random.default_rng(1).standard_normal(60 * RATE)
    wav = 10 ** (noise_db / 20) * noise
    wav[30 * RATE : 31 * RATE] += phrases(1.0, -26)
    assert audio.level(wav) == pytest.approx(-26, abs=1.0)
    assert audio.level(with_blow(wav, "click", 0.2)) == pytest.approx(-26, abs=1.0)


@pytest.mark.parametrize("noise_db", [-96, -76, -61])
@pytest.mark.parametrize("seconds", [0.2, 0.3, 0.45])
def test_a_lone_word_is_no_blow(seconds, noise_db):
    samples = int(seconds * RATE)
    wav = 10 ** (noise_db / 20) * np.random.default_rng(2).standard_normal(5 * RATE)
    wav[2 * RATE : 2 * RATE + samples] += phrases(0.5, -26)[:samples] * np.hanning(samples) ** 0.3
    assert not levels.blows(audio.loudness(wav, floor_db=-150)).any()


def test_speech_without_blows_has_none_and_keeps_its_loud_and_soft():
    for seed in range(5):
        wav = phrases(3.0, -30, seed)
        assert not levels.blows(audio.loudness(wav)).any()
        shouted = np.concatenate([wav, 8 * wav])
        assert audio.level(shouted) - audio.level(8 * wav) == pytest.approx(-0.5, abs=3.0)


@pytest.mark.parametrize("samples", [1, 300, 700])
def test_the_shortest_sounds_have_a_level(samples):
    wav = 0.1 * np.sin(np.arange(samples) + 1)
    assert np.isfinite(audio.level(wav)) and len(audio.encoder_input(wav)) == samples
    assert audio.level(np.zeros(samples)) == audio.SILENCE_DB


def test_gain_moves_the_level_by_itself():
    wav = with_blow(phrases(level_db=-30), "click", 0.3)
    for gain in (-50, -30, 12):
        moved = audio.level((wav * 10 ** (gain / 20)).astype(np.float32))
        assert moved - audio.level(wav) == pytest.approx(gain, abs=0.05)


@pytest.mark.parametrize("name", BLOWS)
def test_an_encoder_is_given_a_blow_no_louder_than_speech_and_the_rest_as_without(name):
    plain = phrases(level_db=-45)
    given, expected = audio.encoder_input(with_blow(plain, name, 0.5)), audio.encoder_input(plain)
    at = len(plain) // 2
    outside = np.ones(len(plain), dtype=bool)
    outside[at - 2000 : at + len(BLOWS[name]()) + 2000] = False
    gain = audio.level(given * outside) - audio.level(expected * outside)
    assert gain == pytest.approx(0, abs=1)
    assert np.allclose(given[outside], expected[outside] * 10 ** (gain / 20), atol=2e-3)
    assert audio.loudness(given).max() < audio.ENCODER_LEVEL_DB + 12


def test_encoders_are_given_every_recording_at_one_level():
    wav = phrases(level_db=-20)
    given = [audio.encoder_input((wav * 10 ** (g / 20)).astype(np.float32)) for g in (0, -40, -55)]
    assert audio.level(given[0]) == pytest.approx(audio.ENCODER_LEVEL_DB, abs=0.01)
    assert np.allclose(given[0], given[1], atol=1e-5) and np.allclose(given[0], given[2], atol=1e-5)
    part = audio.encoder_input(wav[:16000], audio.level(wav))
    assert np.allclose(part, given[0][:16000], atol=1e-6)
    silent = np.zeros(3200, np.float32)
    assert audio.encoder_input(silent) is silent
