"""Pictures: all lies where the axes say, with units and a legend; lines differ in dashes and width."""

import warnings

import numpy as np
import pytest

import audio
from hubert_pitdyn import plots
from hubert_pitdyn.labels import PitLabels


def tone(hz, seconds=1.0):
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * 16000)) / 16000)).astype(np.float32)


def axes_of(figure, label):
    return [axis for axis in figure.axes if label in axis.get_ylabel()]


def legend_of(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_every_pitch_of_the_labels_lies_within_the_axis():
    wav = np.zeros(16000, np.float32)
    f0 = np.geomspace(PitLabels.f_min, PitLabels.f_max, len(wav) // audio.UNIT_HOP)
    figure = plots.labels_over_spectrogram("", wav, f0, np.zeros(len(f0)))
    (axis,) = axes_of(figure, "F0, Hz")
    low, high = axis.get_ylim()
    assert low <= f0.min() and f0.max() <= high and axis.get_yscale() == "log"


@pytest.mark.parametrize("hz", [100, 300, 1500, 5000, 7900])
def test_a_tone_lies_at_its_height_and_level(hz):
    db = plots.spectrum(tone(hz))
    column = db[:, db.shape[1] // 2]
    found = plots.hertz((column.argmax() + 0.5) / len(column) * plots.TOP)
    assert found == pytest.approx(hz, rel=0.03, abs=15)
    assert -13 < column.max() < -5.5  # an amplitude of one half is -6 dB; a row is a mean over its breadth
    assert np.allclose(plots.hertz(plots.mel(np.array([0, 200, 1000, 8000]))), [0, 200, 1000, 8000])


def test_a_spectrum_of_an_hour_has_no_more_columns_than_that_of_a_minute():
    assert plots.spectrum(np.zeros(16000, np.float32)).shape == (plots.ROWS, 200)
    wide = plots.spectrum(np.tile(tone(440, 10.0), 18))
    assert plots.COLUMNS * 0.9 < wide.shape[1] <= plots.COLUMNS
    assert plots.spectrum(tone(200, 0.01)).shape[1] >= 1


def test_a_conversion_has_the_whole_band_units_a_colour_bar_and_a_legend():
    f0 = np.full(50, 200.0), np.full(50, 210.0)
    marked = np.arange(50) > 40
    figure = plots.conversion({"a.wav": tone(200), "b <c>.wav": tone(210)}, f0, marked)
    spectra = axes_of(figure, "frequency, Hz")
    assert len(spectra) == 2
    for axis, curve in zip(spectra, f0, strict=True):
        assert plots.hertz(axis.get_ylim()[1]) == pytest.approx(8000)
        assert [text.get_text() for text in axis.get_yticklabels()][-1] == "8000"
        assert plots.hertz(axis.lines[-1].get_ydata()) == pytest.approx(curve)
    assert len(axes_of(figure, "F0, Hz")) == len(axes_of(figure, "loudness, dBFS")) == 1
    assert [axis.get_ylabel() for axis in figure.axes].count("dBFS") == 1  # the colour bar
    assert legend_of(figure) == ["a.wav", "b <c>.wav", "octave errors"]
    assert figure.axes[3].get_xlabel() == "time, s"


def test_lines_differ_in_dashes_and_width_not_in_colour_alone():
    figure = plots.melodies("", {str(n): np.full(9, 100.0 + n) for n in range(6)})
    dashes = [line._dash_pattern for line in figure.axes[0].lines]
    assert len(set(map(str, dashes))) == 6
    first, second = figure.axes[0].lines[:2]
    assert first.get_linestyle() != "-" and second.get_linestyle() == "-"
    assert second.get_linewidth() > first.get_linewidth()


def test_mels_stand_side_by_side_on_an_axis_in_hertz():
    made = np.full((100, audio.N_MELS), -9.0, np.float32)
    made[:, 60] = 0.0
    figure = plots.mels("", target=made - 1, generated=made)
    left, right, bar = figure.axes
    assert [axis.get_title(loc="left") for axis in (left, right)] == ["target", "generated"]
    figure.canvas.draw()
    assert left.get_position().x1 < right.get_position().x0
    assert left.get_position().y0 == pytest.approx(right.get_position().y0)
    assert bar.get_ylabel() == "mel magnitude, dB" and left.get_ylabel() == "frequency, Hz"
    bottom, top = right.images[0].get_extent()[2:]
    centre = plots.hertz(bottom + (60.5 / audio.N_MELS) * (top - bottom))
    filters = audio.mel_filters().numpy()
    assert centre == pytest.approx(filters[60].argmax() * audio.SAMPLE_RATE / audio.N_FFT, rel=0.03)


def test_melody_and_loudness_of_two_share_one_legend():
    curves = np.full(50, 150.0), np.full(50, -20.0)
    figure = plots.melody_and_loudness("", target=curves, generated=curves)
    assert legend_of(figure) == ["target", "generated"]
    assert [len(axis.lines) for axis in figure.axes] == [2, 2]


def test_silence_and_unvoiced_sounds_are_drawn(tmp_path):
    silence = np.zeros(3200, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plots.conversion({"a": silence, "b": silence})
        plots.save(figure, tmp_path / "a.png")
        plots.save(plots.label_curves("", np.zeros(9), np.zeros(9), "Hz"), tmp_path / "b.png")
    image = figure.axes[0].images[0]
    assert (image.get_array() <= image.get_clim()[0]).all()  # white


def test_names_in_any_script_are_drawn_without_a_warning(tmp_path):
    figure = plots.label_curves("こんにちは 你好 안녕", np.ones(3), np.ones(3), "dB")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.save(figure, tmp_path / "歌.png")
    assert (tmp_path / "歌.png").stat().st_size > 5000
