"""Training of a vocoder: log-mel [n_mels, 2N] -> wav [320N], or wider, with its losses and validation."""

from __future__ import annotations

import argparse
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from audio import log_mel
from bands import LOW, Band, high_mel
from checkpoints import cards, file_format, hashes, models, places, store, whole
from common import cli, progress
from preprocessing.data_folder import DataFolder
from training.adversarial import AdversarialStep
from training.batches import share, validation_batches
from training.board import Samples
from training.datasets import WavDataset
from training.run import model_of, rank_zero_first
from training.wide_dataset import WideWavDataset
from vocoder import GENERATORS, losses
from vocoder.discriminators import BothHalves, Discriminators, at_16_khz
from vocoder.harmonic import pitch_weights

VALIDATION_FILES = 32  # of the validation recordings, evenly spaced
VALIDATION_SAMPLES = 3  # of these drawn and made audible in TensorBoard


@dataclass
class Task:
    """What one run learns from."""

    run: Any
    train_set: Any
    val_set: Any
    samples: Samples
    band: Band = LOW

    @property
    def lowest(self) -> float:
        """Hz from which on there is something to learn."""
        return losses.HIGH if self.run.settings.low == "frozen" else 0.0

    def compared(self, batch: dict, wavs: torch.Tensor) -> list[torch.Tensor]:
        """A batch's waves and those generated, as losses and discriminators compare them: within what is to
        be learnt, and within the bandwidth of each recording."""
        both = [batch["wavs"], wavs]
        if not self.band.is_wide:
            return both
        return [losses.within(x, batch["bandwidth"], self.band.rate, self.lowest) for x in both]


class Generated(NamedTuple):
    """Waves [B, 1, S] of a batch, and the loss of the F0 predicted for it, where a generator predicts one."""

    wavs: torch.Tensor
    pitch_loss: torch.Tensor | None


