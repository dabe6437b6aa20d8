"""Synthesis of mels that come piece by piece, as of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from torch import Tensor

from common.lookahead import Parts, lookahead
from vocoder.breath import NOTHING
from vocoder.source import Source


def synthesise(
    vocoder, pieces: Iterable[Parts], live: bool = False, breath: Sequence[float] = NOTHING
) -> Iterator[Tensor]:
    """(mel [1, n_mels, T], F0 [1, T] in Hz or None, bool voiced [1, T] or None) … -> wav [1, 1, hop T'] ….

    A vocoder that is not conditioned on F0 leaves it out, and breath (dB, see vocoder/breath.py) with it. The
    waves follow one another and are as long as the mels together; each comes `vocoder.reach` frames late.
    live: see `lookahead`.
    """
    source = Source()

    def work(parts: Parts, first: int, done: int) -> Tensor:
        mel, f0, voiced = parts
        if not vocoder.conditioned_on_f0:
            return vocoder(mel)
        return vocoder(mel, f0, voiced, source.at(first, done), breath)

    return lookahead(pieces, vocoder.reach, vocoder.band.hop, work, live)
