"""Sounds with exactly known F0, where recordings have none or trackers err: high, low, pressed, whispered.

Each is a wav float64 [S] and its F0 every STEP seconds, in Hz, 0 = unvoiced, NaN = unknown.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import audio
from preprocessing import formant_singer as singer
from preprocessing import given_f0, moved_copies
from preprocessing.data_folder import DataFolder
from preprocessing.moved_copies import FRAME_MS, Voice, smooth

LOW, HIGH = 50.0, 1050.0  # Hz
STEP = FRAME_MS / 1000  # s
LONGEST = 8 * audio.UNIT_RATE  # units of a recording that are taken
FEWEST = 20  # voiced frames that a melody needs
TRACT = (-0.12, 0.3)  # octaves by which formants move: what sings high is small
RANGE = (0.5, 2.5)  # times the source's own movement of pitch
DRIFT_FRAMES, DRIFT_OCTAVES = 80, 0.5  # of another melody that is added to the source's
SONG_SECONDS, BREATH_SECONDS = 4.0, (0.6, 5.0)
PRESSED_SHARE = 0.5  # of the songs: an octave too high is what is found in them
ROUGH_SHARE, ROUGH = 0.3, (0.03, 0.3)  # of the others, and how rough: an octave too low is found in them
HIGH_SHARE, HIGH_FROM = 0.3, 400.0  # of the songs that lie above so many Hz, which no recording does

Known = tuple[np.ndarray, np.ndarray]


class Recording(NamedTuple):
    """A stretch of a recording, float64 [320N], and its labels' F0 [N] in Hz, 0 = unvoiced."""

    wav: np.ndarray
    f0: np.ndarray


def is_tracked(folder: DataFolder, key: str) -> bool:
    """Whether the labels of a recording are a tracker's, and not known."""
    return key in folder.files and not given_f0.path_of(folder.files[key]).is_file()


def read(folder: DataFolder, key: str, rng: np.random.Generator) -> Recording:
    """At most LONGEST units of a labelled recording, from anywhere in it."""
    f0 = folder.read("f0", key)
    start = int(rng.integers(0, max(1, len(f0) - LONGEST + 1)))
    size = min(LONGEST, len(f0) - start)
    return Recording(folder.crop(key, start, size).astype(np.float64), f0[start : start + size])


def shifted(recording: Recording, rng: np.random.Generator) -> Known | None:
    """A recording on another pitch: its own melody, narrower or wider, around a place that is drawn.

    Voiced where the labels and WORLD both find a voice, unknown where one does. None where nothing is voiced.
    """
    if (take := analysed(recording)) is None:
        return None
    logs = np.log2(np.where(take.found, take.voice.f0, take.middle))
    drift = smooth(len(logs), DRIFT_FRAMES, rng.uniform(0, DRIFT_OCTAVES), rng)
    moved = np.log2(_place(rng)) + rng.uniform(*RANGE) * (logs - np.log2(take.middle)) + drift
    f0 = np.where(take.found, np.clip(2**moved, LOW, HIGH), 0.0)
    wav = synthesise(take.voice, f0, rng.uniform(*TRACT), len(recording.wav))
    return wav, take.known(f0)


class Take(NamedTuple):
    """WORLD's view of a recording, and by its frames [N] of STEP whether it and the labels find a voice."""

    voice: Voice
    spoken: np.ndarray
    found: np.ndarray

    @property
    def middle(self) -> float:
        """Median F0 in Hz."""
        return float(2 ** np.median(np.log2(self.voice.f0[self.spoken & self.found])))

    def known(self, f0: np.ndarray) -> np.ndarray:
        """F0 [N] in Hz where both find a voice, 0 where neither does, NaN where one does."""
        return np.where(self.spoken & self.found, f0, np.where(self.spoken | self.found, np.nan, 0.0))


def analysed(recording: Recording) -> Take | None:
    """None where hardly anything is voiced."""
    voice = moved_copies.analyse(recording.wav)
    units = (np.arange(len(voice.f0)) * STEP * audio.UNIT_RATE).astype(int)
    spoken, found = recording.f0[np.minimum(units, len(recording.f0) - 1)] > 0, voice.f0 > 0
    return Take(voice, spoken, found) if (spoken & found).sum() >= FEWEST else None


def whispered(recording: Recording, rng: np.random.Generator) -> Known:
    """A recording without its voice: noise of its envelope."""
    voice = moved_copies.analyse(recording.wav)
    silent, noise = np.zeros_like(voice.f0), voice._replace(noise=np.ones_like(voice.noise))
    return synthesise(noise, silent, rng.uniform(*TRACT), len(recording.wav)), silent


