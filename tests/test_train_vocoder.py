"""Training a vocoder: its discriminators and losses, and the script itself."""

import math
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ROOT, launch, micro_config, run_script

import audio
from checkpoints import models, store
from preprocessing.data_folder import DataFolder
from training.adversarial import AdversarialStep, AdversarialTrainer
from vocoder import GENERATORS, losses
from vocoder.discriminators import Discriminators, PeriodDiscriminator, SpectrogramDiscriminator

MICRO = """
[vocoder]
generator = "{generator}"
[vocoder.istft]
dim = 16
blocks = 2
[vocoder.harmonic]
dim = 16
blocks = 2
pitch_dim = 16
pitch_blocks = 1
[vocoder.hifigan]
channels = 16
resblock_kernels = [3]
resblock_dilations = [1]
[vocoder.discriminators]
periods = [2, 3]
windows = [512]
period_channels = 2
spectrogram_channels = 4
[train.vocoder]
batch_size = 4
crop_seconds = 0.3
adversarial_after = 2
warmup_steps = 1
validate_every = 3
log_every = 1
"""


@pytest.mark.parametrize("discriminator", [PeriodDiscriminator(3, 2), SpectrogramDiscriminator(256, 4)])
def test_discriminators_take_any_length_and_pass_a_gradient(discriminator):
    wav = torch.randn(2, 1, 3203, requires_grad=True)
    scores, features = discriminator(wav)
    assert len(scores) == 2 and len(features) == len(discriminator.convs)
    scores.mean().backward()
    assert float(wav.grad.abs().sum()) > 0


def test_a_period_discriminator_looks_at_every_so_many_samples():
    discriminator = PeriodDiscriminator(5, 2)
    wav = torch.randn(1, 1, 500)
    other = wav.clone()
    other[..., 3::5] += 1
    with torch.no_grad():
        differs = (discriminator(wav)[0] - discriminator(other)[0]).abs().amax((0, 1, 2)) > 0
    assert differs.tolist() == [False, False, False, True, False]


def test_losses_by_hand():
    one = [(torch.tensor([1.0, 1.0]), [torch.tensor([0.0, 2.0])])]
    other = [(torch.tensor([0.5, 0.0]), [torch.tensor([1.0, 2.0])])]
    assert float(losses.discriminator_loss(one, other)) == pytest.approx(0.125)  # 0 + (0.25 + 0) / 2
    assert float(losses.adversarial(other)) == pytest.approx(0.625)  # (0.25 + 1) / 2
    assert float(losses.feature_matching(one, other)) == pytest.approx(0.5)
    joined = [
        (torch.cat([a, b]), [torch.cat([f, g]) for f, g in zip(fa, fb, strict=True)])
        for (a, fa), (b, fb) in zip(one, other, strict=True)
    ]
    (real,), (made,) = losses.halves(joined)
    assert torch.equal(real[0], one[0][0]) and torch.equal(made[1][0], other[0][1][0])


def test_spectral_loss_is_a_distance_of_logarithms():
    wav = 0.1 * torch.randn(2, 1, 9600, generator=torch.Generator().manual_seed(0))
    assert float(losses.spectral(wav, wav)) == 0
    assert float(losses.spectral(wav * math.e, wav)) == pytest.approx(1.0, abs=1e-3)


class Recorder(AdversarialTrainer):
    """Without a run: what its steps would do."""

    def __init__(self):
        self.model, self.discriminators = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)


def test_the_generators_loss_asks_the_discriminators_for_no_gradient():
    trainer, seen = Recorder(), []
    trainer.step = 5
    trainer.run = type("Run", (), {"settings": SimpleNamespace(adversarial_after=5)})
    trainer.optimizer = trainer.discriminator_optimizer = None
    trainer._autocast = nullcontext
    trainer._learn = lambda ask, module, optimizer: (
        seen.append((ask(), module, trainer.discriminators.weight.requires_grad)) or {"loss": 0.0}
    )

    generated = object()
    distributed = torch.nn.Linear(1, 1)

    def discriminator_loss(discriminators, batch, made):
        assert discriminators is distributed and made is generated
        return "theirs"

    def generator_loss(discriminators, batch, made):
        assert discriminators is trainer.discriminators and made is generated
        return "its own"

    step = AdversarialStep(lambda generator, batch: generated, discriminator_loss, generator_loss)
    metrics = trainer._advance((trainer.model, distributed), {}, step)
    assert seen == [("theirs", trainer.discriminators, True), ("its own", trainer.model, False)]
    assert trainer._stage(5) < trainer._stage(6) and set(metrics) == {"loss", "discriminators_loss"}
    assert trainer.discriminators.weight.requires_grad


