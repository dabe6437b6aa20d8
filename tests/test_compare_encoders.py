"""Pitch encoders compared: what is made has the F0 that is said, and what a model gives for it is counted."""

import numpy as np
import pytest

from experiments import compare_encoders as compare
from preprocessing import known_f0


def test_examples_are_high_pressed_and_without_a_voice():
    found = {name: f0[~np.isnan(f0)] for name, _, f0 in compare.examples()}
    assert list(found) == ["high notes", "belted notes", "pressed notes", "breaths"]
    voiced = {name: f0[f0 > 0] for name, f0 in found.items()}
    assert voiced["high notes"].min() == pytest.approx(784) and voiced["high notes"].max() == pytest.approx(
        988
    )
    assert not len(voiced["breaths"])
    wavs = {name: wav for name, wav, _ in compare.examples()}
    for name in ("belted notes", "pressed notes"):
        assert np.median(voiced[name]) == pytest.approx(270)
        spectrum = np.abs(np.fft.rfft(wavs[name][6000:14000] * np.hanning(8000)))  # 2 Hz a bin, at 270 Hz
        assert spectrum[265:275].max() > 2 * spectrum[130:140].max()  # the second harmonic against the first


def test_pictures_are_drawn_for_each_example(tmp_path):
    from pathlib import Path

    compare.draw(tmp_path / "new", {Path("a/model.pt"): lambda wav: np.full(len(wav) // 320, 200.0)})
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "belted-notes.png",
        "breaths.png",
        "high-notes.png",
        "pressed-notes.png",
    ]


def test_figures_count_octaves_the_worst_note_and_false_voices():
    def held(hertz):
        return np.zeros(320 * 50, np.float32), np.full(50, hertz)

    sounds, octave_up = [held(200.0), held(400.0)], lambda wav: np.full(50, 400.0)
    found = compare.figures(sounds, octave_up, unvoiced=False)
    assert found["GPE"] == found["RPA50"] == 50 and found["worst semitone"] == 100 and found["voicing"] == 100
    half = np.where(np.arange(50) < 25, 300.0, 0.0)
    assert compare.figures([held(0.0)], lambda wav: half, unvoiced=True) == {"falsely voiced": 50}


def test_borders_of_a_voice_are_not_counted():
    f0 = np.concatenate([np.zeros(200), np.full(400, 150.0), np.zeros(200)])
    wav, track = compare.on_units(np.zeros(int(800 * known_f0.STEP * 16000)), f0)
    assert len(wav) == 320 * len(track) and np.isnan(track).sum() == 4 * compare.EDGE
