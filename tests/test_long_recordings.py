"""A recording decoded part by part is what it is when decoded at once."""

import numpy as np
import pytest
import soundfile

import audio
from common import decoding, long_recordings
from common.cli import UserError
from common.spool import Spool, gathered


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    """So small that a few seconds are many of them."""
    monkeypatch.setattr(long_recordings, "PARTS", 7)
    monkeypatch.setattr(decoding, "BLOCK", 5000)
    monkeypatch.setattr(audio, "IN_MEMORY", 1000)


def voice(rate, seconds=6.3):
    time = np.arange(int(rate * seconds)) / rate
    return 0.3 * np.sin(2 * np.pi * 150 * time) * np.sin(2 * np.pi * 0.4 * time) ** 2


def stereo(rate, way):
    own = voice(rate)
    return {
        "mono": own,
        "two": np.stack([own, 0.5 * own], axis=1),
        "opposite": np.stack([own, -0.9 * own], axis=1),
        "offset": np.stack([own + 0.05, own + 0.05], axis=1),
    }[way]


@pytest.mark.parametrize("rate", [16000, 44100, 8000])
@pytest.mark.parametrize("way", ["mono", "two", "opposite", "offset"])
def test_part_by_part_is_as_at_once(tmp_path, rate, way):
    path = tmp_path / "声.wav"
    soundfile.write(path, stereo(rate, way), rate, subtype="FLOAT")
    lines = [], []
    whole = audio.load(path, lines[0].append)
    found = audio.load_any_length(path, lines[1].append, tmp_path)
    assert isinstance(found, Spool) and len(found) == len(whole) and lines[0] == lines[1]
    assert np.abs(found[:] - whole).max() < 1e-6


def test_what_is_wrong_with_it_is_said_as_of_a_short_one(tmp_path):
    path, wav = tmp_path / "a.wav", voice(16000)
    for value, words in ((np.nan, "holds NaN"), (1e30, "expected samples around full scale")):
        wav[70000] = value
        soundfile.write(path, wav, 16000, subtype="FLOAT")
        with pytest.raises(UserError, match=rf"a\.wav: {words}"):
            audio.load_any_length(path)


def test_what_libsndfile_cannot_read_is_decoded_part_by_part_too(tmp_path):
    av = pytest.importorskip("av", reason="the optional package av is not installed")
    path = tmp_path / "phone.m4a"
    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(
            voice(44100).astype(np.float32).reshape(1, -1), format="fltp", layout="mono"
        )
        frame.sample_rate = 44100
        resampler = av.AudioResampler(stream.format, "mono", 44100, stream.codec_context.frame_size or 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    assert decoding.seconds(path) == pytest.approx(6.3, abs=0.2)
    found = audio.load_any_length(path)
    assert isinstance(found, Spool) and np.abs(found[:] - audio.load(path)).max() < 1e-6


def test_an_unfinished_header_is_read_part_by_part_without_a_copy(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, voice(16000), 16000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[content.index(b"data") + 4 :][:4] = bytes(4)
    at = content.index(b"data") + 4
    content[4:8] = content[at : at + 4] = bytes(4)
    path.write_bytes(content)
    assert decoding.seconds(path) == pytest.approx(6.3)
    assert np.abs(audio.load_any_length(path)[:] - voice(16000)).max() < 1e-4


def test_a_long_recording_is_prepared_and_saved_as_a_short_one(tmp_path):
    wav = np.concatenate([np.zeros(20000), voice(16000), np.zeros(9000)]).astype(np.float32)
    spool = Spool(tmp_path)
    for first in range(0, len(wav), 777):
        spool.append(wav[first : first + 777])
    one, other = audio.prepare(wav), audio.prepare(spool)
    assert isinstance(other.wav, Spool) and other.wav.folder == tmp_path
    assert np.array_equal(one.wav, other.wav[:])
    assert (one.start, one.kept, one.total) == (other.start, other.kept, other.total)
    assert audio.level(spool) == audio.level(wav)
    audio.save(tmp_path / "one.wav", wav, "how")
    audio.save(tmp_path / "two.wav", spool, "how")
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()


def test_a_spool_is_read_like_an_array(tmp_path):
    rows = np.arange(60, dtype=np.float32).reshape(20, 3)
    spool = Spool(tmp_path, (3,))
    spool.append(rows[:7])
    assert np.array_equal(spool[2:5], rows[2:5])
    spool.append(rows[7:])
    assert len(spool) == 20 and spool.shape == rows.shape
    for place in (slice(None), slice(5, None), slice(-3, None), slice(18, 40), slice(4, 4)):
        assert np.array_equal(spool[place], rows[place])
    assert list(tmp_path.iterdir()) == [] or len(list(tmp_path.iterdir())) == 1  # no name on POSIX
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_few_samples_stay_in_memory(monkeypatch):
    block = np.ones(5, np.float32)
    assert gathered([block], 5) is block
    monkeypatch.setattr("common.spool.IN_MEMORY", 8)
    found = gathered([block, block], 10)
    assert isinstance(found, Spool) and found[:].tolist() == [1.0] * 10
