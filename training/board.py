"""What TensorBoard shows of a training: settings, and at validations mels, melodies, loudness and sounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

import audio
from checkpoints import pipeline
from common.cli import UserError
from common.names import readable
from hubert_pitdyn import pitch, plots
from vocoder import frame_f0
from vocoder.griffin_lim import GriffinLim
from vocoder.mel_level import at_level

if TYPE_CHECKING:
    from training.run import Run

MOST_SECONDS = 12.0  # of a sample; what is longer is shown by its beginning


class Sample(NamedTuple):
    """mel [T, 128], wav [hop T], and F0 in Hz and loudness in dB [N] of that."""

    mel: np.ndarray
    wav: np.ndarray
    curves: tuple[np.ndarray, np.ndarray]


class Samples:
    """Validation recordings of a run beside what is made of them: pictures, curves and sounds.

    vocode: (mel [128, T], F0 [N] in Hz or None) -> wav [160T]; None for a training that makes waves itself,
    at `rate`. A target is the same at every validation, so its sound and its curves are made once.
    """

    def __init__(
        self,
        run: Run,
        vocode: Callable[[Tensor, np.ndarray | None], np.ndarray] | None = None,
        rate: int = audio.SAMPLE_RATE,
    ) -> None:
        self.run, self.vocode, self.rate = run, vocode, rate
        self._targets: dict[str, Sample] = {}

    def show(self, key: str, target: Tensor, made: Tensor, step: int, f0: np.ndarray | None = None) -> None:
        """Mels [T, 128], or without a vocoder wavs [S], of a recording and of what the model made of it.

        f0 [N]: of the units, in Hz, for a vocoder that is conditioned on it.
        """
        name = readable(key)
        if key not in self._targets:
            self._targets[key] = self._looked_at(target, f0)
        both = {"target": self._targets[key], "generated": self._looked_at(made, f0)}
        mels = {role: one.mel for role, one in both.items()}
        curves = {role: one.curves for role, one in both.items()}
        self.run.log_figure(f"mels/{name}", plots.mels(name, **mels), step)
        self.run.log_figure(f"curves/{name}", plots.melody_and_loudness(name, **curves), step)
        for role, one in both.items():
            self.run.writer.add_audio(f"sound/{name}, {role}", one.wav, step, self.rate)

    def _looked_at(self, given: Tensor, f0: np.ndarray | None) -> Sample:
        """A mel or a wav, the beginning of it, as it is shown."""
        if self.vocode is None:
            wav = given.flatten()[: round(MOST_SECONDS * self.rate)].clamp(-1, 1).cpu().numpy()
            low = audio.on_grid(audio.to_mono_16k(wav, self.rate)) if self.rate != audio.SAMPLE_RATE else wav
            return Sample(audio.log_mel(low).T.numpy(), wav, curves_of(low))
        units = round(MOST_SECONDS * audio.UNIT_RATE)
        mel = given[: 2 * units]
        wav = self.vocode(mel.T, None if f0 is None else f0[:units]).clip(-1, 1)
        return Sample(mel.cpu().numpy(), wav, curves_of(wav))


def curves_of(wav: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F0 in Hz and loudness in dB re full scale, [N] each, of [320N]."""
    return pitch.track(wav), audio.loudness(wav)


class VoiceVocoder:
    """The vocoder that conversions to a voice use, loaded when it is first asked for.

    dataset: of the voice's encoders. Griffin-Lim stands in where there is none on this computer; say takes a
    line on which it is.
    """

    def __init__(self, run: Run, dataset: str, say: Callable[[str], None]) -> None:
        self.run, self.dataset, self.say = run, dataset, say

    def __call__(self, mel: Tensor, f0: np.ndarray | None) -> np.ndarray:
        """mel [128, T] and F0 [N] in Hz, 0 = unvoiced, or None -> wav [160T]."""
        mel = mel[None].float().to(self.run.device)
        mel = at_level(mel, self.run.config["audio"]["level_db"], self._vocoder)
        return frame_f0.synthesise(self._vocoder, mel, f0).flatten().float().cpu().numpy()

    @cached_property
    def _vocoder(self) -> torch.nn.Module:
        for out in dict.fromkeys((self.run.out.absolute().parents[1], Path("out").absolute())):
            if not pipeline.vocoder_is_here(self.run.config, out):
                continue
            with suppress(UserError):
                found = pipeline.load_vocoder(self.run.config, self.dataset, out=out, device=self.run.device)
                self.say(f"sounds in TensorBoard: by {type(found).__name__}")
                return found.at_16_khz().eval()
        self.say("sounds in TensorBoard: by Griffin-Lim, as the preset's vocoder is not on this computer")
        return GriffinLim().to(self.run.device)


def describe(run: Run) -> None:
    """Settings of a run as text: those of the training as a table, then the whole preset."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in settings_of(run).items())
    preset = json.dumps(run.config, indent=1, ensure_ascii=False, default=str)
    run.writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}")
    run.writer.add_text("preset", f"```\n{preset}\n```")


def settings_of(run: Run) -> dict[str, bool | int | float | str]:
    """What decides on a run, in plain values."""
    about = {
        "preset": run.preset,
        "data": run.data.as_posix(),
        "seed": run.seed,
        "amp": str(run.amp or "off"),
    }
    plain = bool | int | float | str
    given = asdict(run.settings).items()
    return {**about, **{name: value if isinstance(value, plain) else str(value) for name, value in given}}


def compare(run: Run, metrics: Iterable[str]) -> None:
    """The run's row in the tab HPARAMS: its settings, and its last metrics of validation by their names."""
    from torch.utils.tensorboard.summary import hparams  # noqa: PLC0415  rank 0 alone has TensorBoard

    tags = {f"valid/{name}": 0.0 for name in metrics}
    for part in hparams(settings_of(run), tags):
        run.writer.file_writer.add_summary(part)
