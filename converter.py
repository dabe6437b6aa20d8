"""VoiceConverter: what infer.py, the notebook and other programs call to convert speech to a voice.

import soundfile
from converter import VoiceConverter

converter = VoiceConverter.load("hana", dataset="databaker")
wav, rate = soundfile.read("speech.wav")
soundfile.write("converted.wav", converter.convert(wav, rate), 16000)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

import audio
import checkpoints
import stages
from hubert_pitdyn.units import PitDynEncoder, encode_batch


class VoiceConverter:
    """Encoder, acoustic model of one voice and vocoder, ready on one device."""

    def __init__(self, encoder: PitDynEncoder, acoustic, vocoder, card: dict[str, Any], device="cpu") -> None:
        """The stages in eval mode; card: the acoustic checkpoint's voice card."""
        self.encoder, self.acoustic, self.vocoder = encoder, acoustic, vocoder
        self.card, self.device = card, torch.device(device)

    @classmethod
    def load(
        cls,
        vbank: str,
        dataset: str,
        out: Path | str = "out",
        content: Path | None = None,
        vocoder: str | None = None,
        device: str = "cpu",
    ) -> VoiceConverter:
        """The voice out/<vbank>/acoustic with the encoder of out/<dataset>.

        content, vocoder: files to use instead of those found (vocoder also "official" or "griffin_lim").
        Raises cli.UserError for an unknown voice, a missing file, or parts that were not made for one
        another.
        """
        path = stages.acoustic_path(vbank, Path(out))
        checkpoint = checkpoints.load(path)
        config, card = checkpoint["config"]["toml"], checkpoint["card"]
        parts = stages.load_encoder(config, dataset, content, Path(out), device)
        for role, trained in card["encoders"].items():
            own = parts.cards[role]
            checkpoints.require_match(
                f"the {role} encoder of {path}",
                f"{trained['hash']} ({trained['name']})",
                f"{own['hash']} ({trained['name'] if own['hash'] == trained['hash'] else own['name']})",
                f"give the dataset the voice was encoded with (--dataset {card['dataset']}), or encode and "
                f"train the voice again",
            )
        acoustic = checkpoints.load_acoustic(path, checkpoint).to(device)
        return cls(
            parts.encoder,
            acoustic,
            stages.load_vocoder(config, dataset, vocoder, Path(out), device),
            card,
            device,
        )

    def convert(
        self, wav: np.ndarray, sample_rate: int = audio.SAMPLE_RATE, trim: bool = False
    ) -> np.ndarray:
        """Speech in any voice -> the same in this one.

        wav: [S] or [S, channels], float or integer PCM at sample_rate (Hz). Returns float32 [S'] at 16 kHz,
        aligned with the source and as long (silence at its ends trimmed off with `trim`), at the source's
        loudness unless that would clip. The same input gives the same output, bit for bit.
        """
        prepared = audio.prepare(audio.to_mono_16k(wav, sample_rate))
        converted = self._convert_prepared(prepared.wav)
        converted = audio.set_level(converted, audio.active_level(audio.loudness(prepared.wav)))
        converted = audio.limit_peak(converted)
        return converted[: prepared.kept] if trim else prepared.restore(converted)

    @torch.inference_mode()
    def _convert_prepared(self, wav: np.ndarray) -> np.ndarray:
        """Prepared wav [S] -> the voice's wav [S], at the level of its training mels."""
        analysis, _ = encode_batch(self.encoder, [wav])
        mel = self.acoustic.generate(self.encoder.embed(analysis))
        return self.vocoder(mel.transpose(1, 2)).flatten().cpu().numpy()
