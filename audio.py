"""The time grid, and audio in and out of it: load, prepare, log-mel, loudness, save.

Everything is 16 kHz mono. A prepared wav has S = 320·N samples; unit k (20 ms) is centred on sample
320k + 160, mel frame j (10 ms, T = 2N of them) on sample 160j + 80.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from common import decoding
from common.cli import UserError
from common.files import atomic_path

SAMPLE_RATE = 16000  # Hz
UNIT_HOP = 320  # samples between HuBERT units
MEL_HOP = 160  # samples between mel frames
HUBERT_PAD = 40  # samples on each side: (400 receptive field - 320 stride) / 2
N_FFT = 1024  # samples, also the window of the mel and of the loudness
N_MELS = 128
MEL_F_MAX = 8000.0  # Hz
LOG_FLOOR = 1e-5  # magnitude
MEL_MEAN, MEL_STD = -6.0, 2.2  # log-mels of speech at the training level lie around here
TRIM_DB = 50.0  # below the loudest frame
LOUDNESS_FLOOR_DB = -80.0  # dB re full scale
ACTIVE_RANGE_DB = 25.0  # frames within this of the loudest count as active speech
PEAK_LIMIT = 0.99  # full scale; 16-bit files clip above it
LARGEST_SAMPLE = 2.0**32  # float files may hold integers up to 2^31; squares of more leave float32
OFFSET_LIMIT = 0.01  # of the peak; less moves no level, and the voices' recordings hold up to 0.7 %

UNIT_RATE = SAMPLE_RATE // UNIT_HOP  # units per second
MIN_SAMPLES = 2 * UNIT_HOP  # reflect padding of the mel needs more than (N_FFT - MEL_HOP) / 2 samples
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".m4a", ".aac", ".wma", ".mp4")


@dataclass(frozen=True)
class Prepared:
    """A wav on the time grid, and what it takes to put its result back where it came from.

    wav: float32 [S], S = 320·N; start: samples trimmed before it; kept: samples of the source in it (the
    rest of `wav` is padding); total: samples of the untrimmed source, all at 16 kHz.
    """

    wav: np.ndarray
    start: int
    kept: int
    total: int

    @property
    def units(self) -> int:
        return len(self.wav) // UNIT_HOP

    def restore(self, wav: np.ndarray) -> np.ndarray:
        """Put [S] back into the source's length: the trimmed silence becomes zeros. Returns [total]."""
        out = np.zeros(self.total, dtype=np.float32)
        out[self.start : self.start + self.kept] = wav[: self.kept]
        return out


def load(path: str | Path) -> np.ndarray:
    """Read any audio file as float32 [S], 16 kHz mono, untrimmed.

    Raises UserError naming the file when it cannot be read, is empty, holds NaN or impossible values, or is
    longer than `decoding.MOST_HOURS`.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: expected an audio file, found a folder")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    samples, rate = decoding.read(path)
    return to_mono_16k(samples, rate, path)


def to_mono_16k(samples: np.ndarray, rate: int, name: str | Path = "audio") -> np.ndarray:
    """[S] or [S, channels] at any rate (Hz), float or integer PCM -> float32 [S] mono at 16 kHz.

    A constant offset is taken off. Raises UserError naming the audio when it is empty or holds NaN or
    impossible values.
    """
    decoding.require_possible(name, rate)
    samples = np.asarray(samples)
    if samples.dtype.kind in "iu":
        limits = np.iinfo(samples.dtype)
        middle = 0 if limits.min else limits.max // 2 + 1  # where unsigned PCM is silent
        samples = (samples - float(middle)) / (limits.max - middle)
    peak = float(np.abs(samples).max(initial=0.0))
    if not np.isfinite(peak):
        raise UserError(f"{name}: holds NaN or infinite samples; write the file again")
    if peak > LARGEST_SAMPLE:
        raise UserError(
            f"{name}: expected samples around full scale, 1, found {peak:.3g}; write the file again"
        )
    samples = samples.astype(np.float32)
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    if samples.ndim != 1 or samples.size == 0:
        raise UserError(f"{name}: expected audio, found no samples (shape {samples.shape})")
    offset = _offset(samples, rate // 10)
    if abs(offset) > OFFSET_LIMIT * np.abs(samples).max():
        samples = (samples - offset).astype(np.float32)
    if rate != SAMPLE_RATE:
        import librosa  # noqa: PLC0415  it takes seconds to load, and most recordings are at 16 kHz

        samples = librosa.resample(samples, orig_sr=rate, target_sr=SAMPLE_RATE, res_type="soxr_hq")
    return np.ascontiguousarray(samples, dtype=np.float32)


def _offset(samples: np.ndarray, length: int) -> float:
    """The value around which the steadiest `length` samples of [S] lie, 0 for fewer samples than that.

    Not the mean of the recording: pulses of a voice point to one side, which gives a mean of up to 1 % of the
    peak to files whose silence is zero.
    """
    frames = samples[: len(samples) // length * length].reshape(-1, length)
    if not len(frames):
        return 0.0
    return float(frames[frames.std(axis=1).argmin()].mean(dtype=np.float64))


def prepare(source: str | Path | np.ndarray) -> Prepared:
    """Load (a path) or take (float [S] at 16 kHz), trim silence (50 dB), pad with zeros to 320·N samples."""
    wav = source if isinstance(source, np.ndarray) else load(source)
    start, stop = _active_span(wav)
    kept = stop - start
    out = on_grid(np.asarray(wav[start:stop], dtype=np.float32))
    return Prepared(out, start, kept, len(wav))


def _active_span(wav: np.ndarray) -> tuple[int, int]:
    import librosa  # noqa: PLC0415  it takes seconds to load

    _, (start, stop) = librosa.effects.trim(wav, top_db=TRIM_DB, frame_length=512, hop_length=128)
    return (int(start), int(stop)) if stop > start else (0, len(wav))


def save(path: str | Path, wav: np.ndarray, comment: str = "") -> None:
    """Write float [S] as a 16 kHz, 16-bit file of the suffix's format, whole or not at all.

    comment: kept in the file's header, where its format has room for one.
    """
    path, content = Path(path), io.BytesIO()
    kind = {"subtype": "PCM_16" if path.suffix == ".wav" else None, "format": path.suffix[1:]}
    with soundfile.SoundFile(content, "w", SAMPLE_RATE, 1, **kind) as file:
        if comment:
            file.comment = comment
        file.write(wav)
    with atomic_path(path) as part:
        part.write_bytes(content.getbuffer())  # of a full disk libsndfile says "System error."


def comment_of(path: Path) -> str:
    """The comment in a file's header; empty where there is none, or no audio."""
    try:
        with soundfile.SoundFile(path) as file:
            return file.comment
    except (soundfile.LibsndfileError, OSError):
        return ""


