"""Where a recording begins and ends: the silence before and behind it."""

from __future__ import annotations

import numpy as np

from common.spool import Samples

FRAME, HOP = 512, 128  # samples
QUIET_DB = 50.0  # below the loudest frame
ABOVE_NOISE_DB = 6.0  # a frame no further above a recording's steady noise is silence, too,
SPEECH_RANGE_DB = 35.0  # if it is as far below the loudest frame
MARGIN = 1600  # samples of noise that are left, for breaths
BLOCK = 10_000  # hops of which powers are measured at once, 80 s
SILENCE_DB = -150.0  # re full scale: digital silence


def active_span(wav: Samples, blow: np.ndarray, unit: int) -> tuple[int, int]:
    """First sample and end of [S] without the silence before and behind it; all of it where nothing is loud.

    Silent is what lies 50 dB below the loudest frame; at an end where nothing is as soft, what lies hardly
    above the recording's own steady noise. A blow (bool for each `unit` samples, `levels.blows`) is not the
    loudest frame, and before or behind everything else it belongs to the silence.
    """
    count = len(wav) // HOP + 1
    power = np.concatenate([_powers(wav, at, min(at + BLOCK, count)) for at in range(0, count, BLOCK)])
    db = 10 * np.log10(np.maximum(power, 10.0 ** (SILENCE_DB / 10)))
    if len(blow):
        db = np.where(blow[np.minimum(HOP * np.arange(count) // unit, len(blow) - 1)], SILENCE_DB, db)
    loudest = db.max()
    if loudest <= SILENCE_DB:
        return 0, len(wav)
    noise = np.percentile(db[db > SILENCE_DB], 5)
    start, stop = _span(db > loudest - QUIET_DB, len(wav))
    first, last = _span(db > min(noise + ABOVE_NOISE_DB, loudest - SPEECH_RANGE_DB), len(wav))
    if start == 0 and first >= 2 * MARGIN:
        start = first - MARGIN
    if stop == len(wav) and stop - last >= 2 * MARGIN:
        stop = last + MARGIN
    return start, stop


def _powers(wav: Samples, first: int, stop: int) -> np.ndarray:
    """Mean power of the frames centred on the hops first to stop of [S], with zeros beyond its ends."""
    begin, end = HOP * first - FRAME // 2, HOP * (stop - 1) + FRAME // 2
    power = np.square(wav[max(0, begin) : min(end, len(wav))], dtype=np.float64)
    total = np.cumsum(np.pad(power, (max(0, -begin) + 1, max(0, end - len(wav)))))
    starts = HOP * np.arange(stop - first)
    return np.maximum(total[starts + FRAME] - total[starts], 0) / FRAME


def _span(active: np.ndarray, samples: int) -> tuple[int, int]:
    """First sample and end of what is active, bool for each hop of so many samples."""
    hops = np.flatnonzero(active)
    return HOP * int(hops[0]), min(samples, HOP * int(hops[-1] + 1))
