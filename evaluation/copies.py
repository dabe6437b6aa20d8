"""Recordings through mel and vocoder: what no conversion with this vocoder can beat."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import audio
from evaluation import pair, sound, trackers
from evaluation.scorers import Scorers
from hubert_pitdyn import pitch
from vocoder import frame_f0

RUNS = 3


def copy_of(render: Callable, wav: np.ndarray, level_db: float, device="cpu") -> np.ndarray:
    """A recording [S] through mel and vocoder, [S], at its own level; its ends in silence are zeros.

    render: log-mel [1, 128, T] and the prepared recording it was made of [160T] -> wav [1, 1, 160T];
    level_db: at which mels are made.
    """
    prepared = audio.prepare(wav)
    mel = audio.log_mel(audio.set_level(prepared.wav, level_db))
    with torch.inference_mode():
        made = render(mel.unsqueeze(0).to(device), prepared.wav).flatten().cpu().numpy()
    level = audio.active_level(audio.loudness(prepared.wav))
    return prepared.restore(audio.limit_peak(audio.set_level(made, level)))


def level_of(vocoder, config: dict) -> float:
    """At which a vocoder is given mels: its own level, the preset's where any will do or nobody knows."""
    return config["audio"]["level_db"] if vocoder.level_db is None else vocoder.level_db


def by_mel(vocoder) -> Callable:
    """A vocoder as `copy_of` takes it, from the mel alone."""
    return lambda mel, wav: vocoder(mel)


def by_mel_and_f0(vocoder, tracker: str, mel: torch.Tensor, wav: np.ndarray) -> torch.Tensor:
    """A recording's mel [1, 128, T] by a vocoder given the F0 that the tracker finds in its wav [S]."""
    return frame_f0.synthesise(vocoder, mel, pitch.track(wav, pitch.resolve(tracker)))


def measure(
    make: Callable, path: Path, scorers: Scorers, say: Callable[[str], None], text: str | None = None
) -> dict[str, float]:
    """Figures of the copy that `make` ([S] -> [S]) makes of a recording, and what time it took ("rtf").

    text: what is said in it. Of RUNS the fastest counts: a first call warms up, a machine has other work.
    """
    wav, seconds = audio.load(path), []
    for _ in range(RUNS):
        began = time.perf_counter()
        made = make(wav)
        seconds.append(time.perf_counter() - began)
    source, tracker = audio.on_grid(wav), trackers.tracker(say)
    tracks = (pitch.track(x, tracker) for x in (source, audio.on_grid(made)))
    return {
        **trackers.f0_figures(source, *tracks),
        "mcd": pair.parallel_mcd(wav, made, say),
        **scores(made, scorers, text, say),
        "rtf": min(seconds) / (len(wav) / audio.SAMPLE_RATE),
    }


def scores(
    wav: np.ndarray, scorers: Scorers, text: str | None, say: Callable[[str], None]
) -> dict[str, float]:
    """Figures of a recording or a copy [S] alone."""
    known = {"dnsmos": scorers.dnsmos(wav), "wer": pair.error_rates(wav, scorers, text)[0]}
    return known | sound.periodic(wav, say)
