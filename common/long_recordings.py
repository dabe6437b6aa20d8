"""A recording of hours as one channel, decoded part by part: twice, as the whole decides what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import soxr

from common import decoding
from common.advance import Advance, counted, share, unseen
from common.cli import UserError
from common.mono import loudest_alone, steady_offset
from common.spool import Spool

PARTS = 600  # tenths of a second that are worked on at once


def read(
    path: Path,
    wanted: int,
    say: Callable[[str], None],
    folder: Path | None = None,
    advance: Advance = unseen,
) -> Spool:
    """Mono [S] at the rate wanted (Hz), as `audio.to_mono_16k` makes it of the whole, in a temporary file.

    The numbers are those of a short recording but for the last digits of a resampled one. Raises UserError
    as that does.
    """
    survey = Survey(path, share(advance, 0.5))
    channel = loudest_alone(survey.mixed, survey.powers, path, say)
    which = 0 if channel is None else 1 + channel
    offset = steady_offset(survey.deviations[:, which], survey.means[:, which], survey.peaks[which])
    out, rate = Spool(folder), survey.rate
    length = -(-survey.frames * wanted // rate)
    stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32", quality="HQ") if rate != wanted else None
    parts = counted(_parts(path, rate), survey.frames, share(advance, 0.5))
    for samples in chain(parts, [None]):
        if samples is not None:
            mono = np.ascontiguousarray(_candidates(samples)[:, which])
            mono = (mono - offset).astype(np.float32) if offset else mono
        elif stream is None:
            break
        else:
            mono = np.zeros(0, np.float32)
        made = mono if stream is None else stream.resample_chunk(mono, last=samples is None)
        out.append(made[: length - len(out)])
    out.append(np.zeros(length - len(out), np.float32))
    return out


class Survey:
    """What `read` has to know of the whole: powers, peaks, and the tenths of a second. Raises UserError.

    mixed: power of the channels' mean; powers [C] of theirs; of that mean and of each channel in turn the
    peaks [1 + C], and deviations and means [M, 1 + C] of the tenths.
    """

    def __init__(self, path: Path, advance: Advance = unseen) -> None:
        self.rate = next(rate for _, rate in decoding.blocks(path))
        self.frames, tenth = 0, self.rate // 10
        sums, peaks, deviations, means = [], [], [], []
        for samples in counted(_parts(path, self.rate), self.rate * decoding.seconds(path), advance):
            decoding.require_samples(path, float(np.abs(samples).max()))
            each = _candidates(samples)
            self.frames += len(each)
            peaks.append(np.abs(each).max(axis=0))
            sums.append(np.square(each, dtype=np.float64).sum(axis=0))
            tenths = each[: len(each) // tenth * tenth].reshape(-1, tenth, each.shape[1]).astype(np.float64)
            deviations.append(tenths.std(axis=1))
            means.append(tenths.mean(axis=1))
        if not self.frames:
            raise UserError(f"{path}: expected audio, found no samples")
        self.mixed, *powers = np.sum(sums, axis=0) / self.frames
        self.powers, self.peaks = np.array(powers), np.max(peaks, axis=0)
        self.deviations, self.means = np.concatenate(deviations), np.concatenate(means)


def _candidates(samples: np.ndarray) -> np.ndarray:
    """[S, C] -> [S, 1 + C]: the channels' mean, then each."""
    return np.concatenate([samples.mean(axis=1, keepdims=True), samples], axis=1)


def _parts(path: Path, rate: int) -> Iterator[np.ndarray]:
    """Samples [S', C] of so many whole tenths of a second each, the last one what is left."""
    size, held, count = PARTS * (rate // 10), [], 0
    for block, found in decoding.blocks(path):
        if found != rate:
            raise UserError(f"{path}: expected one sample rate, found {rate} and {found} Hz; write it again")
        held.append(block)
        count += len(block)
        if count >= size:
            samples = np.concatenate(held)
            whole = len(samples) // size * size
            for first in range(0, whole, size):
                yield samples[first : first + size]
            held, count = [samples[whole:]], len(samples) - whole
    if held and len(rest := np.concatenate(held)):
        yield rest
