"""F0 that lies beside a recording as a table is its label; what is unknown there has none."""

import numpy as np
import pytest

import audio
from common.cli import UserError
from preprocessing import given_f0


@pytest.fixture
def wav(tmp_path):
    """0.5 s of silence, then a second of a tone; trimming takes the silence off."""
    path = tmp_path / "歌.wav"
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(16000) / 16000)
    audio.save(path, np.concatenate([np.zeros(8000), tone]))
    return path


def test_a_table_is_read_at_the_units_of_the_trimmed_recording(wav):
    seconds = np.arange(0, 1.6, 0.01)
    f0 = np.where(seconds < 0.5, 0.0, 200.0 * 2 ** (seconds - 0.5))  # an octave a second
    f0[(seconds > 0.795) & (seconds < 0.895)] = np.nan
    given_f0.write(wav, seconds, f0)
    prepared = audio.prepare(wav)
    found, unknown = given_f0.read(wav, len(prepared.wav))
    centres = (prepared.start + 320 * np.arange(len(found)) + 160) / 16000
    voiced = (centres > 0.51) & (centres < 1.49)
    known = voiced & ~unknown
    assert np.abs(1200 * np.log2(found[known] / (200 * 2 ** (centres[known] - 0.5)))).max() < 7
    assert np.array_equal(unknown, (centres > 0.795) & (centres < 0.895))


def test_without_a_table_there_is_nothing(wav):
    assert given_f0.read(wav, 16000) is None


@pytest.mark.parametrize(
    "text",
    ["", "time,f0\n0,100\n", *(f"time_s,f0_hz\n{rows}\n" for rows in ("0,abc", "0,1\n0,2", "0,-5", "1"))],
)
def test_a_damaged_table_is_named(wav, text):
    given_f0.path_of(wav).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"歌\.f0\.csv: expected"):
        given_f0.read(wav, 16000)
