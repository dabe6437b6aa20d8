"""Figures of a conversion from tracks, cepstra and texts alone. What is undefined is NaN, never 0.

F0 tracks are float [N] in Hz on one time grid, 0 = unvoiced; `reference` is the source's, `estimate` the
conversion's. Shares and rates are fractions, not per cent. GPE, VDE and FFE: Chu and Alwan, ICASSP 2009. RPA
and RCA: Poliner et al., IEEE TASLP 15(4), 2007.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from audio import LOUDNESS_FLOOR_DB

GROSS = 0.20  # relative error of F0
CENTS = 1200.0  # in an octave
MIN_FRAMES = 3  # fewer points have no correlation worth the name
ACTIVE_DB = -50.0  # frames this far below the source's loudest are silence
CLOSE_DB = 1.5
APOSTROPHES = "'’‘ʼ`´"


def _tracks(reference: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(reference, estimate, both voiced), each [N]. Raises ValueError for tracks that cannot be compared."""
    r, e = np.asarray(reference, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    if r.ndim != 1 or r.shape != e.shape:
        raise ValueError(f"expected two tracks [N] on one grid, found shapes {r.shape} and {e.shape}")
    if not (np.isfinite(r).all() and np.isfinite(e).all() and (r >= 0).all() and (e >= 0).all()):
        raise ValueError("expected F0 in Hz with 0 for unvoiced, found NaN, infinite or negative values")
    return r, e, (r > 0) & (e > 0)


def _share(count: float, total: int) -> float:
    return float(count) / total if total else float("nan")


def cents(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """How much higher the estimate is, in cents, on the M frames voiced in both: [M]."""
    r, e, both = _tracks(reference, estimate)
    return CENTS * np.log2(e[both] / r[both])


def _gross_errors(reference: np.ndarray, estimate: np.ndarray) -> int:
    r, e, both = _tracks(reference, estimate)
    return int((np.abs(e[both] / r[both] - 1) > GROSS).sum())


def gpe(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Gross pitch error: share of the frames voiced in both that are more than 20 % off."""
    _, _, both = _tracks(reference, estimate)
    return _share(_gross_errors(reference, estimate), int(both.sum()))


def vde(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Voicing decision error: share of all frames that are voiced in one track only."""
    r, e, _ = _tracks(reference, estimate)
    return _share(((r > 0) != (e > 0)).sum(), len(r))


def ffe(reference: np.ndarray, estimate: np.ndarray) -> float:
    """F0 frame error: share of all frames with a gross pitch error or a voicing error."""
    r, e, _ = _tracks(reference, estimate)
    return _share(_gross_errors(reference, estimate) + ((r > 0) != (e > 0)).sum(), len(r))


def rpa(reference: np.ndarray, estimate: np.ndarray, tolerance: float = 50.0) -> float:
    """Raw pitch accuracy: share of the frames voiced in the reference that are within `tolerance` cents.

    A frame that the estimate calls unvoiced is a miss.
    """
    off = np.abs(cents(reference, estimate))
    return _share((off <= tolerance).sum(), int((np.asarray(reference) > 0).sum()))


def _folded(off: np.ndarray) -> np.ndarray:
    """Distance in cents to the nearest octave."""
    return np.abs(off - CENTS * np.round(off / CENTS))


def rca(reference: np.ndarray, estimate: np.ndarray, tolerance: float = 50.0) -> float:
    """Raw chroma accuracy: as `rpa`, errors of whole octaves forgiven."""
    off = _folded(cents(reference, estimate))
    return _share((off <= tolerance).sum(), int((np.asarray(reference) > 0).sum()))


def octave_error(reference: np.ndarray, estimate: np.ndarray, tolerance: float = 50.0) -> float:
    """Share of the frames voiced in the reference that are right but for the octave: RCA - RPA."""
    return rca(reference, estimate, tolerance) - rpa(reference, estimate, tolerance)


def octave_error_frames(reference: np.ndarray, estimate: np.ndarray, tolerance: float = 50.0) -> np.ndarray:
    """bool [N]: the frames that `octave_error` counts."""
    _, _, both = _tracks(reference, estimate)
    off = cents(reference, estimate)
    wrong = np.zeros(len(both), dtype=bool)
    wrong[both] = (_folded(off) <= tolerance) & (np.abs(off) > tolerance)
    return wrong


def f0_rmse_cents(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Root mean square of the deviation in cents on frames voiced in both; a transposition counts."""
    return _rms(cents(reference, estimate))


def f0_rmse_hz(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Root mean square of the deviation in Hz on frames voiced in both."""
    r, e, both = _tracks(reference, estimate)
    return _rms(e[both] - r[both])


def f0_corr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Pearson correlation of log-F0 on frames voiced in both; blind to a transposition.

    NaN with fewer than three such frames, or when a track does not move on them.
    """
    r, e, both = _tracks(reference, estimate)
    return _pearson(np.log(r[both]), np.log(e[both]))


def f0_offset_cents(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Median of how much higher the estimate is, in cents, on frames voiced in both."""
    off = cents(reference, estimate)
    return float(np.median(off)) if len(off) else float("nan")


def f0_metrics(reference: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    """All figures of two F0 tracks [N] in Hz. Raises ValueError for tracks that are not on one grid."""
    both = (reference, estimate)
    return {
        "gpe": gpe(*both),
        "vde": vde(*both),
        "ffe": ffe(*both),
        "rpa50": rpa(*both, 50.0),
        "rpa20": rpa(*both, 20.0),
        "rca50": rca(*both, 50.0),
        "octave_error": octave_error(*both, 50.0),
        "f0_rmse_cents": f0_rmse_cents(*both),
        "f0_rmse_hz": f0_rmse_hz(*both),
        "f0_corr": f0_corr(*both),
        "f0_offset_cents": f0_offset_cents(*both),
    }


def active_frames(db: np.ndarray) -> np.ndarray:
    """bool [N]: frames of a loudness curve [N] in dB above -50 dB re its peak, and above the floor."""
    db = np.asarray(db)
    return db > max(db.max(initial=LOUDNESS_FLOOR_DB) + ACTIVE_DB, LOUDNESS_FLOOR_DB)


def dynamics_metrics(reference_db: np.ndarray, estimate_db: np.ndarray) -> dict[str, float]:
    """How well the loudness follows, from two curves [N] in dB as `audio.loudness` makes them.

    Over the reference's frames above -50 dB re its peak: Pearson r; RMSE in dB and share of frames within
    1.5 dB, both after removing the mean gain over these frames. NaN with fewer than three of them.
    """
    r, e = np.asarray(reference_db, dtype=np.float64), np.asarray(estimate_db, dtype=np.float64)
    if r.ndim != 1 or r.shape != e.shape:
        raise ValueError(f"expected two loudness curves [N], found shapes {r.shape} and {e.shape}")
    audible = active_frames(r)
    r, e = r[audible], e[audible]
    if len(r) < MIN_FRAMES:
        return dict.fromkeys(("dyn_r", "dyn_rmse_db", "dyn_within_1p5db"), float("nan"))
    off = e - r - np.mean(e - r)
    return {
        "dyn_r": _pearson(r, e),
        "dyn_rmse_db": _rms(off),
        "dyn_within_1p5db": float(np.mean(np.abs(off) <= CLOSE_DB)),
    }


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    # The spread of a constant is not exactly 0 after rounding, and dividing by it would give any number.
    if len(a) < MIN_FRAMES or min(a.std(), b.std()) <= 1e-9 * (1 + np.abs(a).max() + np.abs(b).max()):
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def mcd(
    reference: np.ndarray, estimate: np.ndarray, counted: np.ndarray | None = None, dtw: bool = False
) -> float:
    """Mel-cepstral distortion in dB: mean over frames of 10 / ln 10 · sqrt(2 Σ Δ²), without c0 (column 0).

    reference [T, order + 1], estimate [T', order + 1]; T = T' unless aligned by dynamic time warping (dtw),
    where the mean is over the steps of the path. counted: bool [T], reference frames that count (default:
    all). Kubichek, IEEE PacRim 1993. Raises ValueError for shapes that do not fit.
    """
    r, e = np.asarray(reference)[:, 1:], np.asarray(estimate)[:, 1:]
    if r.shape[1] != e.shape[1] or (len(r) != len(e) and not dtw):
        raise ValueError(f"expected cepstra of one shape, found {r.shape} and {e.shape} (without c0)")
    counted = np.ones(len(r), dtype=bool) if counted is None else counted
    left = right = np.arange(len(r))
    if dtw:
        import librosa  # noqa: PLC0415  it takes seconds to load

        left, right = librosa.sequence.dtw(r.T, e.T, backtrack=True)[1].T
    kept = counted[left]
    distance = np.sqrt(2 * ((r[left[kept]] - e[right[kept]]) ** 2).sum(axis=1))
    return float(10 / np.log(10) * distance.mean()) if len(distance) else float("nan")


def normalise_text(text: str) -> str:
    """Lower case, no apostrophes (don't -> dont), everything but letters and digits a single space."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = "".join(c for c in text if c not in APOSTROPHES)
    return " ".join("".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in text).split())


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Edits per word of the reference, both texts normalised; above 1 for much that was not said.

    NaN for a reference without words. Raises ImportError without jiwer (requirements-eval.txt).
    """
    import jiwer  # noqa: PLC0415  an extra

    wanted = normalise_text(reference)
    return float(jiwer.wer(wanted, normalise_text(hypothesis))) if wanted else float("nan")


def character_error_rate(reference: str, hypothesis: str) -> float:
    """Edits per character of the reference, both texts normalised; a space between words is one.

    NaN for an empty reference. Raises ImportError without jiwer (requirements-eval.txt).
    """
    import jiwer  # noqa: PLC0415  an extra

    wanted = normalise_text(reference)
    return float(jiwer.cer(wanted, normalise_text(hypothesis))) if wanted else float("nan")


def bootstrap_interval(values: Sequence[float], seed: int = 0, resamples: int = 2000) -> tuple[float, float]:
    """95 % interval of the mean of `values`, by percentiles of resampled means (Efron 1979).

    NaN among the values are left out; fewer than two give (NaN, NaN).
    """
    from scipy.stats import bootstrap  # noqa: PLC0415  half a second, and not every figure has an interval

    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(known) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    found = bootstrap((known,), np.mean, n_resamples=resamples, method="percentile", rng=rng)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
