"""One source and its conversion: tracks on one grid, and every figure about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

import audio
from evaluation import cepstrum, metrics, texts
from evaluation.scorers import REQUIREMENTS, Scorers, Target
from evaluation.trackers import differing, f0_figures, second_tracker, tracker
from hubert_pitdyn import pitch

SLACK = audio.UNIT_HOP  # samples by which lengths may differ without a word
ODD_SHARE = 0.1  # of the longer; beyond it the two hardly belong together
FRAME = audio.MEL_HOP  # samples; a parallel reference whose length differs by more is aligned by DTW
GIVEN = ("f0_rmse_told", "f0_corr_told")  # figures of `given_melody`, which needs more than two files


def aligned(
    source: np.ndarray, converted: np.ndarray, say: Callable[[str], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Both cut to the shorter, [320N] each; a difference that no conversion makes is reported."""
    a, b = len(source), len(converted)
    if abs(a - b) > SLACK:
        odd = "are they of one recording? " if abs(a - b) > ODD_SHARE * max(a, b) else ""
        seconds = " and ".join(f"{samples / audio.SAMPLE_RATE:.2f} s" for samples in (a, b))
        say(f"source and conversion last {seconds}; {odd}both are cut to the shorter")
    shorter = min(a, b)
    return audio.on_grid(source[:shorter]), audio.on_grid(converted[:shorter])


@dataclass(frozen=True)
class Curves:
    """A source and its conversion, [320N] each, and their tracks [N]."""

    source: np.ndarray
    converted: np.ndarray
    tracker: str

    @cached_property
    def f0(self) -> tuple[np.ndarray, np.ndarray]:
        """Hz, 0 = unvoiced."""
        return pitch.track(self.source, self.tracker), pitch.track(self.converted, self.tracker)

    @cached_property
    def doubtful(self) -> np.ndarray | None:
        """bool [N]: frames of either on which two trackers differ; None with one tracker alone."""
        second = second_tracker(self.tracker)
        if second is None:
            return None
        one, two = (
            differing(wav, f0, second) for wav, f0 in zip((self.source, self.converted), self.f0, strict=True)
        )
        return one | two

    @cached_property
    def loudness(self) -> tuple[np.ndarray, np.ndarray]:
        """dB re full scale."""
        return audio.loudness(self.source), audio.loudness(self.converted)

    def figures(self) -> dict[str, float]:
        return f0_figures(self.source, *self.f0, self.doubtful) | metrics.dynamics_metrics(*self.loudness)


@dataclass(frozen=True)
class Known:
    """What is known beside the two files, and the scorers.

    text: what is said; reference: the same spoken by the target, [S]; target: its voice.
    """

    scorers: Scorers
    say: Callable[[str], None]
    text: str | None = None
    reference: np.ndarray | None = None
    target: Target | None = None


def measure(source: np.ndarray, converted: np.ndarray, known: Known) -> tuple[dict[str, float], Curves]:
    """Two recordings [S], [S'] at 16 kHz -> every figure of report.FIGURES, NaN where undefined."""
    curves = Curves(*aligned(source, converted, known.say), tracker(known.say))
    scorers, nan = known.scorers, float("nan")
    found = curves.figures() | {
        "mcd": nan if known.reference is None else parallel_mcd(known.reference, converted, known.say),
        **scorers.similarities(source, converted, known.target),
        **dict.fromkeys(GIVEN, nan),
        "dnsmos": scorers.dnsmos(converted),
        "source_dnsmos": scorers.dnsmos(source),
    }
    found["wer"], found["cer"] = error_rates(converted, scorers, known.text)
    found["source_wer"], found["source_cer"] = error_rates(source, scorers, known.text)
    return found, curves


def given_melody(source: np.ndarray, f0: np.ndarray, say: Callable[[str], None]) -> dict[str, float]:
    """How near the melody that a voice was given, F0 [N] in Hz (0 = unvoiced), is to its source's [320N].

    A conversion can be no better: what is predicted wrongly is synthesised wrongly.
    """
    own = pitch.track(source, tracker(say))
    return dict(zip(GIVEN, (metrics.f0_rmse_cents(own, f0), metrics.f0_corr(own, f0)), strict=True))


def error_rates(wav: np.ndarray, scorers: Scorers, text: str | None) -> tuple[float, float]:
    """(WER, CER) of [S]; NaN without its text or a recogniser, and the WER of a language without spaces."""
    nan, language = float("nan"), scorers.language
    words = None if text is None else scorers.transcript(wav)
    if words is None:
        return nan, nan
    try:
        text, words = (texts.comparable(x, language) for x in (text, words))
        wer = nan if language in texts.UNSPACED else metrics.word_error_rate(text, words)
        return wer, metrics.character_error_rate(text, words)
    except ImportError as error:
        more = f" {texts.PACKAGES[language]}" if language in texts.PACKAGES else ""
        scorers.say(f"WER and CER: not measured ({error}); to have it: {REQUIREMENTS}{more}")
        return nan, nan


def needs_dtw(reference: np.ndarray, converted: np.ndarray) -> bool:
    """Whether a parallel reference [S] has to be warped onto the conversion [S']."""
    return abs(len(reference) - len(converted)) > FRAME


def parallel_mcd(
    reference: np.ndarray, converted: np.ndarray, say: Callable[[str], None], dtw: bool | None = None
) -> float:
    """MCD in dB of [S'] to a parallel recording [S] of the target; NaN without pyworld.

    dtw: whether the one is warped onto the other (default: where their lengths tell that they need it).
    """
    try:
        (one, counted), (two, _) = (
            cepstrum.world_mel_cepstrum(audio.on_grid(w)) for w in (reference, converted)
        )
    except (ImportError, OSError) as error:
        say(f"MCD: not measured ({error}); to have it: python -m pip install pyworld-prebuilt")
        return float("nan")
    if needs_dtw(reference, converted) if dtw is None else dtw:
        return metrics.mcd(one, two, counted, dtw=True)
    frames = min(len(one), len(two))
    return metrics.mcd(one[:frames], two[:frames], counted[:frames])


def conditions(known: Known, spoken: bool, converted: np.ndarray | None = None) -> dict[str, str | None]:
    """What the figures were made with, for whoever compares them; None for what was not measured.

    spoken: whether a text was given; converted: [S], where there is one conversion only.
    """
    scorers = known.scorers
    mcd = None
    if known.reference is not None and converted is not None and cepstrum.available():
        mcd = f"{cepstrum.describe()}, {'DTW' if needs_dtw(known.reference, converted) else 'no DTW'}"
    recogniser = scorers.recogniser if spoken else None
    target = known.target
    return {
        "tracker": tracker(known.say),
        "mcd": mcd,
        "asr": recogniser.name if recogniser else None,
        "speaker_encoder": f"{scorers.speaker.name}, {target.name}" if target else None,
        "dnsmos": scorers.quality.name if scorers.quality else None,
    }
