"""Recordings of any format as samples: libsndfile first, PyAV for what it does not know, headers repaired."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from common.cli import UserError
from common.patched import Patched

LOWEST_RATE, HIGHEST_RATE = 1_000, 1_000_000  # Hz; what a header gives beyond is damage
MOST_HOURS = 12  # of one file, which is decoded into memory
LARGEST_SAMPLE = 2.0**32  # float files may hold integers up to 2^31; squares of more leave float32
UNKNOWN_LENGTH = 2**63 - 1  # frames, as libsndfile gives them for a stream whose header leaves them open
BLOCK = 1 << 22  # frames read at once of such a stream
SNIFFED = 4096  # bytes
NO_PROTOCOL = {"protocol_whitelist": "none"}
CUT = "cut it into pieces first"
NEED_AV = (
    "MP4 (AAC, as phones save it)",
    "WebM or Matroska (as browsers do)",
    "ASF (WMA)",
    "AAC",
    "AMR",
)
REPAIRED = ("wav", "aiff", "au")  # whose headers are seen to be whole before they are decoded
NO_AUDIO = ("text", "a picture", "a zip archive", "a PDF", "MIDI (notes, not sound)")
MARKS = (  # (offset, bytes, what begins so)
    (4, b"ftyp", NEED_AV[0]),
    (0, b"\x1a\x45\xdf\xa3", NEED_AV[1]),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", NEED_AV[2]),
    (0, b"\xff\xf1", NEED_AV[3]),
    (0, b"\xff\xf9", NEED_AV[3]),
    (0, b"#!AMR", NEED_AV[4]),
    (8, b"AVI ", "an AVI video"),
    (0, b"RIFF", "wav"),
    (0, b"RF64", "wav"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"ID3", "mp3"),
    *((0, bytes([0xFF, second]), "mp3") for second in (0xFA, 0xFB, 0xF2, 0xF3)),
    (0, b"FORM", "aiff"),
    (0, b".snd", "au"),
    (0, b"caff", "caf"),
    (0, b"\x89PNG", NO_AUDIO[1]),
    (0, b"\xff\xd8\xff", NO_AUDIO[1]),
    (0, b"GIF8", NO_AUDIO[1]),
    (0, b"PK\x03\x04", NO_AUDIO[2]),
    (0, b"%PDF", NO_AUDIO[3]),
    (0, b"MThd", NO_AUDIO[4]),
)


def read(path: Path) -> tuple[np.ndarray, int]:
    """Samples float32 [S, channels] and their rate in Hz.

    A header whose recorder stopped before it wrote the length is repaired, up to the end of the file. Raises
    UserError naming the file, what was found in it and the remedy: for what is no audio, a damaged file, a
    rate outside 1 kHz to 1 MHz, and more than MOST_HOURS.
    """
    with path.open("rb") as file:
        start = file.read(SNIFFED)
    if not start:
        raise UserError(f"{path}: expected audio, found an empty file")
    found = sniffed(start)
    try:
        samples, rate = _with_soundfile(path)
        fault = "its header gives none, as where a recorder stopped before it wrote the length"
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:  # TypeError: .raw has no header
        samples, fault = None, str(error).rpartition(": ")[2].rstrip(".")
    except MemoryError as error:
        raise UserError(f"{path}: its samples do not fit into the memory; {CUT}") from error
    if samples is not None and len(samples):
        return samples, rate
    if samples is not None and found in REPAIRED:
        raise UserError(f"{path}: expected audio, found no samples ({fault})")
    if found in NO_AUDIO:
        raise UserError(f"{path}: expected audio, found {found}; give a recording, such as a wav or mp3")
    return _with_av(path, found, fault)


def sniffed(start: bytes) -> str:
    """What a file is by its first bytes, in words; empty where they say nothing."""
    for offset, mark, name in MARKS:
        if start[offset : offset + len(mark)] == mark:
            return name
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16, as Notepad marks it
        return "text"
    try:
        text = start[: SNIFFED - 4].decode("utf-8-sig", errors="strict" if len(start) < SNIFFED else "ignore")
    except UnicodeDecodeError:
        return ""
    return "text" if all(letter.isprintable() or letter in "\r\n\t\f" for letter in text) else ""


def require_file(path: str | Path) -> Path:
    """The path of a file that is there; UserError else."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: expected an audio file, found a folder")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    return path


