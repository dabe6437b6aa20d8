"""Levels of a conversion put right frame by frame: pauses as soft as the source's, high notes as loud.

Levels are dB [N] of frames every 20 ms, as `audio.loudness` gives them. Conversions of any band are measured
at 16 kHz, as their sources are, and changed at their own rate.
"""

from __future__ import annotations

import numpy as np

import audio
from bands import LOW, Band, lowered
from vocoder import frame_f0

PAUSE_DB, SPEECH_DB = -44.0, -38.0  # re active level: a pause below the first, speech above the second
LOWEST_DB = -75.0  # re active level: no pause has to be softer
ACTIVE_DB, FEW = -20.0, 10  # re active level, frames: as many as loud show at which level a conversion is
MOST_DB = 20.0  # by which a frame is turned up or down
REACH = 545  # samples at 16 kHz over which a frame's gain reaches into others; its loudness is that of 1024
RAMP = 161  # samples at 16 kHz in which one gain passes into another


def relative(wav: np.ndarray) -> np.ndarray:
    """Loudness [N] of [S] in dB re its active level."""
    return audio.loudness(wav, floor_db=audio.SILENCE_DB) - audio.level(wav)


def with_pauses(
    made: np.ndarray, wanted: np.ndarray, level: float | None = None, band: Band = LOW
) -> np.ndarray:
    """[unit N] with its pauses no louder than wanted [N], dB re active level; what is speech there stays.

    Labels of loudness end at -50 dB, and a vocoder's own noise lies there, too. level: active level of the
    recording of which `made` is a part (None: that of `made`).
    """
    low = lowered(made, band)
    level = audio.level(low) if level is None else level
    power = np.square(low.reshape(-1, audio.UNIT_HOP), dtype=np.float64).mean(axis=1)
    own = 10 * np.log10(power + 10.0 ** (audio.SILENCE_DB / 10)) - level
    share = np.clip((SPEECH_DB - wanted) / (SPEECH_DB - PAUSE_DB), 0.0, 1.0)
    return _with_gains(made, -share * np.maximum(own - np.maximum(wanted, LOWEST_DB), 0.0), band)


def offset_of(made: audio.Samples, wanted: np.ndarray, marked: np.ndarray) -> float:
    """dB that the frames of [320N] are above wanted [N]: those not marked, or where these are few, those."""
    others, above = ~marked & (wanted > ACTIVE_DB), audio.loudness(made) - wanted
    return float(np.median(above[others if others.sum() >= FEW else marked]))


def with_loudness(
    made: np.ndarray, wanted: np.ndarray, marked: np.ndarray, offset: float | None = None, band: Band = LOW
) -> np.ndarray:
    """[unit N] with its marked frames, bool [N], as much louder than the others as wanted [N] says, in dB.

    offset: `offset_of` the recording of which `made` is a part (None: of `made`).
    """
    low = lowered(made, band)
    offset = offset_of(low, wanted, marked) if offset is None else offset
    own = audio.loudness(low)
    gains = np.where(marked, np.clip(wanted + offset - own, -MOST_DB, MOST_DB), 0.0)
    centres = band.unit * np.arange(len(gains)) + band.unit / 2
    return (made * 10.0 ** (np.interp(np.arange(len(made)), centres, gains) / 20)).astype(np.float32)


def without_subharmonics(
    made: np.ndarray,
    f0: np.ndarray,
    octaves: np.ndarray,
    hertz: np.ndarray | None = None,
    band: Band = LOW,
) -> np.ndarray:
    """[unit N] without what lies between harmonics of f0 [N] in Hz, where its mel was octaves [N] below 0.

    The mel of a pitch an octave lower lets through what lies halfway between the harmonics. A comb over one
    period either side, 1 at harmonics and 0 halfway between, takes it away; over two periods for a second.
    hertz: F0 [2N] of the mel frames, of a part of a recording (None: between those of f0).
    """
    from scipy.ndimage import map_coordinates, uniform_filter1d  # noqa: PLC0415  for high songs alone

    places = np.arange(len(made), dtype=np.float64)
    if hertz is None:
        hertz, _ = frame_f0.frame_f0(f0, frame_f0.Span.whole(len(f0)))
    centres = band.hop * (np.arange(len(hertz)) + 0.5)
    period = band.rate / np.interp(places, centres, hertz)
    wav = made.astype(np.float64)
    for octave in range(int(-octaves.min())):
        share = uniform_filter1d(
            np.repeat((octaves < -octave).astype(np.float64), band.unit), samples(RAMP, band)
        )
        sides = [map_coordinates(wav, [places + way * period * 2**octave], mode="nearest") for way in (-1, 1)]
        wav += share * ((wav + (sides[0] + sides[1]) / 2) / 2 - wav)
    return wav.astype(np.float32)


def samples(count: int, band: Band) -> int:
    """An odd number of samples at 16 kHz, a middle one and those beside it, at the rate of a band."""
    return 2 * audio.at_rate(count // 2, band.rate) + 1


def _with_gains(wav: np.ndarray, db: np.ndarray, band: Band) -> np.ndarray:
    """[unit N] with the gain of each frame, [N] in dB and never above 0."""
    if not db.any():
        return wav
    from scipy.ndimage import minimum_filter1d, uniform_filter1d  # noqa: PLC0415  it takes a while to load

    gains = minimum_filter1d(np.repeat(db, band.unit), samples(REACH, band))
    return (wav * 10.0 ** (uniform_filter1d(gains, samples(RAMP, band)) / 20)).astype(np.float32)
