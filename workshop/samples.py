"""A sentence in the voice that is being trained, at every validation, through its own vocoder."""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import audio
from checkpoints import models as checkpoint_models
from checkpoints import store
from common import cli
from workshop import runs
from workshop.models import Models

WAIT = 30.0  # seconds in which a validation has written its best model


@dataclass(frozen=True)
class Sample:
    """path: of the wav; trouble: why there is none."""

    step: int
    path: Path | None = None
    trouble: str = ""


class Samples:
    """Of one training; `made` grows. source: what is converted."""

    def __init__(self, models: Models, plan: runs.Plan, source: Path) -> None:
        self.models, self.plan, self.source = models, plan, source
        self.made: list[Sample] = []

    def ask(self, step: int) -> None:
        """One more, in a thread of its own: the training goes on meanwhile."""
        threading.Thread(target=self._make, args=(step,), daemon=True).start()

    def _make(self, step: int) -> None:
        best, until = self.plan.out / "model-best.pt", time.monotonic() + WAIT
        while not best.is_file() and time.monotonic() < until:
            time.sleep(0.2)
        try:
            self.made.append(Sample(step, self._converted(step)))
        except Exception as error:  # noqa: BLE001  a training does not end for a sample
            if not isinstance(error, (cli.UserError, OSError)):
                traceback.print_exception(error)
            self.made.append(Sample(step, trouble=cli.printable(cli.reason_of(error))))

    def _converted(self, step: int) -> Path:
        from conversion.converter import VoiceConverter  # noqa: PLC0415  torch takes seconds to load

        with self.models.busy:
            best = self.models.converter(self.plan.name)
            path = self.plan.out / f"model-{step}.pt"
            acoustic, card = best.acoustic, best.card
            if path.is_file():
                checkpoint = store.load(path, state=False)
                acoustic, card = checkpoint_models.load_acoustic(path, checkpoint), checkpoint["card"]
            voice = VoiceConverter(
                best.encoder, acoustic.to(best.device), best.vocoder, card, best.device, best.labels
            )
            wav = voice.convert(audio.load(self.source), auto_pitch="auto" if best.labels else False)
        target = self.models.work / f"sample-{self.plan.name.replace('/', '-')}-{step}.wav"
        audio.save(target, wav, rate=voice.rate)
        return target
