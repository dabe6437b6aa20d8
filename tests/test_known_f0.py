"""Sounds with known F0: the F0 that is given is the one that is there."""

import numpy as np
import pytest

import audio
from hubert_pitdyn import pitch
from preprocessing import formant_singer as singer
from preprocessing import given_f0, known_f0
from preprocessing.data_folder import DataFolder
from tools import pitch_material


def tracked(wav):
    """F0 by YIN, in Hz."""
    f0, _, _ = pitch.analyse(audio.on_grid(wav.astype(np.float32)), "yin", 50, 1100)
    return f0


@pytest.mark.parametrize("hertz", [70.0, 220.0, 880.0])
def test_the_singer_holds_the_note_that_is_asked_for(hertz):
    rng = np.random.default_rng(1)
    wav = singer.voiced(singer.tune([(hertz, 1.0)]), singer.tract("a", 1.2, rng), rng)
    assert np.abs(1200 * np.log2(np.median(tracked(wav)[5:-5]) / hertz)) < 15


def test_tunes_glide_between_notes_and_rest_between_phrases():
    f0 = singer.tune([(200.0, 0.5), (300.0, 0.5), (0.0, 0.2), (300.0, 0.2)])
    assert f0[4000] == pytest.approx(200) and f0[12000] == pytest.approx(300) and not f0[17000:19000].any()
    assert np.abs(np.diff(f0[:16000])).max() < 0.5


def test_a_rough_voice_has_weaker_every_second_period():
    """Its spectrum has lines at half the F0; the harmonics themselves keep their places."""

    def lines(rough):
        rng = np.random.default_rng(1)
        wav = singer.voiced(singer.tune([(200.0, 1.5)]), singer.tract("a", 1.2, rng), rng, rough=rough)
        spectrum = np.abs(np.fft.rfft(wav[4000:20000] * np.hanning(16000)))  # a bin is 1 Hz
        return spectrum[300], spectrum[400]

    smooth, rough = lines(0.0), lines(0.2)
    assert smooth[0] < 0.02 * smooth[1] and 0.1 * rough[1] < rough[0] < rough[1]


def recording():
    rng = np.random.default_rng(2)
    f0 = singer.vibrato(singer.tune([(150.0, 0.7), (200.0, 0.7)]), 5, 30)
    wav = singer.voiced(f0, singer.tract("o", 1.0, rng), rng, breath=0.03)
    wav = audio.on_grid(wav)
    return known_f0.Recording(wav, f0[160::320][: len(wav) // 320])


def test_a_shifted_recording_has_the_f0_that_is_given():
    wav, f0 = known_f0.shifted(recording(), np.random.default_rng(0))
    units = f0[2::4][: len(wav) // 320]
    found = tracked(wav)[: len(units)]
    voiced = np.nan_to_num(units) > 0
    off = np.abs(1200 * np.log2(found[voiced] / units[voiced]))
    assert voiced.mean() > 0.8 and np.median(off) < 25


def test_whispers_and_breaths_have_no_period():
    rng = np.random.default_rng(5)
    for wav, f0 in (known_f0.whispered(recording(), rng), known_f0.breathed(rng)):
        assert not f0.any() and np.abs(wav).max() > 0.01
        # A narrow resonance rings a little, so that a tracker finds some pitch; of the recording it is 80 %.
        assert (pitch.track(audio.on_grid(wav.astype(np.float32))) > 0).mean() < 0.2


def test_material_is_made_of_training_recordings_once(tmp_path, monkeypatch):
    wavs = tmp_path / "wavs"
    wavs.mkdir()
    folder = DataFolder(tmp_path / "data" / "v")
    made = recording()
    for key in ("train", "test"):
        audio.save(wavs / f"{key}.wav", made.wav)
        folder.save_prepared(key, made.wav)
        for kind, array in (("f0", made.f0), ("pits", made.f0)):
            folder.save(kind, key, array)
    folder.connect(wavs)
    folder.write_json("split.json", {"train": ["train"], "val": ["test"], "test": ["test"]})
    counts = {"shifted": 2, "whispers": 1, "singer": 1, "breaths": 1}
    names = pitch_material.names(folder, counts)
    assert len(names) == 5 and not any("test" in name for name in names)
    for name in names:
        pitch_material.make(folder.root, tmp_path / "out", name)
        wav = pitch_material.path_of(tmp_path / "out", name)
        before = wav.read_bytes()
        pitch_material.make(folder.root, tmp_path / "out", name)
        assert wav.read_bytes() == before and given_f0.read(wav, 3200) is not None


def test_no_song_is_both_pressed_and_rough(monkeypatch):
    drawn = []
    monkeypatch.setattr(known_f0.singer, "voiced", lambda f0, *given: drawn.append(given[-1]) or f0)
    for share in (1.0, 0.0):
        monkeypatch.setattr(known_f0, "PRESSED_SHARE", share)
        for seed in range(30):
            known_f0.sung(np.random.default_rng(seed))
    assert not any(drawn[:30]) and 2 < sum(rough > 0 for rough in drawn[30:]) < 20
