"""The prosody controls on a voice that was trained in earnest, on speech its models have never analysed."""

import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from conftest import ROOT

import audio
import bands
from conversion import prosody_csv
from conversion.converter import VoiceConverter
from conversion.files import BatchFile, convert_file
from hubert_pitdyn import pitch
from hubert_pitdyn.units import encode_batch

VOICE = "scottpoid"  # a bank sung on one note
SOURCES = ("slt_clear.wav", "kal_low.wav")
TRANSPOSED_TO = {"slt_clear.wav": 0.0, "kal_low.wav": 12.0}  # semitones, into the voice's range

pytestmark = pytest.mark.skipif(
    not (ROOT / "out" / VOICE / "acoustic" / "model-best.pt").is_file(), reason=f"no voice out/{VOICE}"
)


@pytest.fixture(scope="module")
def converter():
    return VoiceConverter.load(VOICE, "demo", out=ROOT / "out")


@pytest.fixture(scope="module", params=SOURCES)
def line(request, converter):
    """(a source's analysis, semitones into the voice's range, F0 [N] of its plain conversion, that)."""
    quiet = 0.25 * audio.load(ROOT / "test" / request.param)  # room for gain
    analysed, place = converter.analyse(quiet), TRANSPOSED_TO[request.param]
    plain = made_of(converter, converter.edit(analysed, transpose=place))
    return analysed, place, f0_of(plain), plain


def made_of(converter, edited, trim: bool = False) -> np.ndarray:
    """A conversion at the rate of its source."""
    wav, band = converter.synthesise(edited, trim), converter.vocoder.band
    low = bands.lowered(np.pad(wav, (0, -len(wav) % band.unit)), band)
    return low[: round(len(wav) * audio.SAMPLE_RATE / band.rate)]


def f0_of(wav: np.ndarray) -> np.ndarray:
    return pitch.track(audio.prepare(wav).wav)


def median_cents(f0: np.ndarray) -> float:
    return float(1200 * np.log2(np.median(f0[f0 > 0])))


def spread(f0: np.ndarray) -> float:
    """Standard deviation in semitones without the outermost 2 %, where a tracker errs."""
    octaves = np.log2(f0[f0 > 0])
    return float(12 * np.std(np.clip(octaves, *np.percentile(octaves, (2, 98)))))


def moved(line, converter, **controls) -> np.ndarray:
    analysed, place, *_ = line
    return made_of(converter, converter.edit(analysed, **{"transpose": place, **controls}))


def test_pitch_follows_the_source(line, converter):
    analysed, place, made, _ = line
    wanted = pitch.track(analysed.prepared.wav) * 2 ** (place / 12)
    both = (wanted > 0) & (made[: len(wanted)] > 0)
    ratio = np.abs(np.log2(made[: len(wanted)][both] / wanted[both]))
    assert both.sum() > 0.8 * (wanted > 0).sum()
    assert np.median(ratio) * 1200 < 30 and (ratio > np.log2(1.2)).mean() < 0.03


def test_a_high_song_is_heard_without_octave_errors(converter):
    song = audio.prepare(ROOT / "test" / "sung_melody.wav")
    raw, _ = encode_batch(converter.encoder, [song.wav])
    analysed = converter.analyse(ROOT / "test" / "sung_melody.wav")
    wanted = pitch.track(song.wav)
    voiced = wanted > 0
    at_model, at_corrected = (
        np.abs(np.log2(converter.labels[0].pitch(p[0].numpy())[voiced] / wanted[voiced])) > np.log2(1.2)
        for p in (raw.pit, analysed.analysis.pit)
    )
    assert at_corrected.mean() < 0.005 and not (at_corrected & ~at_model).any()


