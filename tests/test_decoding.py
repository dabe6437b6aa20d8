"""Recordings of odd formats and with damaged headers: read, or refused in a sentence that names the file."""

import io
import struct
import sys

import numpy as np
import pytest
import soundfile

import audio
from common import decoding
from common.cli import UserError

TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.float32)


def written(kind: str, samples: np.ndarray = TONE, **how) -> bytearray:
    """A file of one second, or of `samples`, as bytes."""
    content = io.BytesIO()
    soundfile.write(content, samples, 16000, format=kind, **how)
    return bytearray(content.getvalue())


def changed(content: bytearray, *changes: tuple[int, bytes]) -> bytearray:
    for at, data in changes:
        content[at : at + len(data)] = data
    return content


def unfinished() -> dict[str, bytearray]:
    """Files of one second whose recorder stopped before it wrote one of the lengths, or none of them."""
    made = {}
    for name, data, riff in (
        ("no data", 0, 36),
        ("no length at all", 0, 0),
        ("as long as can be", 2**32 - 1, 2**32 - 1),
        ("2 GiB", 2**31 - 1, 0),
        ("no RIFF size", 32000, 0),
        ("the first 100 ms", 3200, 3236),
    ):
        wav = written("WAV", subtype="PCM_16")
        at = wav.index(b"data") + 4
        made[f"{name}.wav"] = changed(wav, (at, struct.pack("<I", data)), (4, struct.pack("<I", riff)))
    rf64, aiff, au = (written(kind, subtype="PCM_16") for kind in ("RF64", "AIFF", "AU"))
    made["rf64.wav"] = changed(rf64, (rf64.index(b"ds64") + 8, bytes(24)))
    made["aiff.aiff"] = changed(aiff, (aiff.index(b"SSND") + 4, struct.pack(">I", 8)), (4, bytes(4)))
    made["au.au"] = changed(au, (8, bytes(4)))
    big = written("WAV", subtype="PCM_16", endian="BIG")
    made["rifx.wav"] = changed(big, (big.index(b"data") + 4, bytes(4)))
    return made


@pytest.mark.parametrize("name", unfinished())
def test_an_unfinished_header_is_read_to_the_end_of_the_file(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(unfinished()[name])
    wav = audio.load(path)
    assert len(wav) == len(TONE) and np.abs(wav - TONE).max() < 1e-4


def test_chunks_behind_the_sound_are_not_sound(tmp_path):
    wav = written("WAV", subtype="PCM_16")
    chunk = b"LIST" + struct.pack("<I", 40000) + bytes(40000)
    (tmp_path / "a.wav").write_bytes(wav + chunk)
    assert len(audio.load(tmp_path / "a.wav")) == len(TONE)
    head = wav[: wav.index(b"data")] + b"data" + bytes(4)
    (tmp_path / "none.wav").write_bytes(head + chunk)
    with pytest.raises(UserError, match=r"none\.wav: expected audio, found no samples \(its header gives"):
        audio.load(tmp_path / "none.wav")


def encoded(path, codec: str, kind: str, rate: int) -> None:
    """The tone in a container of FFmpeg's, whatever the name's suffix is."""
    av = pytest.importorskip("av", reason="the optional package av is not installed")
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(TONE.reshape(1, -1), format="fltp", layout="mono")
        frame.rate = 16000
        resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.codec_context.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("name", "codec", "kind", "rate"),
    [
        ("phone.wav", "aac", "ipod", 44100),
        ("phone.flac", "aac", "mp4", 16000),
        ("browser.wav", "libopus", "webm", 48000),
        ("browser.mp3", "libopus", "matroska", 48000),
        ("radio.ogg", "aac", "adts", 32000),
    ],
)
def test_the_other_decoder_is_tried_whatever_the_suffix_is(tmp_path, name, codec, kind, rate):
    path = tmp_path / name
    encoded(path, codec, kind, rate)
    wav = audio.load(path)
    assert abs(len(wav) - len(TONE)) < 2000
    spectrum = np.abs(np.fft.rfft(wav[4000:12000]))
    assert np.fft.rfftfreq(8000, 1 / 16000)[spectrum.argmax()] == pytest.approx(440, abs=4)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(90), "found MP4 (AAC, as phones save it), for which"),
        (b"\x1a\x45\xdf\xa3" + bytes(90), "found WebM or Matroska"),
        (b"\xff\xf1\x50\x80" + bytes(90), "found AAC, for which"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "cannot be read as wav audio"),
        (bytes(range(256)), "cannot be read as wav audio"),
    ],
)
def test_without_av_it_is_said_what_was_found_and_what_to_install(tmp_path, monkeypatch, content, words):
    monkeypatch.setitem(sys.modules, "av", None)
    path = tmp_path / "声.wav"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        audio.load(path)
    assert str(error.value).startswith(f"{path}: ") and words in str(error.value)
    assert "pip install av" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", "lyrics: la la, ほげ\n".encode() * 500, "found text"),
        ("notes.wav", "lyrics".encode("utf-16"), "found text"),
        ("list.wav", b"#EXTM3U\n#EXTINF:1,a\nother.wav\n", "found text"),
        ("cover.mp3", b"\x89PNG\r\n\x1a\n" + bytes(90), "found a picture"),
        ("bank.wav", b"PK\x03\x04" + bytes(90), "found a zip archive"),
        ("empty.wav", b"", "found an empty file"),
    ],
)
def test_what_is_no_audio_is_called_what_it_is(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        audio.load(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: expected audio, {words}")
    assert "pip install" not in str(error.value)


def test_impossible_rates_lengths_and_values_are_refused(tmp_path):
    wav, flac = written("WAV", subtype="PCM_16"), written("FLAC")
    loud = written("WAV", TONE * np.float32(1e38), subtype="FLOAT")
    files = {
        "slow.wav": (
            changed(wav[:], (24, struct.pack("<I", 5))),
            "1000 to 1000000 Hz, found 5 Hz",
        ),
        "fast.wav": (changed(wav[:], (24, struct.pack("<I", 10**9))), "found 1e+09 Hz"),
        # The 36 bits of STREAMINFO that hold the number of samples, from the middle of byte 21 on.
        "long.flac": (changed(flac[:], (21, bytes([flac[21] | 15])), (22, b"\xff" * 4)), "found 1193 hours"),
        "loud.wav": (loud, "expected samples around full scale, 1, found 3e+37"),
    }
    for name, (content, words) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError) as error:
            audio.load(tmp_path / name)
        assert name in str(error.value) and words in str(error.value)
    for rate in (0, -1, 999, 2_000_000):
        with pytest.raises(UserError, match="expected a sample rate"):
            audio.to_mono_16k(TONE, rate)


@pytest.mark.parametrize("frames", [0, 2**29])
def test_a_flac_that_gives_no_or_another_length_is_read_to_its_end(tmp_path, frames):
    pytest.importorskip("av") if frames else None
    flac = written("FLAC")
    path = tmp_path / "stream.flac"
    path.write_bytes(changed(flac, (21, bytes([flac[21] & 0xF0])), (22, struct.pack(">I", frames))))
    assert len(audio.load(path)) == len(TONE)


def test_hours_of_a_stream_without_a_length_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "MOST_HOURS", 0.5 / 3600)
    flac = written("FLAC")
    (tmp_path / "a.flac").write_bytes(changed(flac, (21, bytes([flac[21] & 0xF0])), (22, bytes(4))))
    with pytest.raises(UserError, match=r"a\.flac: expected at most .* hours, found .*; cut it into pieces"):
        audio.load(tmp_path / "a.flac")
