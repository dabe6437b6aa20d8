"""Pictures: what is drawn lies within the axes, and any name can stand above them."""

import warnings

import numpy as np

import audio
from hubert_pitdyn import plots
from hubert_pitdyn.labels import PitLabels


def test_every_pitch_of_the_labels_lies_within_the_axis():
    wav = np.zeros(16000, np.float32)
    f0 = np.geomspace(PitLabels.f_min, PitLabels.f_max, len(wav) // audio.UNIT_HOP)
    figure = plots.labels_over_spectrogram("", wav, f0, np.zeros(len(f0)))
    (axis,) = (axis for axis in figure.axes if axis.get_ylabel() == "F0, Hz")
    low, high = axis.get_ylim()
    assert low <= f0.min() and f0.max() <= high


def test_names_in_any_script_are_drawn_without_a_warning(tmp_path):
    figure = plots.label_curves("こんにちは 你好 안녕", np.ones(3), np.ones(3), "dB")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.save(figure, tmp_path / "歌.png")
    assert (tmp_path / "歌.png").stat().st_size > 5000
