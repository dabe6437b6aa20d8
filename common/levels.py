"""Active level of speech from the levels of its frames, and the frames that are a blow and no speech.

Levels are dB [N] of frames of 64 ms every 20 ms, as `audio.loudness` gives them. Only their distances matter,
so that a gain changes nothing.
"""

from __future__ import annotations

import numpy as np

ACTIVE_RANGE_DB = 20.5  # below the active level: what is softer is pause
STEP_DB = 1.0  # between the levels at which blows are looked for
SHORT, LONG = 6, 22  # frames: a click is over in the first, a slammed door above the voice in the second
ABOVE_SHORT_DB, ABOVE_LONG_DB = 14.0, 18.0  # over the active level of the rest: no syllable leaps as far
ABOVE_SUDDEN_DB, SUDDEN_DB = 11.0, 10.0  # and this for a short one that begins with a leap
FEW = 3  # blows in a recording; more of them are its content
FAR_DB = 50.0  # a long one that far above the rest is all there is, and the rest is the noise of the room
SPEECH, OVER_NOISE_DB = 25, 5.0  # frames of the rest that lie so far above its softest tenth: speech or song
PAUSE_DB = 60.0  # below the loudest of the rest: digital silence, which says nothing of the room


def active_level(db: np.ndarray) -> float:
    """Active speech level in dB: mean power of the frames of [N] that are no pause and no blow.

    A frame is active within 20.5 dB of that level itself, so that neither pauses nor how little of it is
    speech move it: as ITU-T P.56 has it (method B, margin 15.9 dB of an envelope), on frame powers.
    """
    db = np.asarray(db, dtype=np.float64)
    return _level_of(db[~blows(db)])


def _level_of(db: np.ndarray) -> float:
    """The highest level that is the mean power of the frames within 20.5 dB below it and all above."""
    db = np.sort(db)[::-1]
    means = 10 * np.log10(np.cumsum(10.0 ** (db / 10)) / np.arange(1, len(db) + 1))
    # From the loudest on, it ends where the next frame is too soft to belong to those so far.
    ends = np.append(db[1:], -np.inf) < means - ACTIVE_RANGE_DB
    return float(means[ends.argmax()])


def blows(db: np.ndarray) -> np.ndarray:
    """bool [N]: frames of clicks, pops, thumps and slammed doors.

    A blow is short and far above the active level of all the rest. The lowest level is taken above which
    nothing but blows lie, and each is followed down to where the recording continues.
    """
    db = np.asarray(db, dtype=np.float64)
    none = np.zeros(len(db), dtype=bool)
    if len(db) < 2:
        return none
    start = np.partition(db, -min(FEW * LONG, len(db)))[-min(FEW * LONG, len(db))]
    for threshold in np.arange(start + STEP_DB, db.max(), STEP_DB):
        runs = runs_of(db > threshold)
        if len(runs) <= FEW and (_are_short(db, runs, threshold) or _are_long(db, runs, threshold)):
            return _with_flanks(db, runs, _level_of(db[db <= threshold]))
    return none


def runs_of(mask: np.ndarray) -> np.ndarray:
    """[M, 2]: first frame and end of each run of true."""
    return np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2)


def _are_short(db: np.ndarray, runs: np.ndarray, threshold: float) -> bool:
    """Whether runs, the frames above a threshold, are clicks and pops."""
    if np.diff(runs).max() > SHORT:
        return False
    above = threshold - _level_of(db[db <= threshold])
    leaps = [db[first : first + 2].max() - db[max(0, first - 2)] for first, _ in runs if first]
    return above >= (ABOVE_SUDDEN_DB if min(leaps, default=0.0) >= SUDDEN_DB else ABOVE_SHORT_DB)


def _are_long(db: np.ndarray, runs: np.ndarray, threshold: float) -> bool:
    """Whether runs, the frames above a threshold, are thumps and slammed doors."""
    if np.diff(runs).max() > LONG:
        return False
    # What a blow leaves behind while it dies away must not count as the rest.
    rest = db[~_with_flanks(db, runs, -np.inf)]
    if not len(rest) or not ABOVE_LONG_DB <= threshold - _level_of(rest) <= FAR_DB:
        return False
    # A lone word in a quiet room is as short and as loud: then the rest is steady noise.
    audible = rest[rest > rest.max() - PAUSE_DB]
    speech = (audible > np.percentile(audible, 10) + OVER_NOISE_DB).sum()
    return speech >= max(SPEECH, len(db) - len(rest))


def _with_flanks(db: np.ndarray, runs: np.ndarray, level: float) -> np.ndarray:
    """bool [N]: runs, and the frames beside them on which they rise and die away, down to `level`."""
    mask = np.zeros(len(db), dtype=bool)
    for first, stop in runs:
        while first > 0 and level < db[first - 1] < db[first]:
            first -= 1
        while stop < len(db) and level < db[stop] < db[stop - 1]:
            stop += 1
        mask[first:stop] = True
    return mask