def vocoder_config(workspace, generator="istft"):
    path = workspace / f"vocoder-{generator}.toml"
    base = micro_config(workspace).as_posix()
    path.write_text(f'extends = "{base}"\n{MICRO.format(generator=generator)}', encoding="utf-8")
    return path


def train(workspace, name, *more, generator="istft", data="data/songs", expect=0, config=None):
    out = workspace / "out" / name
    config = config or vocoder_config(workspace, generator)
    arguments = ("train_vocoder.py", data, out, "--config", config, "--device", "cpu", *more)
    return out, run_script(*arguments, cwd=workspace, expect=expect)


def test_resumed_is_uninterrupted_where_the_discriminators_join(workspace):
    whole, _ = train(workspace, "v/whole", "--amp", "off", "--steps", 6)
    again, _ = train(workspace, "v/again", "--amp", "off", "--steps", 6, "--resume", whole / "model-3.pt")
    one, two = (store.load(folder / "model-6.pt") for folder in (whole, again))
    assert all(torch.equal(one["model"][k], two["model"][k]) for k in one["model"])
    theirs = [c["training"]["discriminators"]["model"] for c in (one, two)]
    assert all(torch.equal(theirs[0][k], theirs[1][k]) for k in theirs[0])
    log = (whole / "logs" / "whole.log").read_text(encoding="utf-8")
    assert "adversarial" not in log.split("train 2:")[1].split("\n")[0]
    assert "adversarial" in log.split("train 3:")[1].split("\n")[0]


def test_discriminators_wait_for_their_turn(workspace):
    first, _ = train(workspace, "v/first", "--amp", "off", "--steps", 1)
    second, _ = train(workspace, "v/second", "--amp", "off", "--steps", 2)
    third, _ = train(workspace, "v/third", "--amp", "off", "--steps", 3)
    key = "members.0.last.bias"
    states = [
        store.load(folder / f"model-{step}.pt")["training"]["discriminators"]["model"][key]
        for folder, step in ((first, 1), (second, 2), (third, 3))
    ]
    assert torch.equal(states[0], states[1]) and not torch.equal(states[1], states[2])


@pytest.mark.parametrize("generator", sorted(GENERATORS))
def test_a_trained_vocoder_converts(voice, generator):
    out, done = train(voice, f"v/{generator}", "--steps", 3, generator=generator)
    checkpoint = store.load(out / "model-best.pt")
    assert checkpoint["kind"] == generator and checkpoint["card"]["hours"] > 0
    given = ("infer.py", "songs", "--dataset", "songs", "--vocoder", out / "model-best.pt")
    source = next((voice / "録音 wavs").rglob("歌*.wav"))
    run_script(*given, "--input", source, "--out_path", f"gen/{generator}", cwd=voice)
    (made,) = (voice / "gen" / generator).glob("*.wav")
    assert len(audio.load(made)) == len(audio.load(source))


def test_one_process_with_the_doubled_batch_equals_two(workspace):
    common = ("--steps", 4, "--amp", "off")
    one, _ = train(workspace, "v/one", *common)
    config = ("--config", vocoder_config(workspace), "--device", "cpu")
    launch(ROOT / "train_vocoder.py", "data/songs", "out/v/two", *config, *common, cwd=workspace)
    one, two = (store.load(workspace / f"out/v/{name}/model-4.pt") for name in ("one", "two"))
    # Adam divides by the size of a gradient: where that is near zero, its rounding decides, differently on
    # each processor.
    differences = torch.cat([(x - two["model"][name]).abs().flatten() for name, x in one["model"].items()])
    assert (differences > 2e-5).float().mean() < 1e-3 and differences.max() < 2e-4


def test_finetuning_learns_from_an_acoustic_models_mels(voice):
    base, _ = train(voice, "v/base", "--steps", 3)
    acoustic = voice / "out" / "bank" / "acoustic" / "model-best.pt"
    more = ("--steps", 3, "--warmstart", base / "model-best.pt", "--finetune", acoustic)
    out, _ = train(voice, "v/fine", *more, data="data/bank")
    card = store.load(out / "model-best.pt")["card"]
    (mels,) = (voice / "data" / "bank").glob(f"mels-{card['encoders']['acoustic']['hash']}-*")
    made, kind = list(mels.rglob("*.npy")), mels.name
    folder = DataFolder(voice / "data" / "bank")
    assert len(made) == len(folder.files)
    key = next(iter(folder.files))
    units = torch.from_numpy(folder.read("units-pitdyn", key)).float()[None]
    expected = models.load_acoustic(acoustic).generate(units)[0].T
    assert np.allclose(folder.read(kind, key), expected, atol=1e-5)


