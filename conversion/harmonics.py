"""Which of two octaves a voice is in, where a pitch model wavers: the harmonics of its spectrum tell.

A note whose second harmonic is far the strongest (pressed, belted) looks like one an octave up, and a harsh
one, whose every second period is weaker, like one an octave down. The whole spectrum tells them apart, after
the subharmonic-to-harmonic ratio (Sun 2002): of the odd multiples of the lower pitch, a pressed voice has
some about as strong as what is beside them, and a harsh one none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

import audio
from common.rows import ROWS
from hubert_pitdyn.labels import PitLabels

SHARE = 0.003  # of a frame's voiced probability that the other octave needs
NEAR = 0.25  # octaves around a pitch that are taken for it
EDGE = 0.97  # of the highest pitch that labels have: a frame above may mean any that lies over it
PERIODS = 4  # of the lower pitch in a Hann window: each harmonic's main lobe then ends midway to the next
FFT = 8192  # points, 2 Hz apart
TUNING = 2.0 ** np.linspace(-0.06, 0.06, 13)  # a pitch is looked for around where the model has it
TUNED_BY = 6  # harmonics of the higher pitch
HIGHEST = 6000.0  # Hz
MOST = 20  # harmonics of the lower pitch
BESIDE = 0.06  # of the lower pitch, within which a harmonic may lie beside its place
APART_DB, WIDTH_DB = -9.5, 3.0  # odd harmonics against even ones: pressed above, harsh below, and between
STANDS_DB = 12.0  # above what lies midway, where it is no noise
NATS = 6.0  # that a clear spectrum is worth


def weigh(p: np.ndarray, labels: PitLabels, wav: audio.Samples) -> np.ndarray:
    """Distribution [N, K] of a wav [320N], with what lies on two octaves shared out as the harmonics are.

    Voicing stays, and so do, to the last bit, the frames that do not waver; when none does, p itself is
    returned.
    """
    weighed = p
    for first in range(0, len(p), ROWS):
        for rivals in _wavering(p[first : first + ROWS], labels):
            frame = first + rivals.frame
            if nats := evidence(wav, frame, rivals.hertz, labels.f_max):
                weighed = p.copy() if weighed is p else weighed
                _share_out(weighed[frame, int(labels.unvoiced) :], rivals, nats)
    return weighed


def fractions(p: np.ndarray, labels: PitLabels) -> tuple[np.ndarray, np.ndarray]:
    """Of a distribution [N, K], how voiced a frame is [N], and its steps' part in that [N, S]."""
    steps = np.asarray(p, dtype=np.float64)[:, int(labels.unvoiced) :]
    voiced = steps.sum(axis=-1)
    return voiced, steps / np.maximum(voiced, 1e-9)[:, None]


class Rivals(NamedTuple):
    """Two octaves that a frame may be in: the lower one in Hz, and the steps [S] that are taken for each."""

    frame: int
    hertz: float
    lower: np.ndarray
    higher: np.ndarray


def _wavering(p: np.ndarray, labels: PitLabels) -> Iterator[Rivals]:
    """Of the voiced frames of a distribution [N, K], those with probability on a second octave."""
    unvoiced = int(labels.unvoiced)
    voiced, share = fractions(p, labels)
    own = labels.pitch(p)
    places = labels.bin_cents / 1200 * np.arange(labels.bins)
    at = np.log2(own / labels.decode(np.array([unvoiced])))[:, None]  # above the lowest step, as places
    here, above = (np.abs(places - at - octave) <= NEAR for octave in (0, 1))
    clipped = (own > EDGE * labels.f_max)[:, None]
    lowest, highest = np.where(clipped, places[-1], at) - 1 - NEAR, at - np.where(clipped, NEAR, 1 - NEAR)
    below = (places >= lowest) & (places <= highest)
    up, down = (np.where(mask, share, 0.0) for mask in (above, below))
    under = labels.pitch(np.pad(down, ((0, 0), (unvoiced, 0))))
    up, down = up.sum(axis=-1), down.sum(axis=-1)
    for frame in np.flatnonzero((voiced > 0.5) & (np.maximum(up, down) > SHARE)):
        if up[frame] > down[frame]:
            yield Rivals(int(frame), float(own[frame]), here[frame], above[frame])
        else:
            yield Rivals(int(frame), float(under[frame]), below[frame], here[frame])


def _share_out(steps: np.ndarray, rivals: Rivals, nats: float) -> None:
    """Move the probability of steps [S] between two octaves."""
    lower, higher = (max(float(steps[mask].sum()), 1e-9) for mask in (rivals.lower, rivals.higher))
    odds = lower / higher * np.exp(nats)
    moved = odds / (1 + odds) * (lower + higher)
    steps[rivals.lower] *= moved / lower
    steps[rivals.higher] *= (lower + higher - moved) / higher


def evidence(wav: audio.Samples, unit: int, hertz: float, highest: float = np.inf) -> float:
    """Nats for a pitch at a unit of a wav [320N], against the octave above it; within ± NATS.

    highest: Hz; where the octave lies above, it is no rival, and all that counts is that the pitch is there.
    """
    power = spectrum(wav, unit, hertz)
    base = hertz * TUNING[np.argmax(_tuned(power, hertz))]
    count = max(4, min(MOST, int(HIGHEST / base))) // 2
    levels = peaks(power, base * np.arange(0.5, 2 * count + 1, 0.5), BESIDE * base)
    midway, harmonics = levels[0::2], levels[1::2]
    stand = harmonics - (midway[:-1] + midway[1:]) / 2
    if 2 * base > highest:
        return float(NATS * np.clip(np.median(stand) / STANDS_DB, 0, 1))
    odd, even = harmonics[0::2], harmonics[1::2]
    under = np.concatenate([even[:1], even[:-1]])  # the first has none under it
    apart = np.quantile(odd - (under + even) / 2, 0.75)
    nats = NATS * np.clip((apart - APART_DB) / WIDTH_DB, -1, 1)
    return float(nats * np.clip(np.median(stand[0::2]) / STANDS_DB, 0, 1) if nats > 0 else nats)


def spectrum(wav: audio.Samples, unit: int, hertz: float) -> np.ndarray:
    """Power [FFT / 2 + 1] of a few periods around the middle of a unit, floored 120 dB below its peak."""
    size = int(PERIODS * audio.SAMPLE_RATE / hertz)
    start = unit * audio.UNIT_HOP + audio.UNIT_HOP // 2 - size // 2
    cut = wav[max(0, start) : max(0, start + size)]
    cut = np.pad(cut, (max(0, -start), max(0, start + size - len(wav))))
    turned = np.fft.rfft(cut * np.hanning(size), FFT)
    power = turned.real**2 + turned.imag**2
    return power + 1e-12 * max(power.max(), 1e-12)


def _tuned(power: np.ndarray, hertz: float) -> np.ndarray:
    """What the octave above has at each of TUNING."""
    count = max(2, min(TUNED_BY, int(HIGHEST / 2 / hertz)))
    return power[_bins(2 * hertz * TUNING[:, None] * np.arange(1, count + 1))].sum(axis=-1)


def peaks(power: np.ndarray, hertz: np.ndarray, beside: float) -> np.ndarray:
    """dB of the strongest within so many Hz of each of some frequencies."""
    near = hertz + beside * np.array([[-1.0], [0.0], [1.0]])
    return 10 * np.log10(power[_bins(near)].max(axis=0))


def _bins(hertz: np.ndarray) -> np.ndarray:
    return np.minimum(hertz * (FFT / audio.SAMPLE_RATE) + 0.5, FFT // 2).astype(int)
