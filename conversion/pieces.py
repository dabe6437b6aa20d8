"""A recording of any length in pieces of 30 s, whose result is the whole's.

What the whole decides (levels, an offset, a peak) is measured in a pass of its own before it is needed. Short
recordings are one piece, in memory; of long ones wavs and content units lie in temporary files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

import audio
import bands
from audio import UNIT_HOP
from bands import Band
from common import limiter
from common.advance import Advance, unseen
from common.cli import UserError
from common.levels import active_level
from common.spool import Samples, Spool, folder_of, gathered
from conversion import levelling
from conversion.prosody import Curve, Prosody
from conversion.rates import mel_for
from hubert_pitdyn import windows
from hubert_pitdyn.attention_windows import count_windows
from hubert_pitdyn.labels import PitLabels
from hubert_pitdyn.units import Analysis, Encoder, encode_batch
from vocoder import pieces
from vocoder.breath import NOTHING
from vocoder.frame_f0 import Span, frame_f0

PIECE = 1500  # units, 30 s
PAUSE_REACH, LOUDNESS_REACH, LIMITER_REACH = 2, 3, 1  # units either side that have to do with a sample
RESAMPLER_REACH = 2  # units
COMB_REACH = 10  # units: two octaves below 50 Hz, and the spline between samples
Work = Callable[[np.ndarray, slice], np.ndarray]  # (samples of some units, these) -> as many samples


def analysed(encoder: Encoder, prepared: audio.Prepared, advance: Advance = unseen) -> Analysis:
    """Analysis of a recording as a batch of one; where its wav is in a file, so is its content [N, D]."""
    if count_windows(prepared.units) == 1:
        return encode_batch(encoder, [prepared.wav[:]])[0]
    read, units = windows.EncoderInput(prepared.wav), prepared.units
    content, pit, dyn = None, [], []
    for first, found in windows.analyse(encoder, read, units, advance):
        part, *others = (x[0].cpu().numpy() for x in found)
        if content is None:
            content = _rows(prepared.wav, units, part)
            pit, dyn = (np.empty((units, x.shape[1]), x.dtype) for x in others)
        if isinstance(content, Spool):
            content.append(part)
        else:
            content[first : first + len(part)] = part
        for whole, x in zip((pit, dyn), others, strict=True):
            whole[first : first + len(x)] = x
    device = encoder.content.proj.weight.device
    content = content if isinstance(content, Spool) else torch.from_numpy(content).to(device)[None]
    return Analysis(content, *(torch.from_numpy(x)[None].to(device) for x in (pit, dyn)))


def _rows(wav: Samples, units: int, like: np.ndarray) -> np.ndarray | Spool:
    """Where the rows of all units go."""
    if isinstance(wav, Spool):
        return Spool(wav.folder, like.shape[1:])
    return np.empty((units, *like.shape[1:]), like.dtype)


def part_of(analysis: Analysis, first: int, stop: int, device: torch.device) -> Analysis:
    """The units first to stop of an analysis, [1, N', …] each."""
    content, pit, dyn = analysis
    rows = (
        torch.from_numpy(content[first:stop])[None] if isinstance(content, Spool) else content[:, first:stop]
    )
    return Analysis(*(x.to(device) for x in (rows, pit[:, first:stop], dyn[:, first:stop])))


def with_prosody(content: torch.Tensor | Spool, prosody: Prosody) -> Analysis:
    """Content [1, N, D], or in a file [N, D], with the pitch and the loudness of a prosody."""
    like = torch.empty(0) if isinstance(content, Spool) else content
    return Analysis(content, *(torch.from_numpy(p).to(like)[None] for p in (prosody.pit, prosody.dyn)))


def by_blocks(
    wav: Samples, reach: int, work: Work, unit: int = UNIT_HOP, gives: int | None = None
) -> Iterator[np.ndarray]:
    """[unit N] through work, in blocks that are given as many units either side as it reaches.

    gives: samples that work makes of a unit (None: as many as it has).
    """
    units, gives = len(wav) // unit, gives or unit
    for first in range(0, units, PIECE):
        stop = min(first + PIECE, units)
        left, right = max(0, first - reach), min(units, stop + reach)
        made = work(wav[unit * left : unit * right], slice(left, right))
        yield made[gives * (first - left) : gives * (stop - left)]


@torch.inference_mode()
def waves(
    stages: tuple,
    analysis: Analysis,
    curve: Curve | None,
    octaves: np.ndarray,
    labels: PitLabels | None,
    breath: Sequence[float] = NOTHING,
) -> Iterator[np.ndarray]:
    """(encoder, acoustic model, vocoder), what they are to synthesise and its curve -> wavs [S'] in turn, at
    the rate of the vocoder's band.

    octaves [N]: by how many the acoustic model is given another pitch than the vocoder; breath: dB of
    vocoder/breath.py. Raises UserError for
    samples that are not finite.
    """
    encoder, acoustic, vocoder = stages
    device, units = encoder.content.proj.weight.device, analysis.pit.shape[1]
    # The F0 that the acoustic model was given is more reliable than one predicted from its mel.
    hertz = voiced = None
    if curve is not None:
        hertz, voiced = frame_f0(curve.melody, Span.whole(units))

    def embedded() -> Iterator[torch.Tensor]:
        for first in range(0, units, PIECE):
            part = part_of(analysis, first, min(first + PIECE, units), device)
            if (moves := octaves[first : first + PIECE]).any():
                moved = labels.shift(part.pit[0].cpu().numpy(), moves)
                part = part._replace(pit=torch.from_numpy(moved).to(part.pit)[None])
            yield encoder.embed(part)

    def mels() -> Iterator[tuple]:
        at = 0
        for mel in acoustic.generate_pieces(embedded):
            frames = slice(at, at + mel.shape[1])
            given = [
                None if x is None else torch.from_numpy(x[frames])[None].to(device) for x in (hertz, voiced)
            ]
            mel = mel_for(vocoder, acoustic, mel)
            yield mel, None if hertz is None else given[0].to(mel), given[1]
            at = frames.stop

    for wav in pieces.synthesise(vocoder, mels(), breath=breath):
        made = wav.flatten().cpu().numpy()
        if not np.isfinite(made).all():
            raise UserError("the result holds NaN or infinite samples: the weights or the options are broken")
        yield made


def lowered(made: Samples, band: Band, folder: Path | None) -> Samples:
    """A conversion [unit N] at the rate of a band -> [320N] at 16 kHz; itself where it has that rate."""
    if not band.is_wide:
        return made
    low = by_blocks(made, RESAMPLER_REACH, lambda x, _: bands.lowered(x, band), band.unit, UNIT_HOP)
    return gathered(low, _count(made, band), folder)


def _count(made: Samples, band: Band) -> int:
    """Samples at 16 kHz of [unit N]: what is in memory at that rate is so at any."""
    return len(made) // band.unit * UNIT_HOP


def at_its_level(
    made: Samples, source: Samples, gain: float, louder: np.ndarray | float, band: Band
) -> Samples:
    """[unit N] with the source's pauses and its active level plus gain (dB), limited; in no file if short.

    louder: dB [N] by which its loudness re the active level is not the source's.
    """
    folder = folder_of(source)
    db = audio.loudness(source, floor_db=audio.SILENCE_DB)
    level, wanted = active_level(db) + gain, db - active_level(db) + louder
    own = audio.level(lowered(made, band, folder))

    def paused(wav: np.ndarray, at: slice) -> np.ndarray:
        return levelling.with_pauses(wav, wanted[at], own, band)

    made = gathered(by_blocks(made, PAUSE_REACH, paused, band.unit), _count(made, band), folder)
    now = audio.level(lowered(made, band, folder))

    def scaled(wav: np.ndarray, _: slice) -> np.ndarray:
        if now <= audio.LOUDNESS_FLOOR_DB:
            return wav
        return (wav * 10.0 ** ((level - now) / 20)).astype(np.float32)

    return gathered(_limited(made, scaled, band), _count(made, band), folder)


def _limited(made: Samples, scaled: Work, band: Band) -> Iterator[np.ndarray]:
    """`limiter.limited` of what `scaled` makes of [unit N], in blocks."""
    window = levelling.samples(limiter.LIMITER_WINDOW, band)

    def peak(work: Work) -> float:
        return max(map(limiter.peak_of, by_blocks(made, LIMITER_REACH, work, band.unit)))

    highest = peak(scaled)
    if highest <= limiter.PEAK_LIMIT:
        yield from by_blocks(made, 0, scaled, band.unit)
        return

    def turned_down(wav: np.ndarray, at: slice) -> np.ndarray:
        return limiter.turned_down(scaled(wav, at), highest, window)

    left = peak(turned_down)
    for block in by_blocks(made, LIMITER_REACH, turned_down, band.unit):
        yield limiter.limit_peak(block, left)


def high_notes(made: Samples, curve: Curve, octaves: np.ndarray, folder: Path | None, band: Band) -> Samples:
    """[unit N] whose mel was octaves [N] below its curve, without subharmonics and as loud as the curve."""
    marked = octaves != 0
    hertz, _ = frame_f0(curve.melody, Span.whole(len(curve)))

    def comb(wav: np.ndarray, at: slice) -> np.ndarray:
        frames = hertz[2 * at.start : 2 * at.stop]
        return levelling.without_subharmonics(wav, curve.melody[at], octaves[at], frames, band)

    made = gathered(by_blocks(made, COMB_REACH, comb, band.unit), _count(made, band), folder)
    offset = levelling.offset_of(lowered(made, band, folder), curve.db, marked)

    def louder(wav: np.ndarray, at: slice) -> np.ndarray:
        return levelling.with_loudness(wav, curve.db[at], marked[at], offset, band)

    return gathered(by_blocks(made, LOUDNESS_REACH, louder, band.unit), _count(made, band), folder)


def restored(prepared: audio.Prepared, wav: Samples, trim: bool, rate: int) -> Samples:
    """[S] at `rate` in the source's length, the trimmed silence as zeros; with trim without it."""
    start, kept, total = (audio.at_rate(x, rate) for x in (prepared.start, prepared.kept, prepared.total))
    kept = min(kept, len(wav), total - start)
    if not isinstance(wav, Spool):
        return wav[:kept] if trim else prepared.restore(wav, rate)
    parts = [(start, None), (kept, wav), (total - start - kept, None)]
    out = Spool(wav.folder)
    for count, given in parts[1:2] if trim else parts:
        for first in range(0, count, audio.BLOCK):
            stop = min(first + audio.BLOCK, count)
            out.append(np.zeros(stop - first, np.float32) if given is None else given[first:stop])
    return out
