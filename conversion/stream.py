"""Conversion of sound that arrives in blocks: a window of 15 s at a time, at levels by what has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import audio
from audio import UNIT_HOP, UNIT_RATE
from bands import lowered
from common import limiter
from common.cli import UserError
from common.levels import active_level, blows
from common.lookahead import lookahead
from conversion import levelling, pieces, pitch_errors
from conversion.prosody import Controls, PitchRange, Prosody
from conversion.rates import mel_for
from hubert_pitdyn import windows
from hubert_pitdyn.attention_windows import WINDOW, WINDOW_HOP, WINDOW_OVERLAP
from hubert_pitdyn.front_ends import Context
from hubert_pitdyn.units import Analysis
from vocoder.frame_f0 import Span, frame_f0
from vocoder.pieces import synthesise

if TYPE_CHECKING:
    from conversion.converter import VoiceConverter

REMEMBERED = 600 * UNIT_RATE  # units by which levels are estimated: the last ten minutes
REACH = pieces.COMB_REACH + pieces.LOUDNESS_REACH + pieces.PAUSE_REACH + pieces.LIMITER_REACH
WHOLE = ("auto_pitch", "pitch_scale")  # controls that the whole melody decides


class Running:
    """Active level (dB) of what has come so far."""

    def __init__(self, given: float | None = None) -> None:
        self.given, self.db = given, np.zeros(0, np.float32)

    def heed(self, db: np.ndarray) -> float:
        """Loudness [N] of units that follow those before, in dB -> the level."""
        self.db = np.concatenate([self.db, db])[-REMEMBERED:]
        return active_level(self.db) if self.given is None else self.given


class Sides:
    """What else is to be known of units that are on their way: arrays [N, …] by the number of the unit."""

    def __init__(self) -> None:
        self.first, self.arrays = 0, None

    def append(self, *arrays: np.ndarray) -> None:
        """Of the units that follow."""
        before = self.arrays or [x[:0] for x in arrays]
        self.arrays = [np.concatenate(pair) for pair in zip(before, arrays, strict=True)]

    def of(self, first: int, stop: int) -> list[np.ndarray]:
        """Of the units first to stop."""
        return [x[first - self.first : stop - self.first] for x in self.arrays]

    def forget(self, first: int) -> None:
        """What lies before a unit."""
        self.arrays, self.first = self.of(first, self.first + len(self.arrays[0])), first


class Stream:
    """Blocks of a conversion, float32 [S'] at its converter's rate, of blocks of a recording, and as long.

    Each window is analysed when it is there, and its middle is given. For a recording whose level and
    spectrum stay what they are that is what the conversion of the whole gives, but that nothing is trimmed.
    latency: seconds of sound that must have come after a sample before its conversion is given, at most.
    """

    def __init__(
        self, converter: VoiceConverter, blocks: Iterable[np.ndarray], level_db: float | None, **controls: Any
    ) -> None:
        """blocks: float [S'] at 16 kHz; level_db: active level of the recording in dB re full scale, where it
        is known. Raises UserError for controls that the whole recording decides."""
        self.converter, self.blocks, self.controls = converter, blocks, Controls(**controls)
        if wanted := [name for name in self.controls.changed() if name in WHOLE]:
            raise UserError(f"{', '.join(wanted)}: the whole recording decides it, which a stream has not")
        self.band = converter.vocoder.band
        self.source, self.made, self.quiet = Running(level_db), Running(), Running()
        self.samples, self.level, self.heeded = 0, 0.0, 0
        self.measures: dict = {}
        self.sides = Sides()

    @property
    def latency(self) -> float:
        later = self.converter.acoustic.reach + -(-self.converter.vocoder.reach // 2) + REACH
        return (windows.MARGIN + max(WINDOW, WINDOW - WINDOW_OVERLAP + later)) / UNIT_RATE

    def __iter__(self) -> Iterator[np.ndarray]:
        given = 0
        for wav in lookahead(self._waves(), REACH, self.band.unit, self._levelled, live=True):
            block = wav[: audio.at_rate(self.samples, self.band.rate) - given].numpy()
            given += len(block)
            yield block

    def _windows(self) -> Iterator[tuple[np.ndarray, int, bool]]:
        """(samples of a window and its neighbours' units, how many of these are before it, whether it is the
        last)."""
        held, left = np.zeros(0, np.float32), 0
        whole = WINDOW + windows.MARGIN
        for block in self.blocks:
            if np.ndim(block) != 1 or np.asarray(block).dtype.kind != "f":
                found = f"{np.asarray(block).dtype} of shape {np.shape(block)}"
                raise UserError(
                    f"stream: expected blocks of floats [S], one channel at 16 kHz, found {found}"
                )
            self.samples += len(block)
            held = np.concatenate([held, np.asarray(block, dtype=np.float32)])
            while len(held) >= UNIT_HOP * (left + whole):
                yield held[: UNIT_HOP * (left + whole)], left, False
                held, left = held[UNIT_HOP * (left + WINDOW_HOP - windows.MARGIN) :], windows.MARGIN
        if not self.samples:
            return
        held = audio.on_grid(held)
        while len(held) > UNIT_HOP * (left + WINDOW - WINDOW_OVERLAP):
            yield held[: UNIT_HOP * (left + whole)], left, False
            held, left = held[UNIT_HOP * (left + WINDOW_HOP - windows.MARGIN) :], windows.MARGIN
        yield held, left, True

    @torch.inference_mode()
    def _units(self) -> Iterator[torch.Tensor]:
        """Units [1, N', D] that follow one another, and into `sides` what else is to be known of them."""
        encoder = self.converter.encoder
        for held, left, last in self._windows():
            units = len(held) // UNIT_HOP
            right = max(0, units - left - WINDOW)
            stop = units - right
            start = (
                min(stop, left + WINDOW - WINDOW_HOP) if left else 0
            )  # the window before had what is before
            db = audio.loudness(held, floor_db=audio.SILENCE_DB)
            self.level = self.source.heed(db[start:stop])
            blow = blows(self.source.db)[-stop:]
            read = audio.encoder_input(held, self.level, np.pad(blow, (0, right)))
            if start < stop:
                self.measures = windows.joined(self.measures, windows.measures(encoder, read, start, right))
            known = windows.known_by(self.measures)
            analysis = windows.analyse_window(encoder, read, Context(left, right, known))
            gives = slice(WINDOW_OVERLAP if left else 0, None if last else WINDOW - WINDOW_OVERLAP)
            own = held[left * UNIT_HOP : stop * UNIT_HOP]
            yield self._edited(analysis, own, db[left:stop] - self.level, gives)

    def _edited(
        self, analysis: Analysis, wav: np.ndarray, relative: np.ndarray, gives: slice
    ) -> torch.Tensor:
        """The units [1, N', D] that a window gives, with the prosody edited.

        wav [320N]: what was analysed; relative [N]: its loudness re the active level.
        """
        converter, like = self.converter, analysis.content
        if converter.labels is None:
            self.sides.append(relative[gives])
            return converter.encoder.embed(pieces.part_of(analysis, gives.start, gives.stop, like.device))
        pit = pitch_errors.correct(analysis.pit[0].cpu().numpy(), converter.labels[0], wav, relative)
        own = Prosody(pit, analysis.dyn[0].cpu().numpy(), *converter.labels)
        prosody, _ = own.edited(self.controls, PitchRange.from_card(converter.card))
        curve, pit = prosody.curve(), prosody.pit
        octaves = converter.octaves_inside(curve)
        if octaves.any():
            pit = converter.labels[0].shift(pit, octaves)
        else:
            octaves = np.zeros(len(curve))
        hertz, voiced = (x.reshape(-1, 2) for x in frame_f0(curve.melody, Span.whole(len(curve))))
        wanted = relative + curve.db - own.curve().db
        self.sides.append(*(x[gives] for x in (wanted, curve.melody, curve.db, octaves, hertz, voiced)))
        edited = Analysis(like, *(torch.from_numpy(p).to(like)[None] for p in (pit, prosody.dyn)))
        return converter.encoder.embed(pieces.part_of(edited, gives.start, gives.stop, like.device))

    def _mels(self) -> Iterator[tuple]:
        """(mel [1, n_mels, T], F0 [1, T], voiced [1, T]) in turn."""
        at = 0
        for mel in self.converter.acoustic.generate_pieces(self._units, live=True):
            stop = at + mel.shape[1] // 2
            *_, hertz, voiced = self.sides.of(at, stop) if self.converter.labels else (None, None)
            given = [None if x is None else torch.from_numpy(x.reshape(1, -1)) for x in (hertz, voiced)]
            at = stop
            mel = mel_for(self.converter.vocoder, self.converter.acoustic, mel)
            yield mel, *(x if x is None else x.to(mel.device) for x in given)

    @torch.inference_mode()
    def _waves(self) -> Iterator[tuple[torch.Tensor]]:
        """Waves of whole units in turn, [unit, N']."""
        held, unit = torch.zeros(0), self.band.unit
        breath = self.converter.breath(self.controls.breath)
        for wav in synthesise(self.converter.vocoder, self._mels(), True, breath):
            held = torch.cat([held, wav.flatten().cpu()])
            units = len(held) // unit
            if units:
                yield (held[: unit * units].reshape(units, unit).T,)
            held = held[unit * units :]

    def _levelled(self, parts: tuple[torch.Tensor], first: int, _: int) -> torch.Tensor:
        """Units from `first` on with their pauses, high notes and level, limited: [unit, N'] -> [S']."""
        wav, band = parts[0].T.reshape(-1).numpy(), self.band
        stop = first + len(wav) // band.unit
        wanted, *more = self.sides.of(first, stop)
        if more and more[2].any():
            melody, db, octaves, hertz, _ = more
            wav = levelling.without_subharmonics(wav, melody, octaves, hertz.flatten(), band)
            wav = levelling.with_loudness(wav, db, octaves != 0, band=band)
        new = slice(self.heeded - first, None)
        own = self.made.heed(self._loudness(wav)[new])
        if not np.isfinite(own):
            raise UserError("the result holds NaN or infinite samples: the weights or the options are broken")
        wav = levelling.with_pauses(wav, wanted, own, band)
        now = self.quiet.heed(self._loudness(wav)[new])
        self.heeded = stop
        self.sides.forget(first)
        if now > audio.LOUDNESS_FLOOR_DB:
            wav = wav * 10.0 ** ((self.level + self.controls.dyn_gain - now) / 20)
        if limiter.peak_of(wav) > limiter.PEAK_LIMIT:
            window = levelling.samples(limiter.LIMITER_WINDOW, band)
            wav = limiter.turned_down(wav, limiter.PEAK_LIMIT, window)
        return torch.from_numpy(wav.astype(np.float32))

    def _loudness(self, wav: np.ndarray) -> np.ndarray:
        """dB re full scale, [N], of [unit N]."""
        return audio.loudness(lowered(wav, self.band), floor_db=audio.SILENCE_DB)
