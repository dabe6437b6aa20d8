"""How well pitch and loudness are read from a wav: label models against two trackers, speaker by speaker.

F0 counts where two trackers that share no voicing rule agree about voicing; there the pitch of the reference
tracker, which did not make the labels, is the truth. Loudness is measured, so it has one truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from functools import partial

import numpy as np
import torch

import audio
from common import progress
from evaluation import metrics, trackers
from hubert_pitdyn import pitch
from hubert_pitdyn.labels import DynLabels, PitLabels, track_options
from preprocessing.data_folder import DataFolder

SHIFT = audio.SAMPLE_RATE // 200  # 5 ms: as much as labels may disagree with themselves
CEILING = "ceiling"
TITLES = {  # of the figures of Score, all fractions
    "voicing": "voicing",
    "rpa50": "RPA50",
    "rca50": "RCA50",
    "gpe": "GPE",
    "pit_exact": "exact bin",
    "pit_within_one": "within one",
    "dyn_within_1p5db": "dyn 1.5 dB",
    "dyn_exact": "dyn exact",
    "dyn_within_one": "dyn within one",
    "agreed": "agreed",
}


@dataclass(frozen=True)
class Truth:
    """The truth of an utterance. f0 [N]: the reference tracker's, 0 where it finds no voice; agreed [N] bool:
    the frames on which both trackers agree; label_f0 [N]; db [N] and level, dB re full scale."""

    f0: np.ndarray
    agreed: np.ndarray
    label_f0: np.ndarray
    db: np.ndarray
    level: float


@dataclass(frozen=True)
class Reading:
    """What a label model predicts: F0 [N] in Hz (0 unvoiced), loudness [N] in dB, classes [N] of both."""

    f0: np.ndarray
    db: np.ndarray
    pit: np.ndarray
    dyn: np.ndarray


Reader = Callable[[np.ndarray, Truth], Reading]  # (wav [S], what is known) -> the prediction


def trackers_of(folder: DataFolder) -> tuple[str, str]:
    """Reference and second tracker for a folder's labels."""
    return trackers.reference_and_second(folder.stats()["labels"]["pit"]["tracker"])


def known_files(folder: DataFolder, every: int = 1) -> Iterator[tuple[str, np.ndarray, Truth]]:
    """(key, prepared wav [S], Truth) of every n-th labelled recording; the tracks are kept in the folder."""
    both = trackers_of(folder)
    kind = "reference-" + "-".join(both)
    for key in progress.each(folder.made("f0", folder.files)[::every], folder.name, unit="file"):
        wav = folder.prepared(key)
        if not folder.has(kind, key):
            found = trackers.agreement(wav, both)
            folder.save(kind, key, np.stack([found.f0, found.agreed]))
        f0, agreed = folder.read(kind, key)
        db = audio.loudness(wav)
        yield key, wav, Truth(f0, agreed > 0, folder.read("f0", key), db, audio.active_level(db))


def labels_of(folder: DataFolder) -> tuple[PitLabels, DynLabels]:
    """The label settings of a data folder."""
    stored = folder.stats()["labels"]
    return PitLabels.from_config(stored["pit"]), DynLabels.from_config(stored["dyn"])