def test_a_click_changes_nothing_elsewhere(converter):
    quiet = audio.set_level(audio.load(ROOT / "test" / "slt_clear.wav"), -40.0)
    for place in (0, len(quiet) // 2):
        clicked = quiet.copy()
        clicked[place : place + 160] += 0.95 * np.sin(np.arange(160) * 0.2)
        plain, other = (converter.analyse(wav) for wav in (quiet, clicked))
        one, two = (converter.curve(analysed) for analysed in (plain, other))
        assert other.prepared.start == plain.prepared.start and len(one) == len(two)
        both = one.voiced & two.voiced
        assert (one.voiced != two.voiced).mean() < 0.03
        assert (np.abs(np.log2(two.f0[both] / one.f0[both])) > np.log2(1.2)).mean() < 0.01
        out = made_of(converter, converter.edit(other))
        assert audio.level(out) == pytest.approx(-40, abs=1)


def test_a_recording_at_minus_60_decibels_is_analysed_as_at_minus_26(converter):
    wav = audio.load(ROOT / "test" / "kal_low.wav")
    one, two = (converter.curve(converter.analyse(audio.set_level(wav, level))) for level in (-26.0, -60.0))
    assert np.array_equal(one.voiced, two.voiced)
    assert np.abs(1200 * np.log2(two.f0 / one.f0))[one.voiced].max() < 1
    assert np.abs(two.db - one.db).max() < 0.1


def test_above_the_trained_range_a_song_keeps_its_level_and_its_pitch(converter):
    analysed = converter.analyse(ROOT / "test" / "sung_melody.wav")
    edited = converter.edit(analysed, transpose=7)
    made = made_of(converter, edited, trim=True)
    curve, db = edited.curve, audio.loudness(audio.on_grid(made))
    high = curve.voiced & (curve.f0 > converter.card["f0_hz"][1]) & (curve.db > -10)
    difference = (db - audio.level(made) - curve.db)[high]
    assert high.sum() > 50 and np.percentile(difference, 5) > -6
    found = pitch.track(audio.on_grid(made))[high]
    assert (found > 0).mean() > 0.95
    assert np.median(np.abs(1200 * np.log2(found[found > 0] / curve.f0[high][found > 0]))) < 30
    assert (np.abs(np.log2(found[found > 0] / curve.f0[high][found > 0])) > np.log2(1.2)).mean() < 0.05


def test_pauses_of_a_conversion_are_as_soft_as_the_sources(converter):
    analysed = converter.analyse(ROOT / "test" / "loud_quiet.wav")
    made = made_of(converter, converter.edit(analysed), trim=True)
    source, found = (audio.loudness(wav) for wav in (analysed.prepared.wav, audio.on_grid(made)))
    source, found = source - audio.active_level(source), found - audio.active_level(found)
    pauses = source < -45
    assert pauses.sum() >= 5
    assert np.median(found[pauses]) < max(-60.0, np.median(source[pauses])) + 6


def test_five_semitones_up_are_five_hundred_cents(line, converter):
    up = f0_of(moved(line, converter, transpose=line[1] + 5))
    assert median_cents(up) - median_cents(line[2]) == pytest.approx(500, abs=30)


def test_pitch_scale_zero_is_monotone(line, converter):
    flat = f0_of(moved(line, converter, pitch_scale=0.0))
    before, after = (spread(f0) for f0 in (line[2], flat))
    assert after < 0.5 and before > 2 * after


def test_six_decibels_of_gain_are_six_decibels_and_never_clip(line, converter):
    louder = moved(line, converter, dyn_gain=6.0)
    levels = [audio.active_level(audio.loudness(audio.prepare(wav).wav)) for wav in (line[3], louder)]
    assert levels[1] - levels[0] == pytest.approx(6, abs=1)
    loudest = converter.edit(line[0], transpose=line[1], dyn_gain=40.0)
    assert np.abs(converter.synthesise(loudest)).max() <= 1.0


def test_a_line_says_how_much_gain_fits_and_what_channels_were_taken(converter, tmp_path):
    wav = audio.load(ROOT / "test" / "slt_clear.wav")
    soundfile.write(tmp_path / "声.wav", np.stack([wav, -0.9 * wav], axis=1), 16000)
    file = BatchFile(tmp_path / "声.wav", tmp_path / "out.wav", None, None)
    channels, gain = convert_file(converter, file, {"dyn_gain": 20.0}, trim=False, plot=False)
    assert channels.startswith("its 2 channels cancel one another") and "channel 1" in channels
    fits = float(re.fullmatch(r"gain: (\S+) of 20.0 dB fit below full scale", gain).group(1))
    made = audio.load(tmp_path / "out.wav")
    assert audio.level(made) - audio.level(wav) == pytest.approx(fits, abs=0.2)
    assert np.abs(soundfile.read(tmp_path / "out.wav")[0]).max() <= audio.PEAK_LIMIT + 1e-3
    quiet = converter.edit(converter.analyse(0.1 * wav), dyn_gain=6.0)
    assert converter.shortfall(quiet, converter.synthesise(quiet)) == ()


def test_rows_that_were_not_edited_keep_their_loudness(line, converter, tmp_path):
    analysed, place, _, plain = line
    edited = converter.edit(analysed, transpose=place)
    half, table = len(edited.curve) // 2, tmp_path / "curve.csv"
    db = edited.curve.db - 12 * (np.arange(len(edited.curve)) < half)
    prosody_csv.write(table, replace(edited.curve, db=db), edited.source.start)
    edited = made_of(converter, converter.edit(analysed, transpose=place, prosody_in=table))
    start = analysed.prepared.start
    before, after = (audio.loudness(wav[start : start + analysed.prepared.kept]) for wav in (plain, edited))
    changes = [audio.active_level(after[x]) - audio.active_level(before[x]) for x in np.s_[:half, half:]]
    assert changes[0] < -6 and changes[1] == pytest.approx(0, abs=1.5)
