"""A voice refined beside the one that it begins from, so that it forgets no phone its recordings lack.

A Japanese bank has no "th". Refined on it alone, a model that knew one gives something else there after a
while. So two voices are trained in one model, of which each has its own biases and last layer: one learns its
recordings, the other keeps giving for any speech what both gave at the beginning. What a phone is, is in
the weights that they share, and whose it is in the others. At the end the second one is dropped.

Half of what the other voice is asked is the first one's own speech. Were each asked nothing but its own,
units alone would tell them apart, and the first would give the other's sound of speech unlike its own.

To keep old answers as targets: Li and Hoiem, "Learning without Forgetting", ECCV 2016. Biases alone as what
makes the difference: Ben Zaken, Goldberg and Ravfogel, "BitFit", ACL 2022.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from acoustic.model import AcousticModel
from audio import N_MELS
from checkpoints import cards, store
from checkpoints.hashes import state_hash
from common.cli import UserError
from preprocessing.data_folder import DataFolder
from training.crops import crop_start
from training.teacher_forcing import predict

BESIDE = "beside_"  # what the names of the tensors in a batch begin with
LAST = "decoder.proj."  # the layer that gives mels
OWN = 0.5  # of the crops beside are those of the own voice
PICK = 1  # beside the seed of a crop, so that the other voice's is another draw


class TwoVoices(nn.Module):
    """`own`, and `other` with the same weights but for biases, norms and the last layer."""

    def __init__(self, own: AcousticModel, other: AcousticModel) -> None:
        """Ties the weights of `other` to those of `own`, of equal sizes."""
        super().__init__()
        self.own, self.other = own, other
        for name, weight in own.named_parameters():
            if weight.ndim > 1 and not name.startswith(LAST):
                place, _, last = name.rpartition(".")
                setattr(other.get_submodule(place), last, weight)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Mels [B, T, rows] of the own voice, and of the other one for what is beside."""
        return predict(self.own, batch), predict(self.other, batch, BESIDE)


class Beside:
    """What a run learns beside its own voice: what `teacher` gives of the units of `keys` in `folder`."""

    def __init__(self, folder: DataFolder, keys: list[str], teacher: AcousticModel) -> None:
        self.folder, self.keys = folder, keys
        self.teacher = teacher.requires_grad_(False).eval()

    @property
    def card(self) -> dict[str, str]:
        """For the card of the voice: which speech, and whose answers."""
        return {"name": self.folder.name, "hash": state_hash(self.teacher.state_dict())}

    def with_other(self, own: AcousticModel) -> TwoVoices:
        """Both voices, the other as the teacher is."""
        return TwoVoices(own, copy.deepcopy(self.teacher).requires_grad_(True).train())

    def answered(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch with the mels that the teacher gives of its units beside."""
        lengths = batch[BESIDE + "lengths"]
        return {**batch, BESIDE + "mels": self.teacher.generate(batch[BESIDE + "units"], lengths).clone()}


class BesideDataset(Dataset):
    """Items of a MelDataset, each with units beside it: its own, or of the other folder, drawn by the seed of
    its crop."""

    def __init__(self, own: Any, beside: Beside) -> None:
        self.own, self.beside = own, beside
        self.folder, self.keys = own.folder, own.keys

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, at: tuple[int, tuple[int, int]]) -> tuple[Any, Tensor]:
        own, seed = self.own[at], (*at[1], PICK)
        rng = np.random.default_rng(seed)
        if rng.random() < OWN:
            return own, own[0]
        key = self.beside.keys[rng.integers(len(self.beside.keys))]
        units = self.beside.folder.read("units-pitdyn", key, mapped=True)
        size = min(len(units), self.own.crop_units)
        start = crop_start(len(units), size, seed) if size < len(units) else 0
        return own, torch.from_numpy(np.array(units[start : start + size], np.float32))

    def collate(self, items: list[tuple]) -> dict[str, Tensor]:
        """The MelDataset's batch, and beside_units [B, N', 768], beside_lengths [B], beside_valid [B, T]."""
        own, units = zip(*items, strict=True)
        lengths = torch.tensor([len(some) for some in units])
        padded = nn.utils.rnn.pad_sequence(units, batch_first=True)
        valid = torch.arange(2 * padded.shape[1]).unsqueeze(0) < 2 * lengths.unsqueeze(1)
        more = {"units": padded, "lengths": lengths, "valid": valid}
        return {**self.own.collate(list(own)), **{BESIDE + name: some for name, some in more.items()}}


def beside_error(found: Tensor, batch: dict[str, Tensor], whole: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Sum of the absolute errors of what is beside, in 128 rows, and how many values the whole batch has.

    A voice that ended at 8 kHz has no answer above.
    """
    valid = batch[BESIDE + "valid"].unsqueeze(-1)
    errors = (found.float() - batch[BESIDE + "mels"])[..., :N_MELS].abs() * valid
    return errors.sum(), whole[BESIDE + "valid"].sum() * N_MELS


def opened(args: Any, about: dict, start: Callable[[], AcousticModel], run: Any) -> Beside | None:
    """What --beside names, or None.

    about: encoder.json of the run's own data; start(): the voice that it began from. Raises UserError where
    a run resumed had another, or the units are of other encoders.
    """
    before = {} if args.refine or not args.resume else store.about(args.resume)["card"].get("beside", {})
    if args.beside is None:
        if before:
            folder = f"data/{before['name']}"
            raise UserError(f"{args.resume}: its run learnt beside {folder}; add --beside {folder}")
        return None
    folder = DataFolder(args.beside)
    theirs, keys = folder.read_json("encoder.json"), folder.split("train", "units-pitdyn")
    fix = f"run preprocess.py {folder.name} --encode {about.get('dataset') or '<dataset>'}"
    if theirs is None or not keys:
        raise UserError(f"{folder.root}: expected units for --beside, found none; {fix}")
    encoders = (cards.encoders_of(some) for some in (about, theirs))
    cards.require_match(f"{folder.root}: encoders", *encoders, fix)
    found = Beside(folder, keys, start().to(run.device))
    if not args.refine:
        fix = "give the --beside of its run, and leave the voice that it began from as it was"
        cards.require_match(f"{args.resume}: what it learns beside", before, found.card, fix)
    run.logger.info(f"beside {len(keys)} recordings of {folder.root}")
    return found
