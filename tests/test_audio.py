"""The time grid, reading any recording, and loudness."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import audio
from common.cli import UserError

GOLDEN = np.load(Path(__file__).parent / "golden" / "golden.npz")


def tone(seconds: float, rate: int = audio.SAMPLE_RATE, hertz: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def test_log_mel_agrees_with_the_vocoders_own():
    mel = audio.log_mel(GOLDEN["wav"][0, 0])
    assert mel.shape == (128, 200)
    assert np.abs(mel.numpy() - GOLDEN["logmel"][0, 0]).max() < 1e-4
    assert np.abs(audio.log_mel(GOLDEN["wav"]).numpy() - GOLDEN["logmel"][0]).max() < 1e-4


def test_mel_frame_j_is_centred_on_160j_plus_80():
    for frame in (10, 51):
        wav = torch.zeros(160 * 100)
        wav[160 * frame + 80] = 1.0
        energy = audio.log_mel(wav).exp().sum(dim=0)
        around = energy[frame - 3 : frame + 4]
        assert int(energy.argmax()) == frame
        assert torch.allclose(around, around.flip(0), rtol=1e-2)  # symmetric, so not half a hop off


def test_loudness_frame_k_is_centred_on_320k_plus_160():
    wav = np.zeros(320 * 50, np.float32)
    wav[320 * 20 + 160 - 511 : 320 * 20 + 160 + 511] = 0.5
    db = audio.loudness(wav)
    assert db.shape == (50,)
    assert int(db.argmax()) == 20
    assert db[19] == pytest.approx(db[21], abs=0.1)
    early = audio.loudness(wav, centred=False)
    assert early[20] == pytest.approx(early[21], abs=0.1)  # around 320k the block is half a unit late


def test_loudness_of_a_known_sine():
    db = audio.loudness(tone(1.0))
    assert db == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=0.15)


def test_active_level_ignores_pauses_and_follows_gain():
    wav = np.concatenate([tone(1.0), np.zeros(32000, np.float32)])
    level = audio.active_level(audio.loudness(wav))
    assert level == pytest.approx(audio.active_level(audio.loudness(tone(1.0))), abs=0.5)
    louder = audio.active_level(audio.loudness(wav * 2))
    assert louder - level == pytest.approx(6.02, abs=0.05)
    assert audio.active_level(audio.loudness(audio.set_level(wav, -30.0))) == pytest.approx(-30.0, abs=0.05)


@pytest.mark.parametrize("rate,channels", [(8000, 1), (44100, 2), (48000, 1), (44099, 1)])
def test_load_resamples_and_mixes(tmp_path, rate, channels):
    path = tmp_path / "音 声.wav"
    soundfile.write(path, np.stack([tone(1.0, rate)] * channels, axis=1), rate)
    wav = audio.load(path)
    assert abs(len(wav) - 16000) <= 1
    assert np.corrcoef(wav[1000:15000], tone(1.0)[1000:15000])[0, 1] > 0.999


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_load_reads_compressed_files(tmp_path, suffix):
    soundfile.write(tmp_path / f"a.{suffix}", tone(1.0), 16000)
    assert abs(len(audio.load(tmp_path / f"a.{suffix}")) - 16000) < 2000


def test_load_reads_m4a_through_av(tmp_path):
    av = pytest.importorskip("av", reason="the optional package av is not installed")
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(1.0).reshape(1, -1), format="fltp", layout="mono")
        frame.rate = 16000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    assert len(audio.load(path)) > 15000


def test_unknown_formats_say_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    path = tmp_path / "声.m4a"
    path.write_bytes(b"\0" * 100)
    with pytest.raises(UserError, match=r"声\.m4a.*pip install av"):
        audio.load(path)


def test_broken_files_are_named(tmp_path):
    for name, content in (("text.wav", b"not audio"), ("empty.wav", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            audio.load(tmp_path / name)
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16000)
    with pytest.raises(UserError, match="none.wav.*no samples"):
        audio.load(tmp_path / "none.wav")
    with pytest.raises(UserError, match="gone.wav: no such file"):
        audio.load(tmp_path / "gone.wav")
    with pytest.raises(UserError, match="expected an audio file, found a folder"):
        audio.load(tmp_path)
    with pytest.raises(UserError, match="NaN"):
        audio.to_mono_16k(np.array([0.0, np.nan]), 16000)


def test_integer_pcm_is_scaled():
    assert audio.to_mono_16k(np.array([0, 32767, -32767], np.int16), 16000) == pytest.approx([0, 1, -1])
    assert audio.to_mono_16k(np.array([128, 255, 1], np.uint8), 16000) == pytest.approx([0, 1, -1])


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("offset", [0.25, -0.02])
def test_an_offset_is_taken_off_so_that_silence_is_trimmed_and_the_level_is_the_speechs(rate, offset):
    silence = np.zeros(rate // 2, np.float32)
    wav = np.concatenate([silence, tone(1.0, rate), silence])
    clean, corrected = (audio.prepare(audio.to_mono_16k(x, rate)) for x in (wav, wav + np.float32(offset)))
    assert abs(corrected.start - clean.start) <= 128 and abs(corrected.kept - clean.kept) <= 256
    levels = [audio.active_level(audio.loudness(p.wav)) for p in (clean, corrected)]
    assert levels[0] == pytest.approx(levels[1], abs=0.05)


def test_nothing_but_an_offset_is_silence():
    assert not audio.to_mono_16k(np.full(16000, 0.3, np.float32), 16000).any()


def test_a_recording_without_an_offset_stays_as_it_is():
    """Also one whose pulses point to one side, so that its mean is not 0."""
    pulses = np.concatenate([np.zeros(3200), np.maximum(tone(1.0), 0) ** 3]).astype(np.float32)
    assert pulses.mean() > 0.05 * pulses.max()
    for wav in (pulses, tone(1.0) + np.float32(0.001), tone(0.05) + np.float32(0.1)):
        assert np.array_equal(audio.to_mono_16k(wav, 16000), wav)


@pytest.mark.parametrize("hertz", [0.7, 4.0, 15.0])
def test_rumble_is_no_offset(hertz):
    rumble = 0.2 * np.sin(2 * np.pi * hertz * np.arange(64000) / 16000 + 1.0)
    wav = (np.pad(tone(2.0), 16000) + rumble).astype(np.float32)
    assert np.array_equal(audio.to_mono_16k(wav, 16000), wav)


@pytest.mark.parametrize("gain", [0, -30, -60])
def test_silence_is_trimmed_however_quiet_a_recording_is(gain):
    noise = 10 ** (-75 / 20) * np.random.default_rng(0).standard_normal(48000)
    wav = np.pad(tone(1.0), 16000) + noise
    prepared = audio.prepare((wav * 10 ** (gain / 20)).astype(np.float32))
    assert prepared.start == pytest.approx(16000, abs=300) and prepared.kept == pytest.approx(16000, abs=600)


def test_noise_before_and_behind_is_trimmed_by_the_recordings_own_floor():
    """Also where it is less than 50 dB down, as that of 16 bits is in a recording at -55 dB."""
    rng = np.random.default_rng(0)
    quiet = np.round(np.pad(tone(1.0), 16000) * 32767 / 120 + rng.uniform(-1, 1, 48000)) / 32767
    prepared = audio.prepare(quiet.astype(np.float32))
    assert prepared.start == pytest.approx(14400, abs=300)
    assert prepared.start + prepared.kept == pytest.approx(33600, abs=300)


def test_a_click_in_the_silence_before_is_trimmed_off():
    wav = np.pad(0.01 * tone(1.0), 16000)
    clean = audio.prepare(wav)
    wav = wav.copy()
    wav[6000:6160] += 0.95 * np.sin(np.arange(160) * 0.2).astype(np.float32)
    assert (audio.prepare(wav).start, audio.prepare(wav).kept) == (clean.start, clean.kept)


def mono(samples: np.ndarray) -> tuple[np.ndarray, list[str]]:
    lines: list[str] = []
    return audio.to_mono_16k(samples, 16000, "a.wav", lines.append), lines


@pytest.mark.parametrize("other", [-0.999, -0.95, -0.6])
def test_of_channels_that_cancel_one_another_the_loudest_is_taken(other):
    wav, lines = mono(np.stack([other * tone(1.0), tone(1.0)], axis=1))
    assert np.array_equal(wav, tone(1.0)) and len(lines) == 1 and "channel 2" in lines[0]


def test_a_voice_in_the_centre_of_six_channels_has_its_own_level():
    channels = 0.001 * np.random.default_rng(0).standard_normal((16000, 6))
    channels[:, 2] += tone(1.0)
    wav, lines = mono(channels)
    assert audio.level(wav) == pytest.approx(audio.level(tone(1.0)), abs=0.1) and "channel 3" in lines[0]


def test_channels_that_add_up_are_mixed_without_a_line():
    left, right = tone(1.0), tone(1.0, hertz=700.0)
    for channels in ([left, left], [left, right], [left, 0 * left]):
        wav, lines = mono(np.stack(channels, axis=1))
        assert np.allclose(wav, (channels[0] + channels[1]) / 2, atol=1e-6) and not lines


def test_rows_of_channels_are_understood_and_what_is_neither_refused():
    wav, _ = mono(np.stack([tone(1.0), 0.5 * tone(1.0)]))
    assert np.allclose(wav, 0.75 * tone(1.0), atol=1e-6)
    for shape in ((300, 200), (2, 3, 400)):
        with pytest.raises(UserError, match=r"a.wav: expected samples \[S\].*found shape"):
            mono(np.zeros(shape))


def test_what_is_not_finite_is_never_written(tmp_path):
    with pytest.raises(UserError, match=r"o.wav: not written.*NaN"):
        audio.save(tmp_path / "o.wav", np.array([0.0, np.nan, 0.1]))
    assert not (tmp_path / "o.wav").exists()


def test_prepare_trims_pads_and_restores():
    silence = np.zeros(8000, np.float32)
    wav = np.concatenate([silence, tone(1.003), silence])
    prepared = audio.prepare(wav)
    assert len(prepared.wav) % 320 == 0 and prepared.units == len(prepared.wav) // 320
    assert 7000 < prepared.start < 8001
    restored = prepared.restore(prepared.wav)
    assert len(restored) == len(wav)
    inside = slice(prepared.start, prepared.start + prepared.kept)
    assert np.array_equal(restored[inside], wav[inside])


@pytest.mark.parametrize("samples", [1, 100, 399, 641])
def test_prepare_of_very_short_clips(samples):
    prepared = audio.prepare(tone(1.0)[:samples])
    assert len(prepared.wav) >= 640 and len(prepared.restore(prepared.wav)) == samples
    assert audio.log_mel(prepared.wav).shape == (128, len(prepared.wav) // 160)


def test_silence_survives_everything():
    prepared = audio.prepare(np.zeros(16000, np.float32))
    assert audio.active_level(audio.loudness(prepared.wav)) == -80.0
    assert not audio.set_level(prepared.wav, -20.0).any()


def test_save_is_16_bit_at_16k_and_limit_peak_never_clips(tmp_path):
    loud = tone(0.5) * 10
    audio.save(tmp_path / "deep" / "o.wav", audio.limit_peak(loud))
    info = soundfile.info(tmp_path / "deep" / "o.wav")
    assert (info.samplerate, info.subtype, info.channels) == (16000, "PCM_16", 1)
    wav = audio.load(tmp_path / "deep" / "o.wav")
    assert np.abs(wav).max() == pytest.approx(0.99, abs=1e-3)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["o.wav"]


def test_a_limiter_turns_peaks_down_and_leaves_the_rest():
    wav = 0.4 * tone(1.0) / 0.3
    wav[8000:8400] *= 4
    limited = audio.limited(wav)
    assert np.abs(limited).max() <= audio.PEAK_LIMIT + 1e-6 and np.abs(limited[8000:8400]).max() > 0.9
    outside = np.r_[0:7800, 8600:16000]
    assert np.array_equal(limited[outside], wav[outside])
    steps = np.abs(np.diff(limited[7800:8600])).max()
    assert steps < 1.5 * np.abs(np.diff(wav[7800:8600] * limited.max() / wav.max())).max()


def test_a_limiter_serves_gain_better_than_scaling_the_whole():
    rng = np.random.default_rng(0)
    speech = rng.laplace(0, 0.08, 32000) * (0.2 + np.hanning(32000))
    loud = (2 * speech * 0.99 / np.abs(speech).max()).astype(
        np.float32
    )  # 6 dB more than full scale has room for
    gained = audio.level(audio.limited(loud)) - audio.level(loud)
    assert gained > -1.5 and audio.level(audio.limit_peak(loud)) - audio.level(loud) < -5.9
    assert np.abs(audio.limited(1000 * loud)).max() <= audio.PEAK_LIMIT + 1e-6
