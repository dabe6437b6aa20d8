"""Pitch-shifted copies of a voice's recordings: pitch and loudness moved, formants kept.

An acoustic model that was trained on one note cannot be conditioned on another. The copies lie on many notes,
and on glides between them: an encoder that normalises over time drops a pitch that is constant throughout an
utterance.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from audio import PEAK_LIMIT, SAMPLE_RATE, UNIT_HOP
from bands import LOW, Band, lowered
from common.cli import UserError
from hubert_pitdyn import pitch
from hubert_pitdyn.labels import F_MAX, F_MIN
from preprocessing.bookkeeping import each_key
from preprocessing.data_folder import DataFolder
from preprocessing.wide import wave_file
from preprocessing.wide_folder import WideFolder

FRAME_MS = 5.0  # of WORLD
AROUND = 1.5  # F0 is searched this factor below and above what a quick look finds
GLIDE = 3.0  # semitones around a copy's own place, at most
GLIDE_SECONDS, SWELL_SECONDS = 0.3, 0.4  # between the knots of a melody and of a loudness curve


Reach = tuple[float, float]  # semitones between which copies of a recording lie


@dataclass(frozen=True)
class Settings:
    """pitch: semitones, copies lie within ± this; gain: dB, the same; copies: of each recording.

    voicing: tracker that says where a recording is voiced. low, high: Hz that copies lie between, instead of
    pitch, whatever the recording's own.
    """

    pitch: float = 0.0
    gain: float = 0.0
    copies: int = 4
    seed: int = 1234
    voicing: str = ""
    low: float = 0.0
    high: float = 0.0

    @property
    def moves_pitch(self) -> bool:
        return self.pitch > 0 or self.high > 0

    def noted(self) -> dict:
        """As copies.json holds them: without low and high where they are not asked for."""
        return {name: value for name, value in asdict(self).items() if value or name not in ("low", "high")}

    def reach(self, f0: np.ndarray) -> Reach:
        """Semitones between which copies of a recording with F0 [frames] in Hz, 0 = unvoiced, lie."""
        if not self.high:
            return -self.pitch, self.pitch
        if not (f0 > 0).any():
            return 0.0, 0.0
        low, high = 12 * np.log2(np.array([self.low, self.high]) / np.median(f0[f0 > 0]))
        return float(low), float(high)


def settings(folder: DataFolder, voicing: str, **given: float | None) -> Settings | None:
    """What is given, over what the folder's copies were made with; None when neither asks for copies."""
    given = {name: value for name, value in given.items() if value is not None}
    wanted = {**(folder.read_json("copies.json") or {}).get("settings", {}), **given}
    # Copies that differ in loudness alone do not depend on voicing, and so not on its tracker.
    moves = wanted.get("pitch") or wanted.get("high")
    return Settings(**{**wanted, "voicing": voicing if moves else ""}) if wanted else None


def plan(folder: DataFolder, wanted: Settings) -> None:
    """Write copies.json, which names the copies of the training recordings; all others go."""
    moves = wanted.moves_pitch or wanted.gain > 0
    train = (folder.read_json("split.json") or {}).get("train", []) if moves else []
    of = {f"{key}~moved{n}": key for key in train for n in range(1, wanted.copies + 1)}
    stays = (folder.read_json("copies.json") or {}).get("settings") == wanted.noted()
    for key in folder.copies:
        if not (stays and key in of):
            folder.forget(key)
    folder.write_json("copies.json", {"settings": wanted.noted(), "of": of})
    for known in ("copies", "copies_of"):  # read again
        folder.__dict__.pop(known, None)


def missing(folder: DataFolder, redo: bool = False, band: Band = LOW) -> dict[str, list[str]]:
    """{recording: its copies that have not been made (with redo all) at the band's rate}, as copies.json
    says."""
    left: dict[str, list[str]] = {}
    wide = WideFolder(folder, band)
    for copy, recording in folder.copies.items():
        made = folder.has("prepared", copy) and (not band.is_wide or wide.has(copy))
        if redo or not made:
            left.setdefault(recording, []).append(copy)
    return left