def require_samples(name: Path | str, peak: float) -> None:
    """UserError for a largest magnitude that no recording has."""
    if not np.isfinite(peak):
        raise UserError(f"{name}: holds NaN or infinite samples; write the file again")
    if peak > LARGEST_SAMPLE:
        wanted = "expected samples around full scale, 1"
        raise UserError(f"{name}: {wanted}, found {peak:.3g}; write the file again")


def require_possible(name: Path | str, rate: float, frames: int = 0) -> None:
    """UserError for a sample rate (Hz) or a length (frames) that no recording here has."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise UserError(
            f"{name}: expected a sample rate of {LOWEST_RATE} to {HIGHEST_RATE} Hz, found {rate:g} Hz; "
            "its header is damaged, or it is no recording of sound"
        )
    if frames > MOST_HOURS * 3600 * rate:
        raise UserError(
            f"{name}: expected at most {MOST_HOURS} hours, found {frames / rate / 3600:.0f} hours; {CUT}, "
            "or write it again where its header is damaged"
        )


def _native(path: Path) -> Path | bytes:
    """What libsndfile can open: bytes for a name that is not UTF-8, as all but Windows allow."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return path if os.name == "nt" else os.fsencode(path)
    return path


def seconds(path: Path) -> float:
    """How long a recording is by its header, without decoding it; 0 where that cannot be known."""
    try:
        with soundfile.SoundFile(_repaired(path) or _native(path)) as file:
            if file.frames == UNKNOWN_LENGTH:  # at most so many: a byte is the least that a sample takes
                return path.stat().st_size / (file.samplerate * file.channels)
            return file.frames / file.samplerate
    except (soundfile.LibsndfileError, TypeError, ValueError):
        pass
    try:
        import av  # noqa: PLC0415  an extra

        with path.open("rb") as file, av.open(file, options=NO_PROTOCOL) as container:
            return (container.duration or 0) / av.time_base
    except Exception:  # noqa: BLE001  what is wrong with it `read` will say
        return 0.0


