"""What is measured: level, F0 and picture of each recording, and how near a conversion is to its source."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import audio
from common import decoding
from common.cli import UserError
from conversion.headers import Header
from evaluation import metrics
from evaluation.scorers import REQUIREMENTS, SPEAKER_PACKAGES, Scorers, scoring_packages
from listening import pictures
from listening.cache import Cache, stamp_of

MIN_VOICED = 5  # frames; fewer have no median error worth the name


class Sound(NamedTuple):
    """A recording as it was measured, in plain values that a JSON file takes.

    seconds; level: active, in dB re full scale; f0: Hz at every unit of 20 ms, 0 where it is unvoiced; top:
    highest Hz of the picture, a data: URI; trouble: why the recording cannot be read, the rest is empty then.
    """

    seconds: float = 0.0
    level: float = audio.LOUDNESS_FLOOR_DB
    f0: tuple[float, ...] = ()
    top: float = pictures.NARROW_HZ
    picture: str = ""
    trouble: str = ""


class Scores(NamedTuple):
    """Of a conversion; None for what is not measured.

    error: median deviation of F0 from what was asked for, in cents; outside: fraction of the voiced frames
    beyond what the voice was trained on; similarity: cosine to the target's voice; dnsmos: 1 to 5.
    """

    error: float | None = None
    outside: float | None = None
    similarity: float | None = None
    dnsmos: float | None = None


def measure(path: Path) -> Sound:
    """One recording, whatever is wrong with it."""
    from hubert_pitdyn import pitch  # noqa: PLC0415  its tracker is slow to load, and most pages need none

    try:
        samples, rate = decoding.read(path)
        wav = audio.to_mono_16k(samples, rate, path, lambda _: None)
    except UserError as error:
        return Sound(trouble=str(error))
    wide, rate = (samples.mean(axis=1), rate) if rate > audio.SAMPLE_RATE else (wav, audio.SAMPLE_RATE)
    on_grid = audio.on_grid(wav)
    return Sound(
        round(len(wav) / audio.SAMPLE_RATE, 3),
        round(audio.level(on_grid), 2),
        tuple(round(float(hz), 1) for hz in pitch.track(on_grid)),
        pictures.top_of(rate),
        pictures.data_uri(wide, rate),
    )


def pitch_scores(source: Sound, converted: Sound, header: Header, span: tuple[float, float] | None) -> Scores:
    """error and outside. span: what the voice was trained on, in Hz, where it is known."""
    lead = round(header.start * audio.UNIT_RATE)
    one, two = np.array(source.f0)[lead:], np.array(converted.f0)
    frames = min(len(one), len(two))
    semitones = header.transposition()
    asked = two[:frames] if semitones is None else one[:frames] * 2 ** (semitones / 12)
    error = outside = None
    if semitones is not None and ((asked > 0) & (two[:frames] > 0)).sum() >= MIN_VOICED:
        error = round(float(np.median(np.abs(metrics.cents(asked, two[:frames])))), 1)
    voiced = asked[asked > 0]
    if span is not None and len(voiced):
        outside = round(float(((voiced < span[0]) | (voiced > span[1])).mean()), 4)
    return Scores(error, outside)


class Measures:
    """Every measurement, from a cache where its recording has not changed.

    recordings: voice -> files of it, for the similarity; say: takes one line for each scorer that is absent.
    """

    def __init__(
        self, cache: Cache, recordings: Callable[[str], list[Path]], say: Callable[[str], None]
    ) -> None:
        self.cache, self.recordings, self.say = cache, recordings, say
        self.scorers, self.targets = Scorers(say), {}

    @cached_property
    def packages(self) -> dict[str, str]:
        return scoring_packages()

    def sound(self, path: Path) -> Sound:
        stamp = f"{stamp_of(path)} swift-f0 {self.packages['swift-f0']}"
        return Sound(*self.cache.get(f"sound {path.as_posix()}", stamp, lambda: measure(path)))

    def scores(self, path: Path, voice: str) -> tuple[float | None, float | None]:
        """(similarity, DNSMOS) of a conversion; None without their packages or the voice's recordings."""
        similarity, dnsmos, key = None, None, path.as_posix()
        if self.packages["resemblyzer"] and (target := self._files(voice)):
            stamp = f"{stamp_of(path)} resemblyzer {self.packages['resemblyzer']} {len(target)} recordings"
            similarity = self.cache.get(f"similarity {key}", stamp, lambda: self._similarity(path, voice))
        if self.packages["speechmos"]:
            stamp = f"{stamp_of(path)} speechmos {self.packages['speechmos']}"
            dnsmos = self.cache.get(f"dnsmos {key}", stamp, lambda: self._score(self.scorers.dnsmos, path))
        return similarity, dnsmos

    def absent(self) -> list[str]:
        """A line on each score that could be measured here and is not."""
        lacking = (
            ("resemblyzer", f"Similarity is not measured; to have it: {SPEAKER_PACKAGES}."),
            ("speechmos", f"DNSMOS is not measured; to have it: {REQUIREMENTS}."),
        )
        found = [line for package, line in lacking if not self.packages[package]]
        for voice, (files, _) in self.targets.items():
            if not files:
                found.append(f"Similarity to {voice} is not measured: data/{voice}/ has no recordings of it.")
        return found

    def _files(self, voice: str) -> list[Path]:
        if voice not in self.targets:
            self.targets[voice] = (self.recordings(voice), [])
        return self.targets[voice][0]

    def _similarity(self, path: Path, voice: str) -> float | None:
        files, made = self.targets[voice]
        if not made:
            made.append(self.scorers.target(files, voice))
        return self._score(lambda wav: self.scorers.similarity(wav, made[0]), path)

    @staticmethod
    def _score(scorer: Callable[[np.ndarray], float], path: Path) -> float | None:
        try:
            value = scorer(audio.load(path))
        except UserError:  # a file that cannot be read, which its Sound says
            return None
        return None if np.isnan(value) else round(float(value), 3)


def volumes(levels: list[float], wanted: float) -> list[float]:
    """Players' volumes in 0 to 1 that bring recordings of active levels (dB) to one loudness.

    That is `wanted` dB, or less where a recording is softer, since a player cannot amplify. Near silence does
    not count.
    """
    loud = [level for level in levels if level > wanted - 25.0]
    target = min([wanted, *loud])
    return [round(min(1.0, 10 ** ((target - level) / 20)), 4) for level in levels]


def shown(f0: tuple[float, ...], most: int = 1500) -> dict[str, Any]:
    """A curve for a picture: {"step": seconds, "hz": [...]}, thinned where it has more than `most` points."""
    stride = -(-len(f0) // most) or 1
    return {"step": stride / audio.UNIT_RATE, "hz": list(f0[::stride])}