def make(
    wanted: Settings,
    track: Callable[[np.ndarray], np.ndarray],
    redo: bool,
    band: Band,
    folder: DataFolder,
    recording: str,
) -> int:
    """The prepared wavs of one recording's missing copies; returns how many.

    track: wav [S] -> F0 [N] of units, 0 = unvoiced; redo: of all its copies. At a band above 8 kHz copies
    are made at its rate, and the prepared wav is that copy at 16 kHz.
    """
    copies = missing(folder, redo, band).get(recording, [])
    low = folder.prepared(recording).astype(np.float64)
    own = own_wave(folder, band, recording) if band.is_wide else low
    voice = None
    if wanted.moves_pitch:
        voice = analyse(low, track(folder.prepared(recording)) > 0, own, band.rate)
    for copy in copies:
        rng, wav = np.random.default_rng([wanted.seed, *copy.encode("utf-8", "surrogatepass")]), own
        if voice is not None:
            reach = wanted.reach(voice.f0)
            place = stratum(int(copy.rpartition("~moved")[2]), wanted.copies, reach, rng)
            wav = synthesise(voice, melody(len(voice.f0), place, reach, rng), len(own))
        if wanted.gain > 0:
            wav = wav * 10 ** (smooth(len(wav), band.rate * SWELL_SECONDS, wanted.gain, rng) / 20)
        if band.is_wide:
            save_both(folder, band, copy, recording, wav)
        else:
            folder.save_prepared(copy, wav)
    return len(copies)


def own_wave(folder: DataFolder, band: Band, recording: str) -> np.ndarray:
    """A recording at the band's rate, float64, made where it is missing."""
    wide = WideFolder(folder, band)
    if not wide.has(recording):
        wave_file(band, folder, recording)
    return wide.crop(recording).astype(np.float64)


def save_both(folder: DataFolder, band: Band, copy: str, recording: str, wav: np.ndarray) -> None:
    """Keep a copy at the band's rate and, resampled from it, at 16 kHz, of the recording's bandwidth."""
    low, wide = lowered(wav, band), WideFolder(folder, band)
    folder.save_prepared(copy, low)
    peak = float(np.abs(low).max(initial=0.0)) or 1.0
    wide.save(copy, wav * (PEAK_LIMIT / peak), wide.bandwidth(recording))


def stratum(number: int, count: int, reach: float | Reach, rng: np.random.Generator) -> float:
    """Where copy `number` of `count` lies in reach (±, or from low to high): drawn from its own of `count`
    equal parts."""
    low, high = _between(reach)
    return low + (high - low) * (number - 1 + rng.uniform()) / count


def melody(frames: int, place: float, reach: float | Reach, rng: np.random.Generator) -> np.ndarray:
    """Semitones [frames]: glides around `place`, within reach (±, or from low to high)."""
    low, high = _between(reach)
    glide = min(GLIDE, (high - low) / 2)
    return np.clip(place + smooth(frames, 1000 * GLIDE_SECONDS / FRAME_MS, glide, rng), low, high)


def _between(reach: float | Reach) -> Reach:
    return reach if isinstance(reach, tuple) else (-reach, reach)


def smooth(count: int, step: float, reach: float, rng: np.random.Generator) -> np.ndarray:
    """A random curve [count] in ±reach through knots every `step`, with rounded corners (cosine)."""
    knots = rng.uniform(-reach, reach, int(count / step) + 2)
    place = np.arange(count) / step + rng.uniform()
    left = np.minimum(place.astype(int), len(knots) - 2)
    weight = 0.5 - 0.5 * np.cos(np.pi * np.minimum(place - left, 1.0))
    return (1 - weight) * knots[left] + weight * knots[left + 1]


class Voice(NamedTuple):
    """WORLD's analysis of a wav: f0 [frames of 5 ms] in Hz, 0 = unvoiced, and two spectra [frames, bins], up
    to half of rate (Hz)."""

    f0: np.ndarray
    envelope: np.ndarray
    noise: np.ndarray
    rate: int = SAMPLE_RATE