def sung(rng: np.random.Generator) -> Known:
    """Notes, glides and held tones of the formant singer: relaxed, belting, breathy, harsh, and whistles."""
    f0 = singer.tune([(0.0, 0.1), *_notes(rng), (0.0, 0.1)])
    if rng.uniform() < 0.6:
        f0 = singer.vibrato(f0, rng.uniform(3.5, 7.5), rng.uniform(5, 120))
    f0 = np.where(f0 > 0, np.clip(f0, LOW, HIGH), 0.0)
    middle = np.median(f0[f0 > 0])
    scale = np.clip(rng.normal(1.0 + 0.15 * np.log2(middle / 130.0), 0.12), 0.85, 1.6)
    formants = singer.tract(rng.choice(list(singer.VOWELS)), scale, rng)
    stressed = {int(rng.integers(1, 5)): rng.uniform(2, 15)} if rng.uniform() < 0.35 else {}
    pressed = rng.uniform() < PRESSED_SHARE
    if pressed:  # the first formant on the second harmonic
        formants[0][0] = 2 * middle * rng.uniform(0.9, 1.1)
    if rng.uniform() < 0.15:  # the fundamental nearly alone
        stressed = {harmonic: rng.uniform(0, 0.1) for harmonic in range(2, 40)}
    # Not both: one strong harmonic between two weak ones is a pressed note, or a rough one an octave above.
    rough = rng.uniform(*ROUGH) if not pressed and rng.uniform() < ROUGH_SHARE else 0.0
    tilt, breath = rng.uniform(0.2, 1.8), 10 ** rng.uniform(-3, -0.7)
    wav = singer.voiced(f0, formants, rng, tilt, breath, stressed, rough)
    return wav, f0[:: int(STEP * audio.SAMPLE_RATE)]


def breathed(rng: np.random.Generator) -> Known:
    """Breaths, hisses and whispered vowels: noise through formants, one after another, some with rests."""
    parts = [np.zeros(int(0.1 * audio.SAMPLE_RATE))]
    wanted = rng.uniform(*BREATH_SECONDS) * audio.SAMPLE_RATE
    while sum(map(len, parts)) < wanted:
        length = int(rng.uniform(0.15, 1.2) * audio.SAMPLE_RATE)
        formants = singer.tract(rng.choice(list(singer.VOWELS)), rng.uniform(0.8, 1.8), rng)
        noise = singer.coloured(rng.standard_normal(length), formants, rng.uniform(-0.8, 1.2))
        swell = np.hanning(length) ** rng.uniform(0.3, 2.0)
        parts.append(noise / np.abs(noise).max() * swell * 10 ** rng.uniform(-1, 0))
        if rng.uniform() < 0.5:
            parts.append(np.zeros(int(rng.uniform(0.05, 0.5) * audio.SAMPLE_RATE)))
    wav = np.concatenate(parts)
    wav += 10 ** rng.uniform(-5, -2.5) * rng.standard_normal(len(wav))
    return 0.5 * wav / np.abs(wav).max(), np.zeros(int(len(wav) / audio.SAMPLE_RATE / STEP) + 1)


def _place(rng: np.random.Generator, lowest: float = LOW) -> float:
    """A pitch in Hz, anywhere in the range above the lowest."""
    return float(2 ** rng.uniform(np.log2(lowest), np.log2(HIGH)))


def _notes(rng: np.random.Generator) -> list[tuple[float, float]]:
    """(Hz, seconds) around a place, some with a rest behind."""
    place, notes = _place(rng, HIGH_FROM if rng.uniform() < HIGH_SHARE else LOW), []
    while sum(seconds for _, seconds in notes) < SONG_SECONDS:
        notes.append((float(np.clip(place * 2 ** rng.normal(0, 0.25), LOW, HIGH)), rng.uniform(0.12, 1.2)))
        if rng.uniform() < 0.25:
            notes.append((0.0, rng.uniform(0.1, 0.4)))
    return notes


def synthesise(voice: Voice, f0: np.ndarray, octaves: float, samples: int) -> np.ndarray:
    """WORLD's wav float64 [samples] of another F0 [frames] in Hz, 0 = unvoiced, formants moved by octaves."""
    last = voice.envelope.shape[1] - 1
    place = np.clip(np.arange(last + 1) * 2.0**-octaves, 0, last)
    left, share = place.astype(int), place % 1
    right = np.minimum(left + 1, last)
    log = np.log(voice.envelope)
    spectrum = np.exp((1 - share) * log[:, left] + share * log[:, right])
    noise = (1 - share) * voice.noise[:, left] + share * voice.noise[:, right]
    both = map(np.ascontiguousarray, (spectrum, noise))
    made = moved_copies.load_world().synthesize(f0, *both, audio.SAMPLE_RATE, FRAME_MS)
    return np.pad(made, (0, max(0, samples - len(made))))[:samples]
