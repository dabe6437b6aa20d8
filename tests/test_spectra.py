"""The picture of sounds up to 20 kHz."""

import numpy as np
import pytest
import soundfile
from conftest import ROOT, run_script

from common.cli import UserError
from evaluation import spectra


def tone(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_tone_lies_at_its_frequency_at_its_level_at_any_rate(rate):
    db = spectra.spectrum(tone(5000, rate), rate)
    middle = db[:, db.shape[1] // 2]
    assert middle.argmax() * rate / 2 / (len(db) - 1) == pytest.approx(5000, abs=15)
    assert middle.max() == pytest.approx(3, abs=1)  # a peak, above the effective value by 3 dB


def test_each_sound_is_drawn_to_its_own_end_on_one_scale():
    figure = spectra.picture({"low": (tone(440, 16000), 16000), "high": (tone(12000, 44100, 2.0), 44100)})
    first, second = (axis.images[0] for axis in figure.axes[:2])
    assert first.get_extent() == [0, 1, 0, 8000] and second.get_extent() == [0, 2, 0, 22050]
    assert first.get_clim() == second.get_clim()
    assert [axis.get_ylim() for axis in figure.axes[:2]] == [(0, 20000)] * 2


def test_the_command_draws_files_and_names_one_that_is_none(tmp_path):
    path = tmp_path / "音.wav"
    soundfile.write(path, np.stack([tone(440, 44100)] * 2, 1), 44100)
    assert [x.shape if hasattr(x, "shape") else x for x in spectra.read(path)] == [(44100,), 44100]
    run_script("evaluate.py", "spectra", path, path, "--plot", tmp_path / "p.png", cwd=ROOT)
    assert (tmp_path / "p.png").stat().st_size > 5000
    with pytest.raises(UserError, match="no such file"):
        spectra.read(tmp_path / "none.wav")