@pytest.mark.slow
def test_a_warm_start_keeps_the_kind_of_its_filters(workspace):
    """Weights of filters that are whole say nothing where they are relative to the mel's level."""
    whole = workspace / "whole.toml"
    base = vocoder_config(workspace, "harmonic").as_posix()
    text = f'extends = "{base}"\n[vocoder.harmonic]\nrelative = false\n'
    whole.write_text(text, encoding="utf-8")
    base, _ = train(workspace, "v/old", "--steps", 3, config=whole)
    new, _ = train(workspace, "v/new", "--steps", 3, generator="harmonic")
    begun, _ = train(
        workspace, "v/begun", "--steps", 3, "--warmstart", base / "model-best.pt", generator="harmonic"
    )
    found = [
        store.load(folder / "model-best.pt")["config"]["model"]["relative"] for folder in (base, new, begun)
    ]
    assert found == [False, True, False]


@pytest.mark.slow
def test_a_run_with_filters_of_the_other_kind_is_resumed(workspace):
    """By a preset that has changed meanwhile; a file from before there were two kinds names none."""
    whole = workspace / "kind.toml"
    base = vocoder_config(workspace, "harmonic").as_posix()
    text = f'extends = "{base}"\n[vocoder.harmonic]\nrelative = false\n'
    whole.write_text(text, encoding="utf-8")
    out, _ = train(workspace, "v/kind", "--steps", 3, config=whole)
    more = ("--steps", 4, "--resume", out / "model-3.pt")
    train(workspace, "v/kind", *more, generator="harmonic")
    data = store.load(out / "model-3.pt")
    del data["config"]["model"]["relative"]
    (out / "model-best.pt").unlink()
    store.save(out / "model-3.pt", data)
    train(workspace, "v/kind", *more, generator="harmonic")
    assert "relative" not in store.load(out / "model-4.pt")["config"]["model"]


def test_a_warm_start_from_a_run_takes_its_discriminators_along(workspace):
    base, _ = train(workspace, "v/against", "--steps", 3)
    _, done = train(workspace, "v/further", "--steps", 1, "--warmstart", base / "model-best.pt")
    assert f"discriminators begin as those of {base / 'model-3.pt'}" in done.stderr
    alone = workspace / "alone.pt"
    alone.write_bytes((base / "model-best.pt").read_bytes())
    _, done = train(workspace, "v/further2", "--steps", 1, "--warmstart", alone)
    assert "discriminators begin" not in done.stderr
    data = store.load(base / "model-3.pt")
    against = Discriminators(**data["config"]["toml"]["vocoder"]["discriminators"])
    assert models.fill_discriminators(against, base / "model-3.pt")
    for name, tensor in data["training"]["discriminators"]["model"].items():
        torch.testing.assert_close(against.state_dict()[name], tensor)
    other = torch.nn.Linear(2, 3)
    assert not models.fill_discriminators(other, base / "model-3.pt")


def test_what_does_not_fit_is_refused_in_a_sentence(voice):
    base, _ = train(voice, "v/base2", "--steps", 3)
    _, done = train(voice, "v/x", "--warmstart", base / "model-best.pt", generator="hifigan", expect=2)
    assert "does not fit HifiGan" in done.stderr and "Traceback" not in done.stderr
    acoustic = voice / "out" / "bank" / "acoustic" / "model-best.pt"
    _, done = train(voice, "v/x", "--resume", acoustic, expect=2)
    assert "acoustic" in done.stderr and "Traceback" not in done.stderr
    _, done = train(voice, "v/x", data="data/bank", generator="harmonic", expect=2)
    assert "no train recording has its f0/" in done.stderr
    assert "python preprocess.py bank --pitdyn" in done.stderr and "Traceback" not in done.stderr


def test_loss_falls(workspace):
    config = vocoder_config(workspace, "istft").rename(workspace / "seldom.toml")
    config.write_text(config.read_text("utf-8").replace("validate_every = 3", "validate_every = 12"), "utf-8")
    out, _ = train(workspace, "v/falls", "--steps", 60, "--amp", "off", "--keep", 1, config=config)
    log = (out / "logs" / "falls.log").read_text(encoding="utf-8")
    values = [
        float(line.split("spectral ")[1].split(",")[0]) for line in log.splitlines() if " train " in line
    ]
    assert sum(values[-9:]) < 0.8 * 3 * sum(values[:3])
