"""VoiceConverter: what infer.py, the notebook and other programs call to convert speech to a voice.

import soundfile
from conversion.converter import VoiceConverter

converter = VoiceConverter.load("hana")
wav, rate = soundfile.read("speech.wav")
soundfile.write("converted.wav", converter.convert(wav, rate), converter.rate)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import audio
from acoustic.blend import Blend
from checkpoints import bundle, cards, models, pipeline, places, store, whole
from common import precision
from common.advance import Advance, counted, unseen
from common.cli import UserError
from common.spool import Samples, folder_of, gathered
from conversion import curves, pieces, pitch_errors, rates
from conversion.prosody import (
    Controls,
    Curve,
    PitchRange,
    Prosody,
    align,
    loudness_at,
    melody_at,
    range_notes,
)
from conversion.stages import Analysed, Edited
from conversion.stream import Stream
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.units import Encoder

SHORT_DB = 0.5  # below the level that was wanted, from which on it is said
Source = Samples | Path | str
CONTENT_ONLY = "this voice was trained on content units only; it has no pitch and loudness to edit or write"


class VoiceConverter:
    """Encoder, acoustic model of one voice and vocoder, ready on one device."""

    def __init__(
        self,
        encoder: Encoder,
        acoustic,
        vocoder,
        card: dict[str, Any],
        device="cpu",
        labels: tuple[PitLabels, DynLabels] | None = None,
        rate: int | None = None,
        amp: str = "off",
    ) -> None:
        """The stages in eval mode; card: the acoustic checkpoint's voice card; labels: what the classes of
        the encoder mean, without which prosody is followed and cannot be edited; rate, amp: see `load`.

        notes: lines on what of the voice or the vocoder is not used.
        """
        self.encoder, self.acoustic = encoder, acoustic
        self.vocoder, self.notes = rates.fitted(acoustic.band, vocoder, rate)
        self.card, self.device, self.labels, self.asked_rate = card, torch.device(device), labels, rate
        self.amp = amp
        precision.lower(amp, self.device, encoder, acoustic, self.vocoder)

    @property
    def rate(self) -> int:
        """Of conversions, in Hz."""
        return self.vocoder.band.rate

    @classmethod
    def load(
        cls,
        vbank: str,
        dataset: str | None = None,
        out: Path | str = "out",
        content: Path | None = None,
        vocoder: str | None = None,
        device: str = "cpu",
        pitdyn: str | None = None,
        rate: int | None = None,
        amp: str = "auto",
    ) -> VoiceConverter:
        """The voice out/<vbank>/acoustic with the encoder of out/<dataset>, by default the voice's own.

        vbank may also be the path of a voice that was handed on, or user/repo on the hub; it may bring its
        encoders and its vocoder along.
        content, vocoder: files to use instead of those found (vocoder also "official" or "griffin_lim").
        pitdyn: source of pitch and loudness, the "hubert" models or a "tracker" (default: the one that the
        voice was trained with). rate: 16000 for conversions at that, of whatever voice (default: what voice
        and vocoder both have). amp: "auto" computes products in bfloat16 where the processor does, "off"
        never. Raises UserError for an unknown voice, a missing file, or parts that were not made for one
        another.
        """
        path = places.voice_path(vbank, Path(out))
        own = None if places.is_model(path) else bundle.read(path)
        checkpoint = own.parts["acoustic"] if own else store.load(path, state=False)
        for stage in ("content", "vocoder"):
            whole.field(path, checkpoint, f"config.toml.{stage}.source", str)
        config, card = checkpoint["config"]["toml"], checkpoint["card"]
        made_with = whole.field(path, checkpoint, "card.dataset", str)
        own = None if dataset else own  # another dataset's encoders are asked for
        dataset, trained_with = dataset or made_with, card.get("pitdyn", "hubert")
        source = "none" if trained_with == "none" else pitdyn or trained_with
        if source != "none" and dataset != made_with:
            places.require_label_models(dataset, Path(out), f"{vbank} was made with --dataset {made_with}")
        parts = pipeline.load_encoder(config, dataset, content, Path(out), device, source, own)
        pipeline.require_encoders(path, card, parts.cards)
        acoustic = models.load_acoustic(path, checkpoint).to(device)
        widths = parts.encoder.unit_dim, acoustic.encoder.prenet.net[0].in_features
        cards.require_match(f"{path}: numbers in a unit", *widths, whole.REMEDY)
        if own and not vocoder and "vocoder" in own.parts:
            ready = models.load_vocoder(path, own.parts["vocoder"]).to(device)
        else:
            ready = pipeline.load_vocoder(config, dataset, vocoder, Path(out), device)
        return cls(parts.encoder, acoustic, ready, card, device, parts.labels, rate, amp)

    def convert(
        self, wav: np.ndarray, sample_rate: int = audio.SAMPLE_RATE, trim: bool = False, **edits: Any
    ) -> np.ndarray:
        """Speech in any voice -> the same in this one.

        wav: [S] or [S, channels], float or integer PCM at sample_rate (Hz). Returns float32 [S'] at `rate`,
        aligned with the source and as long (silence at its ends trimmed off with `trim`), at the source's
        loudness (plus dyn_gain) unless that would clip. The same input gives the same output, bit for bit.
        edits: the controls of `conversion.prosody.Controls` (transpose=5, pitch_scale=0.5 …), and
        pitch_from, dyn_from, prosody_in as in `edit`.
        """
        return self.synthesise(self.edit(self.analyse(audio.to_mono_16k(wav, sample_rate)), **edits), trim)

    def analyse(self, source: Source, advance: Advance = unseen) -> Analysed:
        """Content, pitch and loudness of a recording: a path, or float [S] at 16 kHz.

        advance: called with each fraction of it that is done, where it is long.
        """
        prepared = audio.prepare(source)
        analysis = pieces.analysed(self.encoder, prepared, advance)
        if self.labels is not None:
            pit = pitch_errors.correct(analysis.pit[0].cpu().numpy(), self.labels[0], prepared.wav)
            analysis = analysis._replace(pit=torch.from_numpy(pit).to(analysis.pit)[None])
        return Analysed(prepared, analysis)

    def edit(
        self,
        source: Analysed,
        pitch_from: Analysed | Source | None = None,
        dyn_from: Analysed | Source | None = None,
        prosody_in: Path | str | None = None,
        **controls: Any,
    ) -> Edited:
        """The source with its prosody edited, in this order.

        1. Melody and loudness of other recordings, aligned to the source by content. 2. The controls (see
        `conversion.prosody.Controls`). 3. An edited curve, which replaces the frames where it differs: the
        curve of a result given back to the same call changes nothing. The active level is the source's, but
        for dyn_gain and what the edited curve adds.

        Raises UserError for a file that does not fit, or a melody from a recording without one.
        """
        edits = Controls(**controls)
        if self.labels is None:
            others = {"pitch_from": pitch_from, "dyn_from": dyn_from, "prosody_in": prosody_in}
            if wanted := edits.changed() + [name for name, given in others.items() if given is not None]:
                raise UserError(f"{', '.join(wanted)}: {CONTENT_ONLY}")
            return Edited(source.prepared, source.analysis, None, edits.dyn_gain, ())
        span, gain, untransposed = PitchRange.from_card(self.card), 0.0, None
        sources = self._prosody(source)
        own = self._borrowing(source, sources, pitch_from, dyn_from)
        prosody, notes = own.edited(edits, span)
        replaced = False
        if prosody_in is not None:
            before = prosody
            level = audio.level(source.prepared.wav)
            given, said = curves.read(Path(prosody_in), before.curve(), source.prepared.start, level)
            prosody, gain, more = before.replaced(given)
            more += [f"{Path(prosody_in).name}: {line}" for line in said]
            replaced = any((getattr(before, part) != getattr(prosody, part)).any() for part in ("pit", "dyn"))
            notes += more
        if not replaced:
            still = own.edited(replace(edits, transpose=0.0), span)[0] if edits.transpose else prosody
            untransposed = still.curve()
        curve = prosody.curve()
        notes += range_notes(curve, span, untransposed, edits.transpose)
        if gain:
            # The acoustic model knows loudness relative to the active level, and the edit has moved that.
            # Left where it was, 8 dB more on half of the frames made the others 3 to 5 dB louder.
            prosody = prosody.louder(-gain)
        analysis = pieces.with_prosody(source.analysis.content, prosody)
        louder = curve.db - sources.curve().db - gain
        gain += edits.dyn_gain
        return Edited(source.prepared, analysis, curve, gain, tuple(notes), louder, replaced, edits.breath)

    def synthesise(self, edited: Edited, trim: bool = False) -> np.ndarray:
        """float32 [S'] at `rate`; see `convert`."""
        return self.render(edited, trim)[:]

    def render(self, edited: Edited, trim: bool = False, advance: Advance = unseen) -> Samples:
        """As `synthesise`; of a source that is a Spool the result is one, too, and no memory holds it."""
        source, curve = edited.source, edited.curve
        folder = folder_of(source.wav)
        octaves, pit = self.octaves_inside(curve), self.labels and self.labels[0]
        voice = self.acoustic
        if isinstance(voice, Blend):
            voice = voice.since(source.start / audio.SAMPLE_RATE)
        stages = self.encoder, voice, self.vocoder
        waves = pieces.waves(stages, edited.analysis, curve, octaves, pit, self.breath(edited.breath))
        band, samples = self.vocoder.band, source.units * self.vocoder.band.unit
        made = gathered(counted(waves, samples, advance), len(source.wav), folder)
        if octaves.any():
            made = pieces.high_notes(made, curve, octaves, folder, band)
        converted = pieces.at_its_level(made, source.wav, edited.gain, edited.louder, band)
        return pieces.restored(source, converted, trim, band.rate)

    def breath(self, more: float) -> tuple[float, ...]:
        """dB of vocoder/breath.py: what the voice's card has, and `more` in all bands."""
        return tuple(own + more for own in cards.breath("this voice", self.card))

    def shortfall(self, edited: Edited, converted: Samples) -> tuple[str, ...]:
        """A line where what `synthesise` gave is softer than wanted, as full scale has no room for it."""
        source = audio.level(edited.source.wav)
        low = pieces.lowered(converted, self.vocoder.band, folder_of(converted))
        short = source + edited.gain - audio.level(low)
        if short < SHORT_DB or source <= audio.LOUDNESS_FLOOR_DB:
            return ()
        if edited.gain < SHORT_DB:
            return (f"{short:.1f} dB softer than the source, as its peaks would clip",)
        return (f"gain: {edited.gain - short:.1f} of {edited.gain:.1f} dB fit below full scale",)

    def stream(self, blocks: Iterable[np.ndarray], level_db: float | None = None, **controls: Any) -> Stream:
        """Converted blocks at `rate` of blocks of 16 kHz that arrive; see `conversion.stream.Stream`.

        level_db: active level of what arrives in dB re full scale (None: by what has come); controls: those
        of `conversion.prosody.Controls` that need not know the whole.
        """
        return Stream(self, blocks, level_db, **controls)

    def curve(self, analysed: Analysed) -> Curve:
        """The prosody of a recording, from an encoder that predicts some."""
        return self._prosody(analysed).curve()

    def _prosody(self, analysed: Analysed) -> Prosody:
        pit, dyn = (part[0].cpu().numpy() for part in analysed.analysis[1:])
        return Prosody(pit, dyn, *self.labels)

    def _borrowing(self, source: Analysed, prosody: Prosody, pitch_from: Any, dyn_from: Any) -> Prosody:
        """Prosody of a source, with the melody and the loudness of other recordings where they are given."""
        if pitch_from is not None:
            name = pitch_from if isinstance(pitch_from, (str, Path)) else "pitch_from"
            prosody = prosody.with_melody(melody_at(*self._aligned(source, pitch_from), name))
        if dyn_from is not None:
            prosody = prosody.with_loudness(loudness_at(*self._aligned(source, dyn_from)))
        return prosody

    def _aligned(self, source: Analysed, other: Analysed | Source) -> tuple[Curve, np.ndarray]:
        """Prosody of another recording, and where in it each frame of the source is."""
        other = other if isinstance(other, Analysed) else self.analyse(other)
        units = (pieces.part_of(part.analysis, 0, None, "cpu").content[0].numpy() for part in (source, other))
        return self.curve(other), align(*units)

    def octaves_inside(self, curve: Curve | None) -> np.ndarray:
        """Whole octaves [N], 0 or below, from a curve's voiced frames into what the voice was trained on.

        An acoustic model knows nothing of pitches outside its training data, and gives mels without a voice
        there. It is given the same pitch octaves nearer, and the vocoder the pitch itself: every harmonic of
        the one is at a harmonic of the other. A vocoder that is not conditioned on F0 has no pitch but the
        mel's, so nothing moves.
        """
        span = PitchRange.from_card(self.card)
        if curve is None or span is None or not self.vocoder.conditioned_on_f0:
            return np.zeros(0)
        return np.where(curve.voiced, np.minimum(span.octaves_into(curve.f0), 0.0), 0.0)