def analyse(
    wav: np.ndarray,
    voiced: np.ndarray | None = None,
    wide: np.ndarray | None = None,
    rate: int = SAMPLE_RATE,
) -> Voice:
    """wav float64 [S] -> its analysis by WORLD (Morise, Yokomori and Ozawa 2016).

    voiced [N] of units: where there is a pitch to shift. WORLD's own tracker finds one in many consonants,
    and a voice trained on copies with pitch there makes its consonants voiced. wide: the same wav at another
    rate, whose spectra are taken instead; its pitch is that at 16 kHz. Raises UserError when pyworld is not
    installed.
    """
    world = load_world()
    low, high = search_range(wav, world)
    f0, times = world.harvest(wav, SAMPLE_RATE, f0_floor=low, f0_ceil=high, frame_period=FRAME_MS)
    # The default frame is made for 71 Hz and up, and takes what is lower for unvoiced.
    size = world.get_cheaptrick_fft_size(rate, F_MIN)
    own = wav if wide is None else wide
    if voiced is not None:
        units = (times * SAMPLE_RATE / UNIT_HOP).astype(int)
        f0 = np.where(voiced[np.minimum(units, len(voiced) - 1)], f0, 0.0)
    envelope = world.cheaptrick(own, f0, times, rate, fft_size=size)
    return Voice(f0, envelope, world.d4c(own, f0, times, rate, fft_size=size), rate)


def search_range(wav: np.ndarray, world) -> tuple[float, float]:
    """(lowest, highest) Hz for the good tracker, around what the quick one finds in wav [S].

    Of the time that copies take, harvest over the whole range has four fifths, and it grows with the range.
    Against the labels' tracker on three voices gross errors rose by .4 % at most; less voicing was missed.
    """
    f0, _ = world.dio(wav, SAMPLE_RATE, f0_floor=F_MIN, f0_ceil=F_MAX, frame_period=FRAME_MS)
    if not (f0 > 0).any():
        return F_MIN, F_MAX
    low, high = np.percentile(f0[f0 > 0], (5, 95))
    return max(F_MIN, low / AROUND), min(F_MAX, high * AROUND)


def synthesise(voice: Voice, semitones: np.ndarray, samples: int) -> np.ndarray:
    """float64 [samples] with F0 moved by semitones [frames] and formants kept; what is unvoiced stays."""
    moved = np.clip(voice.f0 * 2 ** (semitones[: len(voice.f0)] / 12), F_MIN, F_MAX)
    f0 = np.where(voice.f0 > 0, moved, 0.0)
    made = load_world().synthesize(f0, voice.envelope, voice.noise, voice.rate, FRAME_MS)
    return np.pad(made, (0, max(0, samples - len(made))))[:samples]


def move_pitch(wav: np.ndarray, semitones: np.ndarray, voiced: np.ndarray | None = None) -> np.ndarray:
    """wav float64 [S] with its F0 moved by semitones [frames of 5 ms] and its formants kept -> [S].

    voiced: as `analyse`'s.
    """
    return synthesise(analyse(wav, voiced), semitones, len(wav))


def load_world():
    """pyworld. Raises UserError that says how to install it."""
    try:
        import pyworld  # noqa: PLC0415  one sentence where it is missing
    except ImportError as error:
        raise UserError(
            f"copies with moved pitch need the package pyworld ({error}): pip install pyworld-prebuilt"
        ) from error
    return pyworld


def wanted_copies(folder: DataFolder, args: argparse.Namespace, tracker: str) -> Settings | None:
    """Settings of the copies asked for now or before, or None. Raises UserError without their package."""
    asked, given = args.augment_pitch, {}
    if isinstance(asked, tuple):
        given = {"pitch": 0.0, "low": asked[0], "high": asked[1]}
    elif asked is not None:
        given = {"pitch": asked, "low": 0.0, "high": 0.0}
    given |= {"gain": args.augment_gain, "copies": args.augment_copies}
    wanted = settings(folder, pitch.resolve(tracker), **given)
    if wanted and wanted.moves_pitch:
        load_world()
    return wanted


def make_copies(
    folder: DataFolder, args: argparse.Namespace, tracker: str, band: Band = LOW, redo: bool = False
) -> list[tuple[str, str]]:
    """--augment_pitch, --augment_gain: copies of the training recordings; without these options as before.

    Returns (whose copies, why) of those that failed.
    """
    wanted = wanted_copies(folder, args, tracker)
    if wanted is None:
        return []
    tracker = pitch.resolve(tracker)
    plan(folder, wanted)
    left = missing(folder, redo, band)
    work = partial(make, wanted, partial(pitch.track, tracker=tracker), redo, band)
    made, failures = each_key(work, folder, left, args.n_workers, "copies")
    if folder.copies:
        already = len(folder.copies) - sum(map(len, left.values()))
        print(f"{folder.root}: {sum(made.values())} pitch-shifted copies made, {already} there already")
    return [(f"copies of {key}", reason) for key, reason in failures]
