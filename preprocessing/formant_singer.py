"""A singer by formula: vowels with exactly known F0, from 50 to 1100 Hz, relaxed, pressed and breathy.

Harmonics of the given F0 are weighed by a source that falls towards high frequencies and by four formants
(Lorentzian resonances, about as Fant 1960). Formants of a child, a woman or a man are one set, scaled.
"""

from __future__ import annotations

import numpy as np

from audio import SAMPLE_RATE

VOWELS = {  # formants in Hz of a man, about as Peterson and Barney 1952
    "a": (730, 1090, 2440, 3400),
    "e": (530, 1840, 2480, 3500),
    "i": (270, 2290, 3010, 3700),
    "o": (570, 840, 2410, 3300),
    "u": (300, 870, 2240, 3300),
    "y": (280, 1850, 2300, 3300),
}
WIDTHS = (70.0, 100.0, 150.0, 220.0)  # Hz
GAINS = np.array([1.0, 0.63, 0.4, 0.25])
NYQUIST = 0.48 * SAMPLE_RATE
FLOOR = 0.003  # of the formants' sum, between them
GLIDE_SECONDS = 0.06  # between notes
RAMP_SECONDS = 0.025  # at both ends of a phrase
BLOCK = 64  # samples between which the weights of the harmonics are interpolated

Formants = tuple[np.ndarray, np.ndarray, np.ndarray]  # centre and width in Hz, gain, [4] each


def tract(vowel: str, scale: float, rng: np.random.Generator) -> Formants:
    """Formants of a vowel, drawn a little apart; scale: 1 for a man, 1.2 for a woman, 1.4 for a child."""
    centre = np.array(VOWELS[vowel]) * scale * rng.uniform(0.92, 1.08, 4)
    return centre, np.array(WIDTHS) * rng.uniform(0.7, 1.8), GAINS * rng.uniform(0.5, 1.3, 4)


def envelope(hertz: np.ndarray, formants: Formants, tilt: float) -> np.ndarray:
    """Amplitude at frequencies [...] in Hz; tilt: power by which the source falls with frequency."""
    centre, width, gain = (x.reshape(-1, *[1] * hertz.ndim) for x in formants)
    resonances = (gain / (1 + ((hertz - centre) / width) ** 2)).sum(axis=0) + FLOOR
    return resonances * (np.maximum(hertz, 50.0) / 200.0) ** -tilt


def voiced(
    f0: np.ndarray,
    formants: Formants,
    rng: np.random.Generator,
    tilt: float = 1.0,
    breath: float = 0.01,
    stressed: dict[int, float] | None = None,
    rough: float = 0.0,
) -> np.ndarray:
    """F0 [S] in Hz, 0 = silent -> wav float64 [S] of a peak of 0.5.

    breath: noise of the formants' colour, a fraction of the voice's RMS. stressed: factors of single
    harmonics; a second one that is larger than all others is what belting and pressing do. rough: depth by
    which every second period is weaker, as in harsh voices, whose F0 stays what it is.
    """
    sounding = f0 > 0
    lowest = f0[sounding].min()
    phase = np.cumsum(f0) / SAMPLE_RATE
    places = np.arange(0, len(f0) + BLOCK, BLOCK)
    held = np.interp(places, np.flatnonzero(sounding), f0[sounding])
    wav = np.zeros(len(f0))
    for harmonic in range(1, int(NYQUIST / lowest) + 1):
        hertz = harmonic * held
        weight = envelope(hertz, formants, tilt) * np.clip((NYQUIST - hertz) / 200.0, 0.0, 1.0)
        weight *= (stressed or {}).get(harmonic, 1.0)
        if weight.max() < 1e-5:
            continue
        smooth = np.interp(np.arange(len(f0)), places, weight)
        wav += smooth * np.sin(2 * np.pi * (harmonic * phase + rng.uniform()))
    wav *= ramped(sounding) * (1 + rough * np.cos(np.pi * phase))
    noise = coloured(rng.standard_normal(len(f0)), formants) * ramped(sounding)
    wav += noise * breath * np.sqrt(np.square(wav).mean() / max(np.square(noise).mean(), 1e-12))
    return 0.5 * wav / np.abs(wav).max()


def coloured(noise: np.ndarray, formants: Formants, tilt: float = 0.0) -> np.ndarray:
    """Noise [S] through the formants: breath, whisper, frication."""
    hertz = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE)
    return np.fft.irfft(np.fft.rfft(noise) * envelope(hertz, formants, tilt), len(noise))


def ramped(sounding: np.ndarray) -> np.ndarray:
    """[S] bool -> gain [S] that rises and falls within each true stretch."""
    kernel = np.hanning(2 * int(RAMP_SECONDS * SAMPLE_RATE) + 1)
    inner = np.convolve(~sounding, np.ones(len(kernel)), "same") == 0
    return np.convolve(inner, kernel / kernel.sum(), "same")


def tune(notes: list[tuple[float, float]]) -> np.ndarray:
    """[(Hz, seconds)], 0 Hz for a rest -> F0 [S] with short glides between neighbouring notes."""
    f0 = np.concatenate([np.full(int(seconds * SAMPLE_RATE), float(hertz)) for hertz, seconds in notes])
    sounding = f0 > 0
    kernel = np.hanning(int(GLIDE_SECONDS * SAMPLE_RATE))
    logs = np.convolve(np.where(sounding, np.log2(np.maximum(f0, 1.0)), 0.0), kernel, "same")
    there = np.convolve(sounding.astype(float), kernel, "same")
    return np.where(sounding, 2 ** (logs / np.maximum(there, 1e-9)), 0.0)


def vibrato(f0: np.ndarray, hertz: float, cents: float) -> np.ndarray:
    """F0 [S] that swings by ± cents, `hertz` times a second."""
    seconds = np.arange(len(f0)) / SAMPLE_RATE
    return f0 * 2 ** (cents / 1200 * np.sin(2 * np.pi * hertz * seconds))
