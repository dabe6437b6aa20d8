"""Models that score a conversion: who speaks, what is said, how clean it sounds. All optional, all offline.

Their weights are in Python packages (requirements-eval.txt). One that is not installed gives NaN, with a line
that says what to install.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import audio
from common.cli import UserError
from evaluation.whisper import Whisper
from preprocessing.data_folder import DataFolder

REQUIREMENTS = "python -m pip install -r requirements-eval.txt"
SPEAKER_PACKAGES = f"{REQUIREMENTS}, then python -m pip install --no-deps resemblyzer==0.1.4"
MIN_SPEECH = 0.4  # seconds; the speaker encoder pads to 1.6 s, and less says nothing about a voice
# Of the target. The mean of 400 moves a voice's similarity to itself by 0.001, that of others by up to 0.01.
MAX_RECORDINGS = 50

SCORING = ("torchfcpe", "swift-f0", "pyworld-prebuilt", "resemblyzer", "speechmos", "ctranslate2")


def scoring_packages() -> dict[str, str]:
    """{package that measures: its version, "" where it is not installed}: figures of others are others."""
    found = {}
    for name in SCORING:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def recordings_of(voice: str) -> list[Path]:
    """Recordings of a voice that was trained here, data/<voice>/, for the similarity; none of any other."""
    try:
        return list(DataFolder(Path("data", voice)).files.values())
    except UserError:
        return []


class SpeakerEncoder:
    """Resemblyzer: GE2E d-vectors (Wan et al., ICASSP 2018)."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # names of scipy that are to go
            import resemblyzer  # noqa: PLC0415  an extra
        self.encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
        self.name = f"resemblyzer {version('resemblyzer')}"

    def __call__(self, wav: np.ndarray) -> np.ndarray | None:
        """Speech [S] at 16 kHz -> unit vector [256]; None where there is too little speech to tell."""
        from resemblyzer import preprocess_wav  # noqa: PLC0415  an extra

        if not np.any(wav):
            return None
        speech = preprocess_wav(wav)
        if len(speech) < MIN_SPEECH * audio.SAMPLE_RATE:
            return None
        return self.encoder.embed_utterance(speech)


class Quality:
    """DNSMOS P.835, overall (Reddy et al., ICASSP 2022). Only to be compared within one domain."""

    def __init__(self) -> None:
        from speechmos import dnsmos  # noqa: PLC0415  an extra

        self.run = dnsmos.run
        self.name = f"speechmos {version('speechmos')}, DNSMOS P.835 overall"

    def __call__(self, wav: np.ndarray) -> float:
        """Speech [S] at 16 kHz -> 1 (bad) to 5 (excellent); NaN for silence."""
        if not np.any(wav):
            return float("nan")
        return float(self.run(np.clip(wav, -1.0, 1.0), audio.SAMPLE_RATE)["ovrl_mos"])


class Target(NamedTuple):
    """A voice: unit vector [256], and of which recordings it is the mean."""

    embedding: np.ndarray
    name: str


class Scorers:
    """The three, loaded when first asked for. say: takes one line for each that cannot be; language: what is
    spoken, as an ISO 639-1 code."""

    def __init__(self, say: Callable[[str], None], language: str = "en") -> None:
        self.say, self.language = say, language

    def _load(self, kind: Callable[[], Any], what: str, remedy: str):
        try:
            return kind()
        except Exception as error:  # noqa: BLE001  an extra that drifted away must not end a measurement
            self.say(f"{what}: not measured ({error or type(error).__name__}); to have it: {remedy}")
            return None

    @cached_property
    def speaker(self) -> SpeakerEncoder | None:
        return self._load(SpeakerEncoder, "speaker similarity", SPEAKER_PACKAGES)

    @cached_property
    def recogniser(self) -> Whisper | None:
        return self._load(partial(Whisper, self.language), "WER and CER", REQUIREMENTS)

    @cached_property
    def quality(self) -> Quality | None:
        return self._load(Quality, "DNSMOS", REQUIREMENTS)

    def dnsmos(self, wav: np.ndarray) -> float:
        return self.quality(wav) if self.quality else float("nan")

    def transcript(self, wav: np.ndarray) -> str | None:
        """What is said in [S]; None without a recogniser."""
        return self.recogniser(wav) if self.recogniser else None

    def similarity(self, wav: np.ndarray, target: Target | None) -> float:
        """Cosine of the speaker embedding of [S] to the target's; NaN where either is missing."""
        if target is None or self.speaker is None or (own := self.speaker(wav)) is None:
            return float("nan")
        return float(own @ target.embedding)

    def similarities(
        self, source: np.ndarray, converted: np.ndarray, target: Target | None
    ) -> dict[str, float]:
        """Whose voice a conversion [S'] of a source [S] has: cosines of speaker embeddings.

        speaker_similarity: the conversion's to the target; source_similarity: the source's to the target;
        kept_similarity: the conversion's to its source; nearer_target: 1 where the first exceeds the last,
        else 0. NaN where one of the voices is missing.
        """
        nan = float("nan")
        names = ("speaker_similarity", "source_similarity", "kept_similarity", "nearer_target")
        if target is None or self.speaker is None:
            return dict.fromkeys(names, nan)
        own, made = self.speaker(source), self.speaker(converted)
        pairs = ((made, target.embedding), (own, target.embedding), (made, own))
        cosines = [nan if a is None or b is None else float(a @ b) for a, b in pairs]
        nearer = nan if np.isnan(cosines).any() else float(cosines[0] > cosines[2])
        return dict(zip(names, (*cosines, nearer), strict=True))

    def target(self, recordings: list[Path], name: str, seed: int = 0) -> Target | None:
        """The mean over a speaker's recordings, at most 50 of them chosen by `seed`; name: whose they are.

        Files that cannot be read are left out, with a line each.
        """
        if self.speaker is None:
            return None
        chosen = random.Random(seed).sample(recordings, min(MAX_RECORDINGS, len(recordings)))
        found = []
        for path in sorted(chosen):
            try:
                found.append(self.speaker(audio.load(path)))
            except UserError as error:
                self.say(f"left out of the target's mean: {error}")
        found = [embedding for embedding in found if embedding is not None]
        if not found:
            self.say("speaker similarity: not measured (too little speech in the target's recordings)")
            return None
        mean = np.mean(found, axis=0)
        return Target(mean / np.linalg.norm(mean), f"mean of {len(found)} recordings in {name}")
