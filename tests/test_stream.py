"""A stream gives what the conversion of the whole gives, in time and with memory for a window."""

import numpy as np
import pytest
from small_acoustic import PARALLEL, SMALL
from small_voice import harmonic, voice

import audio
from common.cli import UserError


def steady(seconds):
    """A buzz that swells every 0.7 s: its level is everywhere the same, and its ends are no silence."""
    time = np.arange(int(16000 * seconds)) / 16000
    buzz = sum(np.sin(2 * np.pi * 170 * h * time) / h for h in range(1, 8))
    return (0.1 * (0.7 + 0.3 * np.sin(2 * np.pi * time / 0.7)) * buzz).astype(np.float32)


def blocks(wav, size):
    return (wav[first : first + size] for first in range(0, len(wav), size))


def decibels(found, wanted):
    assert found.shape == wanted.shape
    return 20 * np.log10(np.linalg.norm(found - wanted) / np.linalg.norm(wanted) + 1e-12)


@pytest.fixture(scope="module")
def converter():
    return voice()


@pytest.mark.parametrize(("seconds", "wide"), [(3.01, False), (28.5, False), (64.0, False), (33.01, True)])
def test_a_stream_gives_the_whole(converter, seconds, wide):
    wav = steady(seconds)
    if wide:
        wav = 0.1 * wav
        band = {"rate": 44100, "high_bands": 8}
        converter = voice(harmonic(**band), {**PARALLEL, **band})
    level = audio.level(audio.on_grid(wav))
    whole = converter.convert(wav, transpose=7)
    found = np.concatenate(list(converter.stream(blocks(wav, 12345), level, transpose=7)))
    assert decibels(found, whole) < -40


def test_a_level_that_is_not_given_is_estimated(converter):
    wav = steady(40)
    found = np.concatenate(list(converter.stream(blocks(wav, 16000), dyn_gain=-6)))
    assert len(found) == len(wav)
    assert audio.level(found) == pytest.approx(audio.level(wav) - 6, abs=0.3)


def test_blocks_come_no_later_than_the_latency_says(converter):
    """Whatever has come that long ago has been given."""
    came = []

    def arriving():
        for block in blocks(steady(90), 1600):
            came.append(len(block))
            yield block

    stream, given, late = converter.stream(arriving(), -20.0), 0, []
    for block in stream:
        late.append((sum(came) - given) / 16000)  # of the oldest sample of the block
        given += len(block)
    assert given == 90 * 16000 and len(late) >= 4
    assert max(late) <= stream.latency + 0.2  # a block of input, and the end of what came within it
    assert 15 < stream.latency < 17


def test_a_loud_stream_is_limited(converter):
    found = np.concatenate(list(converter.stream(blocks(steady(8), 5000), -20.0, dyn_gain=40)))
    assert 0.9 < np.abs(found).max() <= 0.9901


def test_what_the_whole_decides_is_refused(converter):
    with pytest.raises(UserError, match="auto_pitch, pitch_scale: the whole recording decides"):
        converter.stream([], auto_pitch=True, pitch_scale=0.5)


@pytest.mark.parametrize("block", [np.zeros((10, 2)), np.zeros(10, np.int16)])
def test_blocks_of_another_kind_are_refused(converter, block):
    with pytest.raises(UserError, match="expected blocks of floats"):
        list(converter.stream([block]))


def test_nothing_gives_nothing_and_other_parts_stream_too():
    other = voice(acoustic=SMALL)
    assert list(other.stream([])) == []
    assert sum(map(len, other.stream(blocks(steady(2), 999)))) == 32000
