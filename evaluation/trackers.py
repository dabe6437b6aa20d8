"""Who tracks F0 for figures, and what is sure of it: where two trackers that share no voicing rule agree.

They differ about voicing in every tenth frame of speech, and about the pitch of the frames at its edges; a
figure over all frames holds their disagreement too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from evaluation import metrics
from hubert_pitdyn import pitch

TRACKER = "fcpe"  # not the one that makes the labels, whose habits a conversion has learnt
WITNESSES = (TRACKER, pitch.DEFAULT)
SURE = ("f0_rmse_sure", "f0_corr_sure", "vde_sure")
NEAR = 50.0  # cents by which the two may differ


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


def f0_figures(source: np.ndarray, reference: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Every figure of F0 found [N] in Hz against its reference [N], the track of `source` [320N].

    The reference may be transposed. The figures named sure count where the source is `sure`; NaN when one of
    the two trackers is not installed.
    """
    of_all = metrics.f0_metrics(reference, found)
    if any(map(pitch.missing, WITNESSES)):
        return {**of_all, **dict.fromkeys(SURE, float("nan"))}
    voiced, agreed, near = sure(source)
    return {
        **of_all,
        "f0_rmse_sure": metrics.f0_rmse_cents(np.where(near, reference, 0.0), found),
        "f0_corr_sure": metrics.f0_corr(np.where(near, reference, 0.0), found),
        "vde_sure": metrics.vde(np.where(voiced, 1.0, 0.0)[agreed], found[agreed]),
    }


def sure(source: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[320N] -> bool [N] each: voiced; where the two agree about that; and where they agree that it is, and
    about the pitch within NEAR cents."""
    (one, voiced), (other, also) = (pitch.track_alone(source, tracker) for tracker in WITNESSES)
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.abs(metrics.CENTS * np.log2(other / one)) < NEAR
    return voiced, voiced == also, voiced & also & near
