"""VoiceConverter: what infer.py, the notebook and other programs call to convert speech to a voice.

import soundfile
from converter import VoiceConverter

converter = VoiceConverter.load("hana", dataset="databaker")
wav, rate = soundfile.read("speech.wav")
soundfile.write("converted.wav", converter.convert(wav, rate), 16000)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import audio
from checkpoints import cards, models, pipeline, store
from common.cli import UserError
from conversion import octave_errors, prosody, prosody_csv
from conversion.prosody import Controls, Curve, PitchRange
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.units import Analysis, Encoder, encode_batch
from vocoder.harmonic import sing_units

Source = np.ndarray | Path | str
CONTENT_ALONE = "this voice hears content alone, it has no pitch and loudness to edit or to write"


@dataclass(frozen=True)
class Analysed:
    """A source on the time grid, and what the encoder hears in it (a batch of one), octave errors mended."""

    prepared: audio.Prepared
    analysis: Analysis


@dataclass(frozen=True)
class Edited:
    """What is to be rendered: the source's content with the prosody it is to get.

    curve: that prosody in Hz and dB re the source's active level, None from an encoder that hears none;
    gain: dB over the source's level; notes: lines for the user.
    """

    source: audio.Prepared
    analysis: Analysis
    curve: Curve | None
    gain: float
    notes: tuple[str, ...]


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
    ) -> None:
        """The stages in eval mode; card: the acoustic checkpoint's voice card; labels: what the classes of
        the encoder mean, without which prosody can be followed, not edited."""
        self.encoder, self.acoustic, self.vocoder = encoder, acoustic, vocoder
        self.card, self.device, self.labels = card, torch.device(device), labels

    @classmethod
    def load(
        cls,
        vbank: str,
        dataset: str,
        out: Path | str = "out",
        content: Path | None = None,
        vocoder: str | None = None,
        device: str = "cpu",
        pitdyn: str | None = None,
    ) -> VoiceConverter:
        """The voice out/<vbank>/acoustic with the encoder of out/<dataset>.

        content, vocoder: files to use instead of those found (vocoder also "official" or "griffin_lim").
        pitdyn: who hears pitch and loudness, the "hubert" models or a "tracker" (default: what the voice was
        trained with).
        Raises cli.UserError for an unknown voice, a missing file, or parts that were not made for one
        another.
        """
        path = pipeline.acoustic_path(vbank, Path(out))
        checkpoint = store.load(path)
        config, card = checkpoint["config"]["toml"], checkpoint["card"]
        trained_with = card.get("pitdyn", "hubert")
        hears = "none" if trained_with == "none" else pitdyn or trained_with
        if hears != "none" and dataset != card["dataset"]:
            _require_label_models(dataset, Path(out), f"{vbank} was made with --dataset {card['dataset']}")
        parts = pipeline.load_encoder(config, dataset, content, Path(out), device, hears)
        _require_encoders(path, card, parts.cards)
        acoustic = models.load_acoustic(path, checkpoint).to(device)
        return cls(
            parts.encoder,
            acoustic,
            pipeline.load_vocoder(config, dataset, vocoder, Path(out), device),
            card,
            device,
            parts.labels,
        )

    def convert(
        self, wav: np.ndarray, sample_rate: int = audio.SAMPLE_RATE, trim: bool = False, **edits: Any
    ) -> np.ndarray:
        """Speech in any voice -> the same in this one.

        wav: [S] or [S, channels], float or integer PCM at sample_rate (Hz). Returns float32 [S'] at 16 kHz,
        aligned with the source and as long (silence at its ends trimmed off with `trim`), at the source's
        loudness (plus dyn_gain) unless that would clip. The same input gives the same output, bit for bit.
        edits: the controls of `hubert_pitdyn.prosody.Controls` (transpose=5, pitch_scale=0.5 …), and
        pitch_from, dyn_from, prosody_in as in `edit`.
        """
        return self.synthesise(self.edit(self.analyse(audio.to_mono_16k(wav, sample_rate)), **edits), trim)

    def analyse(self, source: Source) -> Analysed:
        """What the encoder hears in a recording: a path, or float [S] at 16 kHz."""
        prepared = audio.prepare(source)
        analysis, _ = encode_batch(self.encoder, [prepared.wav])
        if self.labels is not None:
            pit = octave_errors.correct(analysis.pit[0].cpu().numpy(), self.labels[0])
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
        """The source with its prosody edited, in this order: melody and loudness of other recordings,
        aligned to it by content; the controls; an edited curve, which has the last word on frames where it
        differs, so that the curve of a performance given back to the same call changes nothing.

        The active level is the source's, but for dyn_gain and what the edited curve adds.
        Raises cli.UserError for a file that does not fit, or nothing to take a melody from.
        """
        edits, gain = Controls(**controls), 0.0
        if self.labels is None:
            others = {"pitch_from": pitch_from, "dyn_from": dyn_from, "prosody_in": prosody_in}
            if wanted := _needing_labels(edits, others):
                raise UserError(f"{', '.join(wanted)}: {CONTENT_ALONE}")
            return Edited(source.prepared, source.analysis, None, edits.dyn_gain, ())
        heard = self._distributions(source, pitch_from, dyn_from)
        span, plain = PitchRange.from_card(self.card), None
        pit, dyn, notes = prosody.edit(*heard, edits, span, *self.labels)
        if prosody_in is None:
            *still, _ = prosody.edit(*heard, replace(edits, transpose=0.0), span, *self.labels)
            plain = prosody.read(*still, *self.labels)
        else:
            given = prosody_csv.read(Path(prosody_in), len(pit), source.prepared.start)
            pit, dyn, gain, more = prosody.replace(pit, dyn, given, *self.labels)
            notes += more
        curve = prosody.read(pit, dyn, *self.labels)
        notes += prosody.range_notes(curve, span, plain, edits.transpose)
        if gain:
            # The acoustic model knows loudness relative to the active level, which has moved. Told 8 dB more
            # on half of the frames relative to the old one, it made the others 3 to 5 dB louder, so 2 to 4.
            dyn = self.labels[1].shift(dyn, np.full(len(dyn), -gain))
        parts = (torch.from_numpy(p).to(source.analysis.content)[None] for p in (pit, dyn))
        analysis = Analysis(source.analysis.content, *parts)
        return Edited(source.prepared, analysis, curve, edits.dyn_gain + gain, tuple(notes))

    def synthesise(self, edited: Edited, trim: bool = False) -> np.ndarray:
        """float32 [S'] at 16 kHz; see `convert`."""
        source = edited.source
        level = audio.active_level(audio.loudness(source.wav)) + edited.gain
        made = self._vocode(edited.analysis, edited.curve)
        converted = audio.limit_peak(audio.set_level(made, level))
        return converted[: source.kept] if trim else source.restore(converted)

    def curve(self, analysed: Analysed) -> Curve:
        """The prosody of a recording, from an encoder that hears some."""
        pit, dyn = (part[0].cpu().numpy() for part in analysed.analysis[1:])
        return prosody.read(pit, dyn, *self.labels)

    def _distributions(
        self, source: Analysed, pitch_from: Any, dyn_from: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pitch [N, Kp] and loudness [N, Kd] of a source, or what it borrows of other recordings."""
        pit, dyn = (part[0].cpu().numpy() for part in source.analysis[1:])
        if pitch_from is not None:
            curve, places = self._borrowed(source, pitch_from)
            pit = self.labels[0].at(pit, _melody(curve, places, pitch_from))
        if dyn_from is not None:
            curve, places = self._borrowed(source, dyn_from)
            dyn = self.labels[1].soft(prosody.loudness_at(curve, places))
        return pit, dyn

    def _borrowed(self, source: Analysed, other: Analysed | Source) -> tuple[Curve, np.ndarray]:
        """Prosody of another recording, and where in it each frame of the source is."""
        other = other if isinstance(other, Analysed) else self.analyse(other)
        units = (heard.analysis.content[0].cpu().numpy() for heard in (source, other))
        try:
            places = prosody.align(*units)
        except ValueError as error:
            raise UserError(f"prosody of another recording: {error}; give shorter files") from error
        return self.curve(other), places

    @torch.inference_mode()
    def _vocode(self, analysis: Analysis, curve: Curve | None) -> np.ndarray:
        """Analysis of one source and the curve it stands for -> the voice's wav [S], at the level of its
        training mels."""
        mel = self.acoustic.generate(self.encoder.embed(analysis)).transpose(1, 2)
        if curve is None or not hasattr(self.vocoder, "sing"):
            return self.vocoder(mel).flatten().cpu().numpy()
        # What the acoustic model was told to sing need not be heard again in its mel.
        return sing_units(self.vocoder, mel, curve.melody).flatten().cpu().numpy()


def _require_label_models(dataset: str, out: Path, advice: str) -> None:
    """Raises UserError with the advice when a dataset other than the voice's own has no such models."""
    try:
        for kind in ("pits", "dyns"):
            pipeline.label_path(dataset, kind, out)
    except UserError as error:  # which says how to train them
        raise UserError(f"{out / dataset}: no pitch and loudness models; {advice}") from error


def _require_encoders(path: Path, card: dict[str, Any], found: dict[str, dict]) -> None:
    """Raises UserError unless the encoders found are those that the voice of a card was trained with."""
    for role, trained in card["encoders"].items():
        own = found[role]
        cards.require_match(
            f"the {role} encoder of {path}",
            f"{trained['hash']} ({trained['name']})",
            f"{own['hash']} ({trained['name'] if own['hash'] == trained['hash'] else own['name']})",
            f"give the dataset the voice was encoded with (--dataset {card['dataset']}), or encode and "
            f"train the voice again",
        )


def _needing_labels(controls: Controls, others: dict[str, Any]) -> list[str]:
    """Names of what was asked for and takes pitch and loudness classes: all controls but dyn_gain, a gain of
    the output."""
    plain = Controls(dyn_gain=controls.dyn_gain)
    changed = [name for name in vars(plain) if getattr(controls, name) != getattr(plain, name)]
    return changed + [name for name, given in others.items() if given is not None]


def _melody(curve: Curve, places: np.ndarray, source: Any) -> np.ndarray:
    try:
        return prosody.melody_at(curve, places)
    except ValueError as error:
        name = source if isinstance(source, (str, Path)) else "pitch_from"
        raise UserError(f"{name}: {error}") from error
