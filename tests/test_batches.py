"""Parts of a batch: one step in parts equals the step of the whole batch; long recordings in pieces."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_runs import small_run

from acoustic.model import AcousticModel
from hubert_pitdyn.labels import PitLabels
from hubert_pitdyn.model import Hubert
from training import acoustic, hubert, vocoder
from training.adversarial import AdversarialTrainer
from training.batches import PIECE_SECONDS, in_parts, share, validation_batches
from training.trainer import Trainer
from vocoder import HarmonicGenerator, IstftGenerator
from vocoder.discriminators import Discriminators

PARTS = 3  # of a batch of 5: one part is shorter than the other


def test_parts_are_rows_of_the_whole():
    batch = {"x": torch.arange(5), "y": torch.rand(5, 2)}
    assert in_parts(batch, 0) == [batch] == in_parts(batch, 5)
    parts = in_parts(batch, 2)
    assert [part["x"].tolist() for part in parts] == [[0, 1], [2, 3], [4]]
    assert all(torch.equal(batch["y"][part["rows"]], part["y"]) and part["whole"] is batch for part in parts)
    assert [share(part) for part in parts] == [0.4, 0.4, 0.2] and share(batch) == 1


def hubert_case(run):
    torch.manual_seed(0)
    sizes = {"dim": 16, "conv_dim": 16, "heads": 2, "ff": 32, "layers": 1, "pos_kernel": 16, "pos_groups": 4}
    model = Hubert(classes=100, **sizes, dropout=0.0, unit_kind="label")
    soft = torch.from_numpy(PitLabels().target_matrix())
    task = hubert.Task(run, PitLabels(), soft, None, 0.4, None, None)
    counts = torch.tensor([40, 40, 25, 40, 33])
    valid = torch.arange(40) < counts.unsqueeze(1)
    batch = {
        "source": 0.1 * torch.randn(5, 1, 40 * 320) * valid.repeat_interleave(320, -1).unsqueeze(1),
        "classes": torch.randint(0, 100, (5, 40)) * valid,
        "lengths": 320 * counts,
        "valid": valid,
        "known": valid & (torch.rand(5, 40) > 0.1),
    }
    return model, (lambda network, part: hubert.train_step(task, network, part)), batch


def acoustic_case(run):
    torch.manual_seed(0)
    model = AcousticModel(in_dim=8, prenet_dim=8, conv_dim=8, dropout=0.0, norm="frame", blocks=1)
    counts = torch.tensor([20, 11, 20, 7, 20])
    valid = torch.arange(40) < 2 * counts.unsqueeze(1)
    mels = torch.randn(5, 40, 128) * valid.unsqueeze(-1)
    batch = {"units": torch.randn(5, 20, 8), "mels": mels, "lengths": counts, "valid": valid}
    task = acoustic.Task(run, None, None, None)
    return model, (lambda network, part: acoustic.train_step(task, network, part)), batch


def vocoder_case(run, generator):
    torch.manual_seed(0)
    small = {"dim": 8, "blocks": 1}
    kinds = {
        "istft": lambda: IstftGenerator(**small),
        "harmonic": lambda: HarmonicGenerator(**small, pitch_dim=8, pitch_blocks=1),
    }
    batch = {"mels": torch.randn(5, 128, 40) - 5, "wavs": 0.1 * torch.randn(5, 1, 6400)}
    batch |= {"f0": torch.rand(5, 40) * 300 + 60, "voiced": torch.rand(5, 40) > torch.rand(5, 1)}
    return kinds[generator](), vocoder.step_of(vocoder.Task(run, None, None, None)), batch


def stepped(out, kind, micro_batch, step=0):
    """By how much one step changes the weights, and its metrics."""
    section = {"hubert": "pits", "acoustic": "acoustic"}.get(kind, "vocoder")
    more = {"adversarial_after": 1} if section == "vocoder" else {}
    run = small_run(out, section, micro_batch=micro_batch, warmup_steps=0, lr=1.0, **more)
    if section != "vocoder":
        model, train_step, batch = (hubert_case if kind == "hubert" else acoustic_case)(run)
        trainer = Trainer(run, model, dict)
    else:
        model, train_step, batch = vocoder_case(run, kind)
        small = {"periods": [2], "windows": [256], "period_channels": 2, "spectrogram_channels": 2}
        trainer = AdversarialTrainer(run, model, Discriminators(**small), dict, wrap=vocoder.WithPitchLoss)
    model.train()
    trainer.step = step
    modules = {"": model, "theirs.": trainer.discriminators} if section == "vocoder" else {"": model}

    def weights():
        return {
            f"{at}{k}": v.detach().clone()
            for at, module in modules.items()
            for k, v in module.named_parameters()
        }

    before = weights()
    # Plain descent: Adam blows the rounding noise of gradients that are zero up to whole steps.
    for name in ("optimizer", "discriminator_optimizer"):
        if hasattr(trainer, name):
            module = model if name == "optimizer" else trainer.discriminators
            setattr(trainer, name, torch.optim.SGD(module.parameters(), lr=1.0))
    metrics = trainer._step(trainer._distribute(), batch, train_step)
    return {name: weight - before[name] for name, weight in weights().items()}, metrics


@pytest.mark.parametrize(
    ("kind", "step"),
    [("hubert", 0), ("acoustic", 0), ("istft", 0), ("istft", 1), ("harmonic", 0), ("harmonic", 1)],
)
def test_a_step_in_parts_is_the_step_of_the_whole_batch(tmp_path, kind, step):
    whole, measured = stepped(tmp_path, kind, 0, step)
    parts, again = stepped(tmp_path, kind, PARTS, step)
    assert set(measured) == set(again)
    assert again["loss"] == pytest.approx(measured["loss"], rel=1e-4)
    assert again["grad_norm"] == pytest.approx(measured["grad_norm"], rel=1e-3)
    largest = max(float(change.abs().max()) for change in whole.values())
    assert largest > 1e-5
    for name, change in whole.items():
        assert torch.allclose(change, parts[name], rtol=1e-3, atol=1e-4 * largest), name


class Counting:
    """Recordings of so many units, which only remember what they were asked for."""

    def __init__(self, *units):
        self.lengths, self.asked = units, []

    def __len__(self):
        return len(self.lengths)

    def units(self, index):
        return self.lengths[index]

    def __getitem__(self, at):
        self.asked.append(at)
        return at

    def collate(self, items):
        return {"x": torch.zeros(len(items))}


def test_long_recordings_are_validated_in_equal_pieces():
    limit = 50 * PIECE_SECONDS
    data = Counting(limit, 2 * limit + 2, 7)
    places = [(index, piece) for index, piece, _ in validation_batches(data, "cpu")]
    assert places == [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert data.asked[0] == (0, None) and data.asked[-1] == (2, None)
    edges = [(which.start, which.stop) for index, which in data.asked if index == 1]
    assert edges[0][0] == 0 and edges[-1][1] == 2 * limit + 2
    assert all(a[1] == b[0] for a, b in zip(edges, edges[1:], strict=False))
    assert max(np.diff(edges)) - min(np.diff(edges)) <= 1 and max(np.diff(edges)) <= limit


def test_pieces_of_a_batch_need_no_name():
    """A batch that a recipe adds something to keeps it for all of its parts."""
    batch = {"classes": torch.zeros(4, 3, dtype=torch.long), "known": torch.ones(4, 3, dtype=torch.bool)}
    task = SimpleNamespace(alpha=0.5, labels=None, teacher=None, soft=None)
    seen = []

    def losses(task, model, part, mask):
        seen.append(mask)
        return torch.ones(mask.shape), torch.zeros(*mask.shape, 2), None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hubert, "losses", losses)
        for part in in_parts(batch, 2):
            hubert.train_step(task, None, part)
    assert torch.equal(torch.cat(seen), batch["mask"])