def blocks(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """`read` part by part: (samples float32 [S', channels], rate in Hz) of stretches in turn."""
    try:
        file = soundfile.SoundFile(_repaired(path) or _native(path))
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        with path.open("rb") as opened:
            found = sniffed(opened.read(SNIFFED))
        yield from _av_blocks(path, found, str(error).rpartition(": ")[2].rstrip("."))
        return
    try:
        with file:
            yield from _soundfile_blocks(path, file)
    except soundfile.LibsndfileError as error:
        raise UserError(f"{path}: cannot be read to its end ({error}); write it again as wav") from error


def _soundfile_blocks(path: Path, file: soundfile.SoundFile) -> Iterator[tuple[np.ndarray, int]]:
    frames = 0 if file.frames == UNKNOWN_LENGTH else file.frames
    require_possible(path, file.samplerate, frames)
    read = 0
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        read += len(block)
        require_possible(path, file.samplerate, read)
        yield block, file.samplerate


def _with_soundfile(path: Path) -> tuple[np.ndarray, int]:
    with soundfile.SoundFile(_repaired(path) or _native(path)) as file:
        if file.frames != UNKNOWN_LENGTH:
            require_possible(path, file.samplerate, file.frames)
            return file.read(dtype="float32", always_2d=True), file.samplerate
        found = [block for block, _ in _soundfile_blocks(path, file)]
        return np.concatenate(found or [np.zeros((0, file.channels), np.float32)]), file.samplerate


def _with_av(path: Path, found: str, fault: str) -> tuple[np.ndarray, int]:
    """As `read`, by FFmpeg's decoders; found: format by its first bytes, fault: why libsndfile failed."""
    try:
        samples, rates = zip(*_av_blocks(path, found, fault), strict=True)
        return np.concatenate(samples), rates[-1]
    except MemoryError as error:
        raise UserError(f"{path}: its samples do not fit into the memory; {CUT}") from error


def _av_blocks(path: Path, found: str, fault: str) -> Iterator[tuple[np.ndarray, int]]:
    """(samples float32 [S', channels], rate in Hz) of the first audio stream; arguments as of `_with_av`."""
    kind = found or path.suffix[1:]
    try:
        import av  # noqa: PLC0415  an extra
    except ImportError as error:
        if found in NEED_AV:
            raise UserError(
                f"{path}: found {found}, for which the package 'av' is needed: pip install av "
                "(or convert it to wav)"
            ) from error
        raise UserError(
            f"{path}: cannot be read as {kind} audio ({fault}); write it again as wav, or try another "
            "decoder: pip install av"
        ) from error
    frames = 0
    try:
        # From an open file and without protocols: neither a name nor a playlist opens anything else.
        with path.open("rb") as file, av.open(file, options=NO_PROTOCOL) as container:
            if not container.streams.audio:
                raise UserError(f"{path}: expected audio, found {kind or 'a file'} without an audio track")
            resampler = av.AudioResampler(format="fltp")
            for frame in container.decode(audio=0):
                for part in resampler.resample(frame):
                    # HE-AAC's header gives half the rate of what is decoded.
                    frames += part.samples
                    require_possible(path, part.sample_rate, frames)
                    yield part.to_ndarray().T, part.sample_rate
    except (UserError, MemoryError, GeneratorExit):
        raise
    except Exception as error:  # damaged streams raise many things: FFmpegError, ValueError, IndexError …
        fault += f"; {getattr(error, 'strerror', None) or error}"
        raise UserError(f"{path}: cannot be read as {kind} audio ({fault}); write it again as wav") from error
    if not frames:
        raise UserError(f"{path}: expected audio, found no samples ({fault})")


def _repaired(path: Path) -> Patched | None:
    """A wav, aiff or au whose lengths were never written, with the real ones; None where nothing is amiss."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:] == b"WAVE":
            patches = _wav_patches(file, size, ">" if head[:4] == b"RIFX" else "<", head[:4] == b"RF64")
        elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            patches = _aiff_patches(file, size)
        elif head[:4] == b".snd" and head[8:] == bytes(4):
            patches = {8: b"\xff" * 4}  # "unknown", which is read to the end
        else:
            patches = {}
    return Patched(path, patches) if patches else None


def _wav_patches(file: BinaryIO, size: int, order: str, rf64: bool) -> dict[int, bytes]:
    declared = 0
    for name, start, length in _chunks(file, 12, size, order):
        if rf64 and name == b"ds64":
            file.seek(start + 8)
            declared = struct.unpack("<Q", file.read(8))[0]
        if name == b"data":
            length = declared if rf64 and length == 2**32 - 1 else length
            if _unfinished(file, start, length, size, order):
                whole = min(size - start, 2**32 - 2)
                lengths = {4: min(size - 8, 2**32 - 2), start - 4: whole}
                mark = b"RIFX" if order == ">" else b"RIFF"  # not RF64, whose lengths are elsewhere
                return {0: mark} | {at: struct.pack(f"{order}I", n) for at, n in lengths.items()}
    return {}


def _aiff_patches(file: BinaryIO, size: int) -> dict[int, bytes]:
    for name, start, length in _chunks(file, 12, size, ">"):
        if name == b"SSND" and _unfinished(file, start + 8, length - 8, size, ">"):
            return {4: struct.pack(">I", size - 8), start - 4: struct.pack(">I", size - start)}
    return {}


def _unfinished(file: BinaryIO, start: int, length: int, size: int, order: str) -> bool:
    """Whether samples follow the `length` bytes from `start` on that a header claims: more than those, and
    no chunks. libsndfile itself reads to the end where a header claims too many."""
    rest = size - start - length
    if rest <= max(length, 8):
        return False
    after = start + length + length % 2
    return abs(sum(8 + n + n % 2 for _, _, n in _chunks(file, after, size, order)) - rest) > 1


def _chunks(file: BinaryIO, at: int, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """(name, where its content begins, its length) of the chunks from `at` on, up to what is none."""
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if not all(32 <= letter < 127 for letter in name):
            return
        yield name, at + 8, length
        at += 8 + length + length % 2