@cache
def mel_filters(n_fft: int = N_FFT, n_mels: int = N_MELS):
    """[n_mels, n_fft/2 + 1]: Slaney scale, Slaney (area) norm."""
    import torch  # noqa: PLC0415  see log_mel
    import torchaudio  # noqa: PLC0415

    with torch.inference_mode(False):  # kept from a conversion, they must serve a training, too
        return torchaudio.functional.melscale_fbanks(
            n_fft // 2 + 1, 0.0, MEL_F_MAX, n_mels, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
        ).T.contiguous()


def on_grid(wav: np.ndarray) -> np.ndarray:
    """[S] -> [320N], zeros added behind. Not trimmed, unlike `prepare`, so that two files stay aligned."""
    return np.pad(wav, (0, max(MIN_SAMPLES - len(wav), -len(wav) % UNIT_HOP)))


def log_mel(wav):
    """Log-mel of the vocoder: natural log of mel magnitudes, clamped at 1e-5, frame j centred on 160j+80.

    wav: tensor or array [S], or a batch [B, 1, S], S a multiple of 160. Returns a float32 tensor
    [128, T] ([B, 128, T] for a batch), T = S / 160.
    """
    # Late: the processes that make labels need no torch, which takes seconds to load.
    import torch  # noqa: PLC0415
    import torch.nn.functional as F  # noqa: PLC0415

    wav = torch.as_tensor(wav, dtype=torch.float32)
    batch = wav.reshape(-1, wav.shape[-1])
    pad = (N_FFT - MEL_HOP) // 2
    padded = F.pad(batch.unsqueeze(1), (pad, pad), mode="reflect").squeeze(1)
    window = torch.hann_window(N_FFT, device=wav.device)
    spectrum = torch.stft(padded, N_FFT, MEL_HOP, window=window, center=False, return_complex=True).abs()
    mel = torch.log(torch.clamp(mel_filters().to(wav.device) @ spectrum, min=LOG_FLOOR))
    return mel if wav.dim() == 3 else mel.squeeze(0)


def loudness(wav: np.ndarray, centred: bool = True) -> np.ndarray:
    """RMS in dB re full scale, [S] -> float32 [N]: 1024-sample windows centred on 320k + 160, floor -80 dB.

    The file is mirrored at its ends, so that an edge frame is no quieter than its half window. Not centred:
    windows around 320k, half a unit early, as the labels of 2022 had them.
    """
    left = (N_FFT - UNIT_HOP) // 2 if centred else N_FFT // 2
    power = np.pad(np.asarray(wav, dtype=np.float64) ** 2, (left, N_FFT - UNIT_HOP - left), mode="reflect")
    total = np.concatenate([[0.0], np.cumsum(power)])
    starts = np.arange(0, len(wav) - UNIT_HOP + 1, UNIT_HOP)
    mean = np.maximum(total[starts + N_FFT] - total[starts], 0.0) / N_FFT
    floor = 10.0 ** (LOUDNESS_FLOOR_DB / 10)
    return (10.0 * np.log10(np.maximum(mean, floor))).astype(np.float32)


def active_level(db: np.ndarray) -> float:
    """Active speech level in dB: mean power of the frames of [N] within 25 dB of the loudest.

    The loudest is the 98th percentile, so that a click does not set it. Pauses do not count, in the
    spirit of ITU-T P.56, whose envelope method this replaces by frame powers.
    """
    db = np.asarray(db, dtype=np.float64)
    active = db[db >= np.percentile(db, 98) - ACTIVE_RANGE_DB]
    return float(10.0 * np.log10(np.mean(10.0 ** (active / 10))))


def set_level(wav: np.ndarray, level_db: float) -> np.ndarray:
    """Scale [S] so that its active level is `level_db` dB; digital silence stays as it is."""
    now = active_level(loudness(wav))
    if now <= LOUDNESS_FLOOR_DB:
        return wav
    return (wav * 10.0 ** ((level_db - now) / 20)).astype(np.float32)


def limit_peak(wav: np.ndarray) -> np.ndarray:
    """Scale the whole of [S] down when its peak would clip; never cut peaks off."""
    peak = float(np.abs(wav).max(initial=0.0))
    return wav if peak <= PEAK_LIMIT else (wav * (PEAK_LIMIT / peak)).astype(np.float32)
