"""Conversions of the flat-bank experiment, and their figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import audio
from converter import VoiceConverter
from evaluation import metrics, pair
from evaluation.judges import Judges, Target
from hubert_pitdyn import pitch

FIGURES = {  # figure -> (column, factor, decimals)
    "f0_rmse_cents": ("F0 RMSE, cents", 1, 0),
    "f0_corr": ("F0 corr", 1, 3),
    "gpe": ("GPE %", 100, 1),
    "vde": ("VDE %", 100, 1),
    "range": ("range, st", 1, 1),
    "dyn_r": ("dynamics r", 1, 3),
    "mcd": ("MCD dB", 1, 2),
    "speaker_similarity": ("speaker", 1, 2),
    "dnsmos": ("DNSMOS", 1, 2),
}


@dataclass(frozen=True)
class Line:
    """A recording to convert; semitones: transposed by so much; real: the target really sang it."""

    path: Path
    semitones: float = 0.0
    real: bool = False


def semitone_range(f0: np.ndarray) -> float:
    """5th to 95th percentile of F0 [N] in Hz (0 = unvoiced); NaN when nothing is voiced."""
    low, high = np.percentile(f0[f0 > 0], (5, 95)) if (f0 > 0).any() else (np.nan, np.nan)
    return float(12 * np.log2(high / low))


def median_hertz(wavs: list[Path]) -> float:
    """Of all voiced frames of some recordings."""
    tracks = [pitch.track(audio.prepare(path).wav, pair.TRACKER) for path in wavs]
    return float(np.median(np.concatenate([f0[f0 > 0] for f0 in tracks])))


def figures(line: Line, made: np.ndarray, judges: Judges, target: Target | None) -> dict[str, float]:
    """What was made of a line: F0 against the source's, transposed; MCD against what was really sung."""
    source, made = pair.aligned(audio.load(line.path), made, print)
    wanted = pitch.track(source, pair.TRACKER) * 2 ** (line.semitones / 12)
    found = pitch.track(made, pair.TRACKER)
    return {
        **metrics.f0_metrics(wanted, found),
        **metrics.dynamics_metrics(audio.loudness(source), audio.loudness(made)),
        "range": semitone_range(found),
        "mcd": pair.parallel_mcd(source, made, print) if line.real else float("nan"),
        "speaker_similarity": judges.similarity(made, target),
        "dnsmos": judges.dnsmos(made),
    }


def convert(
    converter: VoiceConverter, lines: list[Line], gen: Path, say: Callable[[str], None]
) -> dict[Line, np.ndarray]:
    """{line: the conversion as written}; a voice that cannot be transposed gets the lines that are not."""
    made = {}
    for line in lines:
        if line.semitones and converter.labels is None:
            continue
        place = gen / f"{line.path.parent.name}_{line.path.stem}{line.semitones:+.0f}.wav"
        moves = {"transpose": line.semitones} if line.semitones else {}
        audio.save(place, converter.convert(audio.load(line.path), **moves))
        made[line] = audio.load(place)
        say(str(place))
    return made


def vocoded(vocoder, line: Line) -> np.ndarray:
    """The recording itself through mel and vocoder: what no conversion can beat."""
    prepared = audio.prepare(audio.load(line.path))
    copy = vocoder(audio.log_mel(prepared.wav)[None]).flatten().numpy()
    return prepared.restore(audio.set_level(copy, audio.active_level(audio.loudness(prepared.wav))))