def build(args: argparse.Namespace, run) -> tuple[Any, Any, Any, Task]:
    """Generator, discriminators, describe() for checkpoints, and the task with its sets."""
    folder, settings, table = DataFolder(args.data), run.settings, run.config["vocoder"]
    kind, band = table["generator"], Band.of(run.config["audio"])
    sizes = sizes_of(table, band)
    if kind == "harmonic" and (begins := args.resume or args.warmstart):
        sizes = with_filters_of(begins, sizes)
    model = model_of(GENERATORS[kind], sizes, run.preset)
    encoders, mels = {}, None
    if args.warmstart:
        fresh = models.fill_vocoder(model, args.warmstart)
        run.logger.info(f"warm start from {args.warmstart}; new: {fresh or 'nothing'}")
    if settings.low != "trained":
        keep_low(args, model, run)
    if args.finetune:
        mels, encoders = make_mels(args.finetune, folder, run)
    needed = [mels or "prepared", *(["f0"] if model.conditioned_on_f0 else [])]
    needed += ["wide", "bandwidth"] if band.is_wide else []
    train, val = (recordings(folder, part, needed) for part in ("train", "val"))
    val = val[:: max(1, len(val) // VALIDATION_FILES)]
    level = run.config["audio"]["level_db"]
    shown = {name: getattr(settings, name) for name in ("crop_seconds", "speed_octaves", "own_share")}
    if 0 < settings.steps <= settings.adversarial_after:
        run.logger.warning(
            f"adversarial_after is {settings.adversarial_after} of {settings.steps} steps: the "
            "discriminators never join, and spectral distance alone leaves waves blurred; lower it in "
            "[train.vocoder], or give more --steps"
        )
    shown |= {"level_db": level, "mels": mels, "pitch": model.conditioned_on_f0}
    made_of = partial(WideWavDataset, band=band) if band.is_wide else WavDataset
    sets = [made_of(folder, part, **shown) for part in (train, val)]
    hours = folder.hours(train)
    run.logger.info(f"{kind}: {len(train)} + {len(val)} recordings, {hours:.2f} h")

    def describe() -> dict:
        card = cards.card(dataset=folder.name, hours=hours, encoders=encoders, **cards.of_band(band))
        return {"kind": kind, "config": {"model": sizes, "toml": run.config}, "labels": None, "card": card}

    discriminators = Discriminators
    if band.is_wide:
        discriminators = partial(BothHalves, band, settings.low != "frozen")
    against = model_of(discriminators, table["discriminators"], run.preset)
    if args.warmstart:
        begin_discriminators(against, args.warmstart, run)
    return model, against, describe, Task(run, *sets, Samples(run, rate=band.rate), band)


def begin_discriminators(discriminators: nn.Module, path: Path, run) -> None:
    """As the run of a warm start has them, in its file or the newest beside it: new ones know no vocoder."""
    for place in filter(None, (path, places.newest(path.parent))):
        if models.fill_discriminators(discriminators, place):
            run.logger.info(f"discriminators begin as those of {place}")
            break


def sizes_of(table: dict, band: Band) -> dict:
    """Constructor arguments of the generator of a table [vocoder]; of one at 16 kHz those it always had."""
    kind = table["generator"]
    if band.is_wide and kind != "harmonic":
        raise cli.UserError(
            f'[vocoder] generator is "{kind}", which knows 16 kHz alone; take "harmonic" for [audio] rate = '
            f"{band.rate}, or leave rate out"
        )
    if band.is_wide:
        return {**table[kind], **band.sizes}
    return {name: size for name, size in table[kind].items() if not name.startswith("high_")}


def with_filters_of(path: Path, sizes: dict) -> dict:
    """Sizes of a harmonic vocoder with filters of the kind that a file has, which a run begins from: weights
    of one kind say nothing in the other. Files from before there were two do not name theirs."""
    held = whole.field(path, store.about(path), "config.model", dict, {})
    kept = {name: size for name, size in sizes.items() if name != "relative"}
    return {**kept, "relative": held["relative"]} if "relative" in held else kept


def keep_low(args: argparse.Namespace, model, run) -> None:
    """What a wide vocoder has below 8 kHz begins as a warm start, or the run resumed, has it, and stays so
    where [train.vocoder] low is "frozen"."""
    low = run.settings.low
    words = f'{run.preset}, [train.vocoder]: low = "{low}" keeps a trained lower half'
    if not model.band.is_wide:
        raise cli.UserError(f'{words}, and at 16 kHz there is no other; take "trained", or configs/wide.toml')
    if not (args.warmstart or args.resume):
        raise cli.UserError(f"{words}; give one: --warmstart out/demo/hifigan/model-best.pt")
    if low == "frozen":
        for part in model.low_parts():
            part.requires_grad_(False)


def recordings(folder, part: str, kinds: list[str]) -> list[str]:
    """Keys of "train" or "val" of which all kinds are made; UserError where f0/ is missing.

    Pitch-shifted copies are left out: the faults of WORLD would be learnt with them.
    """
    keys = [key for key in folder.split(part, kinds[0]) if key not in folder.copies]
    whole = keys
    for kind in kinds:
        whole = folder.made(kind, whole)
    if not whole:
        raise cli.UserError(
            f"{folder.root}: this generator learns to predict F0, and no {part} recording has its f0/; "
            f"make it: python preprocess.py {folder.name} --pitdyn"
        )
    return whole


def make_mels(path, folder, run) -> tuple[str, dict]:
    """What an acoustic model makes of all units of a folder; the kind it is kept as, and the model's card."""
    checkpoint = file_format.read(path, file_format.EXPECTED["acoustic"])
    model = models.load_acoustic(path, checkpoint).to(run.device)
    digest = hashes.state_hash(model.state_dict())
    kind = f"mels-{digest}-{units_for(path, checkpoint, folder)}"
    with rank_zero_first(run):
        keys = folder.made("units-pitdyn", folder.files)
        missing = [key for key in keys if not folder.has(kind, key)]
        for key in progress.each(missing, "mels"):
            units = torch.from_numpy(folder.read("units-pitdyn", key)).float().unsqueeze(0)
            folder.save(kind, key, model.generate(units.to(run.device))[0].T.cpu().numpy())
    return kind, {"acoustic": {"name": path.as_posix(), "hash": digest}}


def units_for(path, checkpoint: dict, folder) -> str:
    """Eight hex digits that name the encoders of a folder's units.

    UserError where there are none, or the acoustic model in `path` was trained on others; an official one
    does not say on which.
    """
    about = folder.read_json("encoder.json")
    if about is None or not folder.made("units-pitdyn", folder.files):
        raise cli.UserError(
            f"{folder.root}: no units to make mels from; "
            f"make them: preprocess_acoustic {folder.name} <wavs> <dataset>"
        )
    found = cards.encoders_of(about)
    if file_format.is_ours(checkpoint):
        cards.require_match(
            f"{path}: encoders",
            cards.encoders_of(checkpoint["card"]),
            found,
            f"run preprocess.py {folder.name} --encode {checkpoint['card'].get('dataset')}, or give a voice "
            "trained on units as they are now",
        )
    return hashlib.sha256(found.encode()).hexdigest()[:8]


class WithPitchLoss(nn.Module):
    """A generator that also gives the loss of the F0 it predicts, from one call of `forward`: that is the
    call through which DistributedDataParallel learns of gradients."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, batch: dict) -> Generated:
        if not self.generator.conditioned_on_f0:
            return Generated(self.generator(batch["mels"]), None)
        given = batch["mels"], batch["f0"], batch["voiced"]
        if not self.training:
            return Generated(*self.generator.with_pitch_loss(*given))
        # Drawn for all parts of a batch at once, so that it comes out as it does in one.
        whole, rows = batch.get("whole", batch), batch.get("rows", slice(None))
        if "draws" not in whole:
            whole["draws"] = self.generator.draw(whole["mels"])
        draws = tuple(drawn[rows] for drawn in whole["draws"])
        total = pitch_weights(whole["f0"], whole["voiced"]).sum() * share(batch)
        return Generated(*self.generator.with_pitch_loss(*given, draws, total))


def synthesise(generator: nn.Module, batch: dict) -> Generated:
    """What a WithPitchLoss, distributed or not, makes of a batch."""
    return generator(batch)


def discriminator_loss(task: Task, discriminators: nn.Module, batch: dict, generated: Generated):
    """Least-squares loss of the discriminators on real and generated waves."""
    waves = torch.cat(task.compared(batch, generated.wavs.detach()))
    return losses.discriminator_loss(*losses.halves(discriminators(waves))), {}


def generator_loss(task: Task, discriminators: nn.Module | None, batch: dict, generated: Generated):
    """Spectral distances, the loss of the predicted F0, and against discriminators their two losses."""
    weights = task.run.settings
    real, wavs = task.compared(batch, generated.wavs)
    loss, metrics = 0.0, {}
    for name in ("spectral", "fine", "periodicity"):
        weight = getattr(weights, f"{name}_weight")
        if weight or name == "spectral":
            distance = getattr(losses, name)(wavs, real, task.band.rate, task.lowest)
            loss = loss + weight * distance
            metrics[name] = float(distance.detach())
    if generated.pitch_loss is not None and generated.pitch_loss.requires_grad:
        loss = loss + weights.pitch_weight * generated.pitch_loss
        metrics["pitch"] = float(generated.pitch_loss.detach())
    if discriminators is not None:
        on_real, on_generated = losses.halves(discriminators(torch.cat([real, wavs])))
        adversarial = losses.adversarial(on_generated)
        matching = losses.feature_matching(on_real, on_generated)
        loss = loss + adversarial + weights.matching_weight * matching
        metrics |= {"adversarial": float(adversarial.detach()), "matching": float(matching.detach())}
    return loss, metrics


def step_of(task: Task) -> AdversarialStep:
    """What an AdversarialTrainer does with a batch of this task."""
    return AdversarialStep(synthesise, partial(discriminator_loss, task), partial(generator_loss, task))


def validate(task: Task, model: nn.Module, step: int) -> dict[str, float]:
    """Distance of log-mels over whole validation files ("loss"), spectral losses, and loss of the F0."""
    found, network = defaultdict(list), WithPitchLoss(model)
    network.eval()
    for index, piece, batch in validation_batches(task.val_set, task.run.device):
        generated = network(batch)
        real, wavs = task.compared(batch, generated.wavs)
        found["loss"].append(float((mels_of(wavs, task.band) - mels_of(real, task.band)).abs().mean()))
        for name in ("spectral", "periodicity"):
            distance = getattr(losses, name)(wavs, real, task.band.rate, task.lowest)
            found[name].append(float(distance))
        if generated.pitch_loss is not None:
            found["pitch"].append(float(generated.pitch_loss))
        if index < VALIDATION_SAMPLES and not piece:
            task.samples.show(task.val_set.keys[index], batch["wavs"], generated.wavs, step)
    return {name: sum(values) / len(values) for name, values in found.items()}


def mels_of(wavs: torch.Tensor, band: Band) -> torch.Tensor:
    """Log-mel [B, n_mels, T] of waves [B, 1, hop T] at the rate of a band."""
    if not band.is_wide:
        return log_mel(wavs)
    return torch.cat([log_mel(at_16_khz(wavs, band)), high_mel(wavs, band)], dim=1)
