"""F0 trackers behind one function: wav [S] -> F0 in Hz at the centre of every HuBERT unit.

A tracker gives a pitch on every unit and its own evidence of voicing. All share a second piece of evidence:
how similar the wave is one period later, in a short frame around the unit (periods.py). `VOICING` weighs the
two; the figures that chose the weights and the default tracker are in docs/trackers.md.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Callable
from functools import cache

import numpy as np

from audio import LOUDNESS_FLOOR_DB, SAMPLE_RATE, UNIT_HOP, UNIT_RATE, encoder_input, level
from hubert_pitdyn import periods
from hubert_pitdyn.labels import F_MAX, F_MIN
from hubert_pitdyn.periods import Pair

DEFAULT = "swift_f0"
FALLBACK = "pyin"
PACKAGES = {"swift_f0": "swift-f0", "fcpe": "torchfcpe"}  # tracker -> what pip installs
# Weights of the tracker's own evidence, of the similarity one period later, and the constant, of the log-odds
# of being voiced: a logistic fit by experiments/compare_trackers.py --tune. Trackers alone smear voicing over
# their 64 ms windows: with the short frame's similarity the voicing errors fall by a fifth.
VOICING = {
    "swift_f0": (0.49, 5.27, -0.89),
    "fcpe": (0.41, 4.96, -0.40),
    "pyin": (1.33, 5.35, -2.07),
    "yin": (0.0, 9.92, -4.51),
}
# Evidence above which a tracker's own authors call a unit voiced; yin decides nothing of the kind.
OWN_VOICED = {"swift_f0": 0.0, "fcpe": float(np.log(0.006 / 0.994)), "pyin": 0.5}

TRACKER_GAIN = 10.0 ** (-5 / 20)  # under the encoders' level: peaks of speech lie about half of full scale
GATE_DB = -46.0  # re active level: what is softer is silence, whatever its period
CHUNK = 30 * UNIT_RATE  # units a piece: memory stays bounded on recordings of hours
CONTEXT = 1 * UNIT_RATE  # units around a piece that the trackers may look at
MAX_JUMP = 3.0  # semitones; two neighbours further apart are an octave error, not a glide

SWIFT_VOICED = 0.2  # confidence that separates voiced from unvoiced neighbours when interpolating


def track(
    wav: np.ndarray,
    tracker: str = DEFAULT,
    f_min: float = F_MIN,
    f_max: float = F_MAX,
    centred: bool = True,
    voicing: bool = True,
    assumed_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    """F0 of `wav` (float32 [S], S = 320N, 16 kHz) -> float32 [N] in Hz, 0 = unvoiced.

    Value k belongs to sample 320k + 160, with centred=False to sample 320k. The search is limited to
    [f_min, f_max] Hz. voicing=False gives the best guess on every unit. An assumed_rate other than 16000
    (only with "yin" and voicing=False) is the original recipe: librosa's YIN given that rate. Its frequencies
    are assumed_rate / 16000 times too high, and its search range is that much too low. A tracker whose
    package is absent is replaced by pyin, with a warning.

    Raises ValueError for an unknown tracker, a wav that is not [320N] and an impossible range.
    """
    wav = np.asarray(wav, dtype=np.float32)
    if wav.ndim != 1 or len(wav) == 0 or len(wav) % UNIT_HOP:
        raise ValueError(f"expected a wav of 320*N samples, found shape {wav.shape}")
    if not 0 < f_min < f_max <= SAMPLE_RATE / 4:
        raise ValueError(f"expected 0 < f_min < f_max <= {SAMPLE_RATE // 4} Hz, found {f_min} and {f_max}")
    name = resolve(tracker, warnings.warn if missing(tracker) else None)
    if not centred:
        wav = np.concatenate([np.zeros(UNIT_HOP // 2, np.float32), wav[: -UNIT_HOP // 2]])
    if assumed_rate != SAMPLE_RATE:
        if name != "yin" or voicing:
            raise ValueError('assumed_rate needs tracker="yin" and voicing=False')
        return periods.original_recipe(wav, f_min, f_max, assumed_rate)
    f0, evidence, similarity = analyse(wav, name, f_min, f_max)
    f0 = np.clip(f0, f_min, f_max)
    if voicing:
        f0 = np.where((voiced_probability(name, evidence, similarity) >= 0.5) & audible(wav), f0, 0.0)
    return f0.astype(np.float32)


def resolve(tracker: str, say: Callable[[str], None] | None = None) -> str:
    """The tracker that will run: `tracker`, or pyin when its package is not installed.

    `say` is called with one line that names it and, after a fallback, the command for the better one.
    Raises ValueError for an unknown name.
    """
    reason = missing(tracker)
    name = FALLBACK if reason else tracker
    if say is not None:
        better = (
            f" ({tracker}: {reason}; for better labels: pip install {PACKAGES[tracker]})" if reason else ""
        )
        say(f"pitch tracker: {name}{better}")
    return name


@cache
def missing(tracker: str) -> str:
    """Why `tracker` cannot run here, or '' when it can. Raises ValueError for an unknown name."""
    if tracker not in TRACKERS:
        raise ValueError(f"unknown pitch tracker {tracker!r}; there are {', '.join(TRACKERS)}")
    if tracker not in PACKAGES:
        return ""
    try:
        importlib.import_module(PACKAGES[tracker].replace("-", "_"))
    except (ImportError, OSError) as error:  # OSError: a shared library that its wheel expects is absent
        return str(error)
    return ""


def analyse(
    wav: np.ndarray, tracker: str, f_min: float = F_MIN, f_max: float = F_MAX
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """wav [S] -> F0 [N] in Hz on every unit, the tracker's evidence [N], the similarity [N] in [-1, 1].

    In pieces with some context, so that memory does not grow with the square of the length.
    """
    wav = TRACKER_GAIN * encoder_input(wav)  # some trackers have absolute thresholds
    units = len(wav) // UNIT_HOP
    pieces = []
    for start in range(0, units, CHUNK):
        stop = min(units, start + CHUNK)
        first, last = max(0, start - CONTEXT), min(units, stop + CONTEXT)
        piece = wav[first * UNIT_HOP : last * UNIT_HOP]
        f0, evidence = TRACKERS[tracker](piece, f_min, f_max)
        refined, similarity = periods.one_period_later(piece, f0, f_min)
        # The neural trackers' own pitch is better than the peak of a 32 ms frame; the YINs' is worse.
        f0 = f0 if tracker in PACKAGES else refined
        pieces.append([values[start - first : stop - first] for values in (f0, evidence, similarity)])
    f0, evidence, similarity = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return f0, evidence, similarity


def track_alone(
    wav: np.ndarray, tracker: str, f_min: float = F_MIN, f_max: float = F_MAX
) -> tuple[np.ndarray, np.ndarray]:
    """wav [S] -> F0 [N] in Hz on every unit, and voiced [N] bool as the tracker alone decides.

    Without the similarity that all trackers share in `track`, so that two of these are independent.
    Raises ValueError for yin, which has no voicing decision.
    """
    if tracker not in OWN_VOICED:
        raise ValueError(f"{tracker} decides no voicing; there are {', '.join(OWN_VOICED)}")
    f0, evidence, _ = analyse(wav, tracker, f_min, f_max)
    return f0, (evidence > OWN_VOICED[tracker]) & audible(wav)


def voiced_probability(tracker: str, evidence: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """[N] in (0, 1) from what `analyse` returned; voiced from 0.5 on."""
    own, alike, constant = VOICING[tracker]
    return 1 / (1 + np.exp(-(own * evidence + alike * similarity + constant)))


def audible(wav: np.ndarray) -> np.ndarray:
    """[N] bool: the unit is neither digital silence nor far below the active level of the file."""
    power = np.square(wav.reshape(-1, UNIT_HOP), dtype=np.float64).mean(axis=1)
    active = level(wav)
    return (10 * np.log10(power + 1e-30) > active + GATE_DB) & (active > LOUDNESS_FLOOR_DB)


def _swift_f0(wav: np.ndarray, f_min: float, f_max: float) -> Pair:
    """Evidence: log-odds of its confidence. Frames of 16 ms centred on 256i, so units lie between two."""
    from swift_f0.core import HOP  # noqa: PLC0415  an extra

    # Zeros behind: the last unit's centre would otherwise lie beyond the last frame.
    result = _swift_model().detect(np.pad(wav, (0, 2 * HOP)), SAMPLE_RATE, f_min, f_max)
    centres = np.arange(len(wav) // UNIT_HOP) * UNIT_HOP + UNIT_HOP // 2
    f0, confidence = _between(result.pitch_hz, result.confidence, centres / HOP)
    return f0, _log_odds(confidence)


@cache
def _swift_model():
    from swift_f0 import SwiftF0  # noqa: PLC0415  an extra

    return SwiftF0(threads=1, spin=False)  # preprocessing runs one process per core


def _between(f0: np.ndarray, confidence: np.ndarray, place: np.ndarray) -> Pair:
    """Values at the fractional frames `place`: log-F0 interpolated, never across a voicing change or a jump.

    There the pitch is that of the more confident neighbour.
    """
    left = np.minimum(np.floor(place).astype(int), len(f0) - 2)
    weight = place - left
    a, b = np.log(f0[left]), np.log(f0[left + 1])
    conf_a, conf_b = confidence[left], confidence[left + 1]
    same = (conf_a >= SWIFT_VOICED) == (conf_b >= SWIFT_VOICED)
    smooth = same & (np.abs(a - b) < MAX_JUMP * np.log(2) / 12)
    log_f0 = np.where(smooth, (1 - weight) * a + weight * b, np.where(conf_a > conf_b, a, b))
    return np.exp(log_f0), (1 - weight) * conf_a + weight * conf_b


def _fcpe(wav: np.ndarray, f_min: float, f_max: float) -> Pair:
    """Evidence: log-odds of its highest score.

    Frames of 10 ms. The mel of frame j is centred on 160j + 80, yet its answer belongs to 160j, as rising and
    falling chirps show: the unit centre 320k + 160 is frame 2k + 1 exactly.
    """
    import torch  # noqa: PLC0415  fcpe alone needs it

    wrapper = _fcpe_model()
    model = wrapper.model
    with torch.inference_mode():
        padded = torch.from_numpy(np.pad(wav, (0, UNIT_HOP)))[None, :, None]
        hz = model.cent_to_f0(model.cent_table)
        scores = model(wrapper.wav2mel(padded, SAMPLE_RATE)) * ((hz >= f_min) & (hz <= f_max))
        scores = scores[:, 1 : 2 * (len(wav) // UNIT_HOP) : 2]
        f0 = model.cent_to_f0(model.latent2cents_local_decoder(scores, mask=False))
    return f0[0, :, 0].double().numpy(), _log_odds(scores[0].amax(dim=-1).double().numpy())


@cache
def _fcpe_model():
    from torchfcpe import spawn_bundled_infer_model  # noqa: PLC0415  an extra

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its configuration
        return spawn_bundled_infer_model(device="cpu")


def _log_odds(probability: np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, 1e-3, 1 - 1e-3)
    return np.log(clipped / (1 - clipped))


TRACKERS: dict[str, Callable[[np.ndarray, float, float], Pair]] = {
    "swift_f0": _swift_f0,
    "fcpe": _fcpe,
    "pyin": periods.pyin,
    "yin": periods.yin,
}
