"""F0 trackers of the figures, and the frames on which two of them agree.

Two trackers differ about voicing in every tenth frame of speech, and about the pitch of the frames at its
edges. A figure over all frames holds that difference too, so figures are also given on the frames on which
two trackers agree.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from common.cli import UserError
from evaluation import metrics
from hubert_pitdyn import pitch

TRACKER = "fcpe"  # not the one that makes the labels, whose habits a conversion has learnt
BOTH = (TRACKER, pitch.DEFAULT)  # reference and second tracker of a conversion
PREFERRED = ("fcpe", "swift_f0", "pyin")  # for recordings with labels, where the reference depends on these
AGREED = ("f0_rmse_agreed", "f0_corr_agreed", "vde_agreed")  # figures on the frames on which both agree
NEAR = 50.0  # cents within which the pitches of two trackers agree
FAR = 300.0  # cents beyond which one of them errs, mostly by an octave
OCTAVE, NEAR_OCTAVE = 1200.0, 100.0  # cents
PERIODIC = 0.8  # similarity to the sound one period later, above which that is a period


class Agreement(NamedTuple):
    """Two trackers on one recording. f0 [N]: the reference's in Hz, 0 = unvoiced; bool [N]: voiced, by the
    reference; agreed, where both say so or neither; near, where both do with pitches within NEAR cents."""

    f0: np.ndarray
    voiced: np.ndarray
    agreed: np.ndarray
    near: np.ndarray


@cache
def tracker(say: Callable[[str], None]) -> str:
    """The tracker of all F0 figures; says in one line when it is not the intended one."""
    if reason := pitch.missing(TRACKER):
        say(
            f"F0 figures are made with {pitch.FALLBACK} instead of {TRACKER} ({reason}); "
            f"to have it: python -m pip install {pitch.PACKAGES[TRACKER]}"
        )
        return pitch.FALLBACK
    return TRACKER


def reference_and_second(label_tracker: str) -> tuple[str, str]:
    """Two trackers that are installed, of which the first, the reference, did not make the labels.

    Raises UserError when there are no two such trackers.
    """
    installed = [t for t in PREFERRED if not pitch.missing(t)]
    reference = next((t for t in installed if t != label_tracker), None)
    second = next((t for t in installed if t != reference), None)
    if reference is None or second is None:
        raise UserError(
            "two F0 trackers are needed, one of which did not make the labels: "
            "python -m pip install -r requirements-eval.txt"
        )
    return reference, second


def agreement(wav: np.ndarray, both: tuple[str, str] = BOTH) -> Agreement:
    """What a reference tracker and a second one, each by its own voicing rule, find in [320N]."""
    (f0, voiced), (other, also) = (pitch.track_alone(wav, name) for name in both)
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.abs(metrics.CENTS * np.log2(other / f0)) < NEAR
    return Agreement(np.where(voiced, f0, 0.0), voiced, voiced == also, voiced & also & near)


def second_tracker(first: str) -> str | None:
    """Another tracker that is installed, to compare a reference tracker with; None where there is none."""
    return next((t for t in PREFERRED if t != first and not pitch.missing(t)), None)


def differing(wav: np.ndarray, f0: np.ndarray, second: str) -> np.ndarray:
    """bool [N]: frames of [320N] on which another tracker finds another pitch than f0 [N], 0 = unvoiced.

    Either a second one, which calls them voiced, too, and its pitch lies more than FAR cents away, mostly an
    octave; or YIN finds the octave above. Two trackers can halve one frame, and YIN hardly ever doubles one.
    """
    other, voiced = pitch.track_alone(wav, second)
    far = voiced & (np.abs(_cents_above(other, f0)) > FAR)
    octave, _, similarity = pitch.analyse(wav, "yin")
    halved = (similarity > PERIODIC) & (np.abs(_cents_above(octave, f0) - OCTAVE) < NEAR_OCTAVE)
    return (f0 > 0) & (far | halved)


def _cents_above(other: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """[N] cents from f0 [N] in Hz to another; what is unvoiced, 0, gives no finite distance or 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return metrics.CENTS * np.log2(other / np.where(f0 > 0, f0, other))


def f0_figures(
    source: np.ndarray,
    reference: np.ndarray,
    found: np.ndarray,
    doubtful: np.ndarray | None = None,
) -> dict[str, float]:
    """Every figure of F0 found [N] in Hz against its reference [N], the track of `source` [320N].

    The reference may be transposed. doubtful: frames, bool [N], on which two trackers differ; they are left
    out of all figures but "f0_doubtful", their fraction of the voiced ones. The figures of AGREED count where
    both trackers agree on the source; NaN when one of the two is not installed.
    """
    kept = np.ones(len(reference), dtype=bool) if doubtful is None else ~doubtful
    of_all = metrics.f0_metrics(reference[kept], found[kept])
    voiced = int(((reference > 0) | (found > 0)).sum())
    of_all["f0_doubtful"] = float("nan") if doubtful is None or not voiced else int(doubtful.sum()) / voiced
    if any(map(pitch.missing, BOTH)):
        return {**of_all, **dict.fromkeys(AGREED, float("nan"))}
    both = agreement(source)
    both = both._replace(agreed=both.agreed & kept, near=both.near & kept)
    known = np.where(both.near, reference, 0.0)
    return {
        **of_all,
        "f0_rmse_agreed": metrics.f0_rmse_cents(known, found),
        "f0_corr_agreed": metrics.f0_corr(known, found),
        "vde_agreed": metrics.vde(np.where(both.voiced, 1.0, 0.0)[both.agreed], found[both.agreed]),
    }
