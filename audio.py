"""The time grid, and audio in and out of it: load, prepare, log-mel, loudness, save.

Everything is 16 kHz mono. A prepared wav has S = 320·N samples; unit k (20 ms) is centred on sample
320k + 160, mel frame j (10 ms, T = 2N of them) on sample 160j + 80. What lies above 8 kHz is in bands.py.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from common import decoding, long_recordings
from common.advance import Advance, unseen
from common.cli import UserError
from common.files import KeptErrors, atomic_path
from common.levels import active_level, blows
from common.limiter import PEAK_LIMIT as PEAK_LIMIT
from common.limiter import limit_peak as limit_peak
from common.limiter import limited as limited
from common.mono import to_mono as to_mono
from common.spool import IN_MEMORY, Samples, Spool
from common.trimming import active_span

SAMPLE_RATE = 16000  # Hz
UNIT_HOP = 320  # samples between HuBERT units
MEL_HOP = 160  # samples between mel frames
HUBERT_PAD = 40  # samples on each side: (400 receptive field - 320 stride) / 2
N_FFT = 1024  # samples, also the window of the mel and of the loudness
N_MELS = 128
MEL_F_MAX = 8000.0  # Hz
LOG_FLOOR = 1e-5  # magnitude
MEL_MEAN, MEL_STD = -6.0, 2.2  # log-mels of speech at the training level lie around here
LOUDNESS_FLOOR_DB = -80.0  # dB re full scale
SILENCE_DB = -150.0  # dB re full scale: below what 24-bit files hold
ENCODER_LEVEL_DB = -15.0  # active level of what the encoders and trackers are given
LEVEL_BLOCK = 2000  # units of which levels are measured at once, 40 s to twice that
BLOW_WINDOW = 160  # samples: over which the level of a blow is measured

UNIT_RATE = SAMPLE_RATE // UNIT_HOP  # units per second
BLOCK = 1500 * UNIT_HOP  # samples of long recordings that are worked on at once, 30 s
MIN_SAMPLES = 2 * UNIT_HOP  # reflect padding of the mel needs more than (N_FFT - MEL_HOP) / 2 samples
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".m4a", ".aac", ".wma", ".mp4")
AUDIO_SUFFIXES += (".au", ".snd", ".w64", ".rf64", ".caf", ".oga", ".aifc")


@dataclass(frozen=True)
class Prepared:
    """A wav on the time grid, and what it takes to put its result back where it came from.

    wav: float32 [S], S = 320·N (of a long recording in a file); start: samples trimmed before it; kept:
    samples of the source in it (the rest of `wav` is padding); total: samples of the untrimmed source, all at
    16 kHz.
    """

    wav: Samples
    start: int
    kept: int
    total: int

    @property
    def units(self) -> int:
        return len(self.wav) // UNIT_HOP

    def restore(self, wav: np.ndarray, rate: int = SAMPLE_RATE) -> np.ndarray:
        """Put [S] at `rate` back into the source's length: the trimmed silence becomes zeros."""
        start, kept, total = (at_rate(count, rate) for count in (self.start, self.kept, self.total))
        out = np.zeros(total, dtype=np.float32)
        part = wav[: min(kept, total - start)]
        out[start : start + len(part)] = part
        return out


def at_rate(samples: int, rate: int) -> int:
    """So many samples at 16 kHz in samples at `rate` (Hz), to the nearest: whole for units and mel frames."""
    return (2 * samples * rate + SAMPLE_RATE) // (2 * SAMPLE_RATE)


