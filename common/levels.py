"""Active level of speech from the levels of its frames, and the frames that are a blow and no speech.

Levels are dB [N] of frames of 64 ms every 20 ms, as `audio.loudness` gives them. Only their distances matter,
so that a gain changes nothing.
"""

from __future__ import annotations

import numpy as np

ACTIVE_RANGE_DB = 20.5  # below the active level: what is softer is pause
STEP_DB = 1.0  # between the levels at which blows are looked for
SHORT, LONG = 8, 25  # frames: a click with its flanks; a slammed door as far as it is above the voice
LOUD_PERCENTILE = 95  # of the active frames of the rest: its loudest syllables
ABOVE_DB, ABOVE_SLOW_DB = 7.0, 8.0  # over these; in 550 recordings only puffs of breath reach so far
SUDDEN = 3  # frames within which a blow rises from the loudest syllables on; a swelling note is slow
SLOPE_DB = 0.5  # by which a blow rises or dies away in a frame; a held note drifts by less
FEW = 3  # blows in a recording; more of them are its content
REST, REST_PER_BLOW = 25, 0.4  # active frames of the rest, fewer of which say nothing of its level
STEADY_PERCENTILE, OVER_NOISE_DB = 3, 5.0  # so far above its softest frames: speech, and no room's noise
FAR_DB = 50.0  # a long one that far above the rest is all there is, and the rest is the noise of the room
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

    A blow is short, and louder than the loudest syllables of all the rest. The lowest level is taken above
    which nothing but blows lie, and each is followed down to where the recording continues.
    """
    db = np.asarray(db, dtype=np.float64)
    none = np.zeros(len(db), dtype=bool)
    if len(db) < 2:
        return none
    start = np.partition(db, -min(FEW * LONG, len(db)))[-min(FEW * LONG, len(db))]
    for threshold in np.arange(start + STEP_DB, db.max(), STEP_DB):
        runs = runs_of(db > threshold)
        if len(runs) <= FEW and np.diff(runs).max() <= LONG and _are_blows(db, runs, threshold):
            return _with_flanks(db, runs, _level_of(db[db <= threshold]))
    return none


def runs_of(mask: np.ndarray) -> np.ndarray:
    """[M, 2]: first frame and end of each run of true."""
    return np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2)


def _are_blows(db: np.ndarray, runs: np.ndarray, threshold: float) -> bool:
    """Whether runs, the frames above a threshold, are blows."""
    # What a blow leaves behind while it dies away must not count as the rest.
    mask = _with_flanks(db, runs, -np.inf)
    rest = db[~mask]
    if len(rest) < REST:
        return False
    level, enough = _level_of(rest), max(REST, REST_PER_BLOW * mask.sum())
    active = rest[rest > level - ACTIVE_RANGE_DB]
    loud = np.percentile(active, LOUD_PERCENTILE)
    slow = any(first >= SUDDEN and db[first - SUDDEN] > loud for first, _ in runs)
    if len(active) < enough or threshold - loud < (ABOVE_SLOW_DB if slow else ABOVE_DB):
        return False
    # A lone word in a quiet room is as short and as loud as a slammed door: then the rest is steady noise.
    audible = rest[rest > rest.max() - PAUSE_DB]
    speech = (audible > np.percentile(audible, STEADY_PERCENTILE) + OVER_NOISE_DB).sum()
    return np.diff(runs_of(mask)).max() <= SHORT or (threshold - level <= FAR_DB and speech >= enough)


def _with_flanks(db: np.ndarray, runs: np.ndarray, level: float) -> np.ndarray:
    """bool [N]: runs, and the frames beside them on which they rise and die away, down to `level`."""
    mask = np.zeros(len(db), dtype=bool)
    for first, stop in runs:
        while first > 0 and level < db[first - 1] < db[first] - SLOPE_DB:
            first -= 1
        while stop < len(db) and level < db[stop] < db[stop - 1] - SLOPE_DB:
            stop += 1
        mask[first:stop] = True
    return mask