def predictor(pit_model, dyn_model) -> Callable:
    """Two label models with `distribution(wav [1,1,S])` -> what `model_reader` wants."""

    @torch.inference_mode()
    def predict(wav: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        device = pit_model.label_embedding.weight.device
        batch = torch.from_numpy(audio.encoder_input(wav)).reshape(1, 1, -1).to(device)
        pits, dyns = (model.distribution(batch)[0].float().cpu().numpy() for model in (pit_model, dyn_model))
        return pits, dyns

    return predict


def model_reader(predict: Callable, pit: PitLabels, dyn: DynLabels) -> Reader:
    """predict(wav [S]) -> (pitch distribution [N,K], loudness distribution [N,K])."""

    def read(wav: np.ndarray, known: Truth) -> Reading:
        pits, dyns = predict(wav)
        f0, _ = pit.decode_soft(pits)
        return Reading(f0, dyn.decode_soft(dyns, known.level), pits.argmax(-1), dyns.argmax(-1))

    return read


def label_reader(track: Callable[[np.ndarray], np.ndarray], pit: PitLabels, dyn: DynLabels, shift: int = 0):
    """The labels' own tracker, on the wav delayed by `shift` samples, as a Reader."""

    def read(wav: np.ndarray, known: Truth) -> Reading:
        late = np.concatenate([np.zeros(shift, wav.dtype), wav[: len(wav) - shift]])
        f0 = track(late) if shift else known.label_f0
        db = audio.loudness(late)
        return Reading(f0, db, pit.encode(f0), dyn.encode(db, audio.active_level(db)))

    return read


def majority_reader(pit_classes: np.ndarray, dyn_classes: np.ndarray, pit: PitLabels, dyn: DynLabels):
    """The classes most frequent in training labels, whatever the recording: the floor, as a Reader.

    Voicing and pitch are separate questions, so the floor answers each with its own majority.
    """
    voiced = pit_classes[pit_classes > 0] if pit.unvoiced else pit_classes
    is_voiced = not pit.unvoiced or len(voiced) * 2 >= len(pit_classes)
    top_pit, top_dyn = (np.bincount(classes).argmax() for classes in (voiced, dyn_classes))

    def read(wav: np.ndarray, known: Truth) -> Reading:
        frames = np.zeros(len(known.db), dtype=np.int64)
        f0 = pit.decode(frames + top_pit) * is_voiced
        return Reading(f0, dyn.decode(frames + top_dyn, known.level), frames + top_pit, frames + top_dyn)

    return read


def against_labels(known: Truth) -> Truth:
    """The same with the labels as the only truth: what the ceiling is measured against."""
    everywhere = np.ones(len(known.agreed), dtype=bool)
    return Truth(known.label_f0, everywhere, known.label_f0, known.db, known.level)


def bounds(folder: DataFolder, training: DataFolder, pit: PitLabels, dyn: DynLabels) -> dict[str, Reader]:
    """What frames a label model's figures: "labels" (their own tracker), "ceiling" and "floor".

    folder: recordings to measure on; training: whose labels say which of the classes of pit and dyn is the
    most frequent.
    """
    track = partial(pitch.track, **track_options(folder.stats()["labels"]["pit"]))
    keys = training.split("train", "f0")
    pits = pit.encode(np.concatenate([training.read("f0", key) for key in keys]))
    loud = [training.read("loudness", key) for key in keys]
    dyns = np.concatenate([dyn.encode(db, audio.active_level(db)) for db in loud])
    return {
        "labels": label_reader(track, pit, dyn),
        CEILING: label_reader(track, pit, dyn, SHIFT),
        "floor": majority_reader(pits, dyns, pit, dyn),
    }


@dataclass
class Score:
    """Frames of one or more utterances, from which all figures are computed at once."""

    pit: PitLabels
    dyn: DynLabels

    def __post_init__(self) -> None:
        self.parts: list[tuple[np.ndarray, ...]] = []

    def add(self, known: Truth, read: Reading) -> None:
        """One utterance."""
        audible = metrics.active_frames(known.db)
        off = read.db - known.db
        off = off - off[audible].mean() if audible.any() else off
        pit = self.pit.encode(known.label_f0) - read.pit
        dyn = self.dyn.encode(known.db, known.level) - read.dyn
        self.parts.append((*astuple(known)[:3], read.f0, read.pit > 0, pit, off, dyn, audible))

    def merge(self, other: Score) -> Score:
        """Add what another counted; returns self."""
        self.parts += other.parts
        return self

    def figures(self) -> dict[str, float]:
        """Fractions of all frames added; NaN where none counted."""
        columns = [np.concatenate(column) for column in zip(*self.parts, strict=True)]
        f0, agreed, label_f0, read_f0, read_voiced, pit, off, dyn, audible = columns
        bins = label_f0 > 0 if self.pit.unvoiced else np.ones(len(pit), dtype=bool)
        named = read_voiced if self.pit.unvoiced else np.ones(len(pit), dtype=bool)
        pair = f0[agreed], read_f0[agreed]
        return {
            "voicing": 1 - metrics.vde(*pair),
            "gpe": metrics.gpe(*pair),
            "rpa50": metrics.rpa(*pair),
            "rca50": metrics.rca(*pair),
            "pit_exact": _fraction(pit == 0, bins),
            "pit_within_one": _fraction((np.abs(pit) <= 1) & named, bins),
            "dyn_exact": _fraction(dyn == 0, audible),
            "dyn_within_one": _fraction(np.abs(dyn) <= 1, audible),
            "dyn_within_1p5db": _fraction(np.abs(off) <= metrics.CLOSE_DB, audible),
            "agreed": float(agreed.mean()),
            "frames": len(f0),
        }


def _fraction(right: np.ndarray, counted: np.ndarray) -> float:
    return float(right[counted].mean()) if counted.any() else float("nan")


def speaker(key: str) -> str:
    """The first folder of a key, or "all" where recordings lie in one folder."""
    return key.split("/")[0] if "/" in key else "all"


def score_folder(
    folder: DataFolder, readers: dict[str, Reader], pit: PitLabels, dyn: DynLabels, every: int = 1
) -> dict[str, dict[str, Score]]:
    """{reader: {speaker: Score}} over every n-th labelled recording of a folder, in classes of pit and dyn.

    The reader named "ceiling" is measured against the labels alone, the others against `Truth`.
    """
    scores: dict[str, dict[str, Score]] = {name: {} for name in readers}
    for key, wav, known in known_files(folder, every):
        for name, read in readers.items():
            wanted = against_labels(known) if name == CEILING else known
            scores[name].setdefault(speaker(key), Score(pit, dyn)).add(wanted, read(wav, known))
    return scores


def pooled(scores: dict[str, Score]) -> Score:
    """All speakers' frames together."""
    first = next(iter(scores.values()))
    together = Score(first.pit, first.dyn)
    for one in scores.values():
        together.merge(one)
    return together