def load(path: str | Path, say: Callable[[str], None] = warnings.warn, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Read any audio file as float32 [S], mono at `rate`, untrimmed.

    say: see `to_mono`. Raises UserError naming the file when it cannot be read, is empty, holds NaN or
    impossible values, or is longer than `decoding.MOST_HOURS`.
    """
    path = decoding.require_file(path)
    samples, found = decoding.read(path)
    return to_mono(samples, found, rate, path, say)


def load_any_length(
    path: str | Path,
    say: Callable[[str], None] = warnings.warn,
    folder: Path | None = None,
    advance: Advance = unseen,
) -> Samples:
    """As `load`; what is longer than ten minutes goes into a temporary file in `folder`, part by part."""
    path = decoding.require_file(path)
    if decoding.seconds(path) * SAMPLE_RATE <= IN_MEMORY:
        return load(path, say)
    return long_recordings.read(path, SAMPLE_RATE, say, folder, advance)


def to_mono_16k(
    samples: np.ndarray,
    rate: int,
    name: str | Path = "audio",
    say: Callable[[str], None] = warnings.warn,
) -> np.ndarray:
    """[S], [S, channels] or [channels, S] at any rate -> float32 [S] at 16 kHz; see `to_mono`."""
    return to_mono(samples, rate, SAMPLE_RATE, name, say)


def prepare(source: str | Path | Samples) -> Prepared:
    """Load (a path) or take (float [S] at 16 kHz), trim silence (50 dB), pad with zeros to 320·N samples."""
    wav = load(source) if isinstance(source, (str, Path)) else source
    start, stop = active_span(wav, blows(loudness(wav, floor_db=SILENCE_DB)), UNIT_HOP)
    kept = stop - start
    if isinstance(wav, Spool):
        return Prepared(_spooled_on_grid(wav, start, stop), start, kept, len(wav))
    out = on_grid(np.asarray(wav[start:stop], dtype=np.float32))
    return Prepared(out, start, kept, len(wav))


def _spooled_on_grid(wav: Spool, start: int, stop: int) -> Spool:
    """`on_grid` of a part of a long recording."""
    out = Spool(wav.folder)
    for first in range(start, stop, BLOCK):
        out.append(wav[first : min(first + BLOCK, stop)])
    out.append(np.zeros(-len(out) % UNIT_HOP, np.float32))
    return out


def save(
    path: str | Path,
    wav: Samples,
    comment: str = "",
    bits: int = 16,
    advance: Advance = unseen,
    rate: int = SAMPLE_RATE,
) -> None:
    """Write float [S] at `rate` as a file of the suffix's format, whole or not at all.

    bits: 16 or 24, of a wav or flac; ogg and mp3 have none. comment: kept in the file's header, where its
    format has room for one. Raises UserError for samples that are not finite.
    """
    path = Path(path)
    subtype = f"PCM_{bits}" if path.suffix in (".wav", ".flac") else None
    with atomic_path(path) as part, part.open("wb+") as opened:
        content = KeptErrors(opened if isinstance(wav, Spool) else io.BytesIO())
        try:
            with soundfile.SoundFile(content, "w", rate, 1, subtype, format=path.suffix[1:]) as file:
                if comment:
                    file.comment = comment
                for first in range(0, len(wav), BLOCK):
                    file.write(_finite(wav[first : first + BLOCK], path))
                    advance(BLOCK / len(wav))
        except (soundfile.LibsndfileError, AssertionError):
            if content.error is None:
                raise
        if content.error is not None:  # of a full disk libsndfile says "System error."
            raise content.error
        if not isinstance(wav, Spool):
            opened.write(content.getbuffer())


def _finite(wav: np.ndarray, path: Path) -> np.ndarray:
    if not np.isfinite(wav).all():
        raise UserError(f"{path}: not written, the result holds NaN or infinite samples; change the options")
    return wav


def comment_of(path: Path) -> str:
    """The comment in a file's header; empty where there is none, or no audio."""
    try:
        with path.open("rb") as opened, soundfile.SoundFile(opened) as file:
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
    mel = log_magnitudes(wav, mel_filters(), MEL_HOP)
    return mel if getattr(wav, "ndim", 1) == 3 else mel.squeeze(0)


def log_magnitudes(wav, filters, hop: int):
    """Natural log of magnitudes in `filters` [M, n_fft/2 + 1], clamped at 1e-5, frame j centred on the
    middle of samples hop·j to hop·(j+1). wav as `log_mel`'s, S a multiple of hop. Tensor [B, M, S / hop]."""
    # Late: the processes that make labels need no torch, which takes seconds to load.
    import torch  # noqa: PLC0415
    import torch.nn.functional as F  # noqa: PLC0415

    wav = torch.as_tensor(wav, dtype=torch.float32)
    n_fft = 2 * (filters.shape[1] - 1)
    left = (n_fft - hop) // 2
    batch = wav.reshape(-1, wav.shape[-1]).unsqueeze(1)
    padded = F.pad(batch, (left, n_fft - hop - left), mode="reflect").squeeze(1)
    window = torch.hann_window(n_fft, device=wav.device)
    spectrum = torch.stft(padded, n_fft, hop, window=window, center=False, return_complex=True).abs()
    return torch.log(torch.clamp(filters.to(wav.device) @ spectrum, min=LOG_FLOOR))


def loudness(wav: Samples, centred: bool = True, floor_db: float = LOUDNESS_FLOOR_DB) -> np.ndarray:
    """RMS in dB re full scale, [S] -> float32 [N]: 1024-sample windows centred on 320k + 160, floor -80 dB.

    The file is mirrored at its ends, so that an edge frame is no quieter than its half window. Not centred:
    windows around 320k, half a unit early, as the labels of 2022 had them.
    """
    left = (N_FFT - UNIT_HOP) // 2 if centred else N_FFT // 2
    count, found = len(wav) // UNIT_HOP, []
    for first in range(0, max(1, count), LEVEL_BLOCK):
        stop = count if count - first < 2 * LEVEL_BLOCK else first + LEVEL_BLOCK
        begin, end = UNIT_HOP * first - left, UNIT_HOP * stop + N_FFT - UNIT_HOP - left
        if stop == count:
            end = len(wav) + N_FFT - UNIT_HOP - left
        power = np.asarray(wav[max(0, begin) : min(end, len(wav))], dtype=np.float64) ** 2
        power = np.pad(power, (max(0, -begin), max(0, end - len(wav))), mode="reflect")
        total = np.concatenate([[0.0], np.cumsum(power)])
        starts = UNIT_HOP * np.arange(stop - first)
        found.append(np.maximum(total[starts + N_FFT] - total[starts], 0.0) / N_FFT)
        if stop == count:
            break
    mean = np.concatenate(found)
    return (10.0 * np.log10(np.maximum(mean, 10.0 ** (floor_db / 10)))).astype(np.float32)


def level(wav: Samples) -> float:
    """Active speech level of [S] in dB re full scale, however quiet it is; at least -150 dB."""
    whole = wav if len(wav) >= MIN_SAMPLES else on_grid(wav)
    return active_level(loudness(whole, floor_db=SILENCE_DB))


def set_level(wav: np.ndarray, level_db: float) -> np.ndarray:
    """Scale [S] so that its active level is `level_db` dB; digital silence stays as it is."""
    now = level(wav)
    if now <= LOUDNESS_FLOOR_DB:
        return wav
    return (wav * 10.0 ** ((level_db - now) / 20)).astype(np.float32)


def encoder_input(
    wav: np.ndarray, level_db: float | None = None, blow: np.ndarray | None = None
) -> np.ndarray:
    """[S] as every encoder and tracker is given it: at one active level, and blows no louder than speech.

    level_db: active level of the recording of which `wav` is a part, and blow: bool [N], which units of the
    part are blows (default: those of `wav`).

    A HuBERT's first layer divides by the variance over time, to which it adds 1e-5: below an active level
    of about -40 dB that is more than the variance itself, and one click raises the variance everywhere.
    """
    now = level(wav) if level_db is None else level_db
    if now <= LOUDNESS_FLOOR_DB:
        return wav
    blow = blows(loudness(wav, floor_db=SILENCE_DB)) if blow is None else blow
    return (_tamed(wav, now, blow) * 10.0 ** ((ENCODER_LEVEL_DB - now) / 20)).astype(np.float32)


def _tamed(wav: np.ndarray, level_db: float, blow: np.ndarray) -> np.ndarray:
    """[S] with its blows, bool [N], brought down to a level within their own samples; without any, itself."""
    if not blow.any():
        return wav
    from scipy.ndimage import maximum_filter1d, uniform_filter1d  # noqa: PLC0415  few recordings have any

    power = uniform_filter1d(np.square(wav, dtype=np.float64), BLOW_WINDOW)
    around = np.sqrt(maximum_filter1d(np.maximum(power, 1e-30), BLOW_WINDOW))
    inside = np.repeat(maximum_filter1d(blow, 3), UNIT_HOP)  # windows of 64 ms reach into their neighbours
    inside = np.pad(inside, (0, max(0, len(wav) - len(inside))), mode="edge")[: len(wav)]
    return wav * np.where(inside, np.minimum(1.0, 10.0 ** (level_db / 20) / around), 1.0)
