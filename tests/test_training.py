"""Batches, one step of each training, exact resume, several processes, warm start."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, launch, micro_config, run_script

from checkpoints import models, store
from common.cli import UserError
from common.presets import load_config
from hubert_pitdyn.model import Hubert
from preprocessing.data_folder import DataFolder, save_array
from training.batches import Batches
from training.meters import Meters
from training.run import model_of
from training.settings import learning_rate, settings_of


def test_batches_cover_every_epoch_and_wrap_small_sets():
    batches = Batches(10, 4, seed=1, first=0, last=5)
    seen = [index for batch in batches for index, _ in batch]
    assert sorted(seen[:10]) == list(range(10)) and sorted(seen[10:20]) == list(range(10))
    assert seen[:10] != seen[10:20]
    assert [len(b) for b in Batches(3, 8, seed=1, first=0, last=2)] == [8, 8]


def test_batches_depend_on_seed_and_step_alone():
    whole = list(Batches(10, 4, seed=1, first=0, last=6))
    assert list(Batches(10, 4, seed=1, first=3, last=6)) == whole[3:]
    assert list(Batches(10, 4, seed=2, first=0, last=6)) != whole
    halves = [list(Batches(10, 4, 1, 0, 6, rank, 2)) for rank in (0, 1)]
    for step, batch in enumerate(whole):
        assert sorted(halves[0][step] + halves[1][step]) == sorted(batch)


def test_meters_leave_out_undefined_values():
    meters = Meters()
    for value in (1.0, math.nan, 3.0):
        meters.update({"accuracy": value})
    assert meters.take() == {"accuracy": 2.0} and meters.take() == {}


def test_learning_rate_warms_up_and_decays():
    preset = load_config(ROOT / "configs" / "tiny.toml")
    settings = settings_of(preset, "acoustic", "tiny.toml", warmup_steps=10, steps=110)
    rates = [learning_rate(settings, step, 1.0) for step in range(111)]
    assert (
        rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0) and rates.index(max(rates)) <= 10
    )
    assert rates[110] == pytest.approx(0.1) and all(
        a >= b for a, b in zip(rates[10:], rates[11:], strict=False)
    )


def train(workspace, name, *more, config=None, expect=0):
    out = workspace / "out" / name
    config = config or micro_config(workspace)
    script = "train_acoustic.py" if name.endswith("acoustic") else "train_hubert.py"
    run_script(
        script, *more, "data/songs", out, "--config", config, "--device", "cpu", cwd=workspace, expect=expect
    )
    return out


@pytest.mark.parametrize(
    ("kind", "front_end"), [("pits", "waveform"), ("dyns", "waveform"), ("units", "log_mel")]
)
def test_resumed_is_uninterrupted(workspace, kind, front_end):
    """Six steps at once and three plus three give the same weights, with dropout, masking, places in time."""
    config = micro_config(workspace, front_end=front_end)
    common = ("--embds_dn", kind, "--trunk", "finetune", "--mask", "--amp", "off")
    whole = train(workspace, f"r/{kind}-whole", *common, "--steps", 6, config=config)
    resume = ("--steps", 6, "--resume", whole / "model-3.pt")
    again = train(workspace, f"r/{kind}-again", *common, *resume, config=config)
    one = store.load(whole / "model-6.pt")
    two = store.load(again / "model-6.pt")
    assert all(torch.equal(one["model"][k], two["model"][k]) for k in one["model"])
    assert one["training"]["best"] == two["training"]["best"]
    assert one["training"]["step"] == two["training"]["step"] == 6


def test_resume_keeps_the_best_loss_and_refuses_other_kinds(workspace):
    whole = train(workspace, "k/pits", "--embds_dn", "pits", "--steps", 3)
    best = store.load(whole / "model-3.pt")["training"]["best"]
    again = train(workspace, "k/pits", "--embds_dn", "pits", "--steps", 4, "--resume", whole / "model-3.pt")
    assert store.load(again / "model-4.pt")["training"]["best"] <= best
    done = run_script(
        *("train_hubert.py", "--embds_dn", "dyns", "data/songs", "out/k/dyns", "--steps", 6),
        *("--config", micro_config(workspace), "--resume", whole / "model-3.pt"),
        cwd=workspace,
        expect=2,
    )
    assert "-pits" in done.stderr and "-dyns" in done.stderr and "Traceback" not in done.stderr


def test_resume_refuses_another_preset_and_other_options_in_a_sentence(workspace):
    learn = ("train_hubert.py", "--embds_dn", "pits", "data/songs", "out/kc/pits", "--trunk", "finetune")
    run_script(*learn, "--steps", 3, "--config", micro_config(workspace), cwd=workspace)
    again = (*learn, "--steps", 6, "--resume", "out/kc/pits/model-3.pt")
    refused = run_script(*again, "--config", micro_config(workspace, dropout=0.0), cwd=workspace, expect=2)
    assert "expected dropout 0.1, found dropout 0.0" in refused.stderr and "--config" in refused.stderr
    refused = run_script(*again, "--mask", "--config", micro_config(workspace), cwd=workspace, expect=2)
    assert "model-3.pt: " in refused.stderr and "options of its run" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_loss_that_is_no_number_ends_the_run_in_a_sentence(workspace):
    learn = ("train_hubert.py", "--embds_dn", "dyns", "data/songs", "out/nan/dyns", "--trunk", "finetune")
    content = store.load(workspace / "out" / "songs" / "hubert-soft" / "model-best.pt")
    wild = {name: 1e30 * t if t.is_floating_point() else t for name, t in content["model"].items()}
    store.save(workspace / "wild.pt", {**content, "model": wild})
    more = ("--warmstart", "wild.pt", "--steps", 9, "--config", micro_config(workspace))
    refused = run_script(*learn, *more, cwd=workspace, expect=2)
    assert "loss became NaN before step" in refused.stderr and "Traceback" not in refused.stderr


def test_one_process_with_the_doubled_batch_equals_two(workspace):
    config = micro_config(workspace, dropout=0.0)
    common = ["--embds_dn", "pits", "--config", config, "--steps", "3", "--amp", "off", "--trunk", "finetune"]
    run_script("train_hubert.py", *common, "data/songs", "out/d/one", "--device", "cpu", cwd=workspace)
    parts = ("--micro_batch", "1", "--device", "cpu")
    launch(ROOT / "train_hubert.py", *common, "data/songs", "out/d/two", *parts, cwd=workspace)
    one, two = (store.load(workspace / "out" / "d" / name / "model-3.pt") for name in ("one", "two"))
    for name, weight in one["model"].items():
        if name.endswith("in_proj_bias"):
            continue  # softmax ignores a key's bias: its gradient is rounding noise, which Adam blows up
        assert torch.allclose(weight, two["model"][name], atol=2e-5), name


def test_frozen_head_trains_from_cached_features(workspace):
    soft = workspace / "out" / "songs" / "hubert-soft"
    assert models.load_hubert(soft / "model-best.pt").units(torch.zeros(1, 1, 640)).shape == (1, 2, 256)
    head = train(workspace, "frozen/hubert-pit", "--embds_dn", "pits", "--trunk", "frozen", "--steps", 3)
    checkpoint = store.load(head / "model-best.pt")
    assert checkpoint["kind"] == "head-pits" and checkpoint["card"]["encoders"]["content"]["hash"]
    features = next((workspace / "data" / "songs").glob("hidden-*"))
    assert len(list(features.rglob("*.npy"))) == 9
    assert np.isfinite(np.load(next(features.rglob("*.npy"))).astype(np.float32)).all()


def test_a_loudness_head_reads_the_pitch_model_with_the_vectors_that_voices_know(workspace):
    extra = "[hubert.pits]\nnorm = 'fixed'\n[train.head]\nkeep_embedding = true\n"
    preset = workspace / "configs" / "fixed.toml"
    preset.parent.mkdir(exist_ok=True)
    preset.write_text(f"extends = {str(micro_config(workspace))!r}\n{extra}", encoding="utf-8")
    fixed, whole = {"config": preset}, ("--trunk", "finetune", "--steps", 3)
    pits = train(
        workspace, "p/hubert-pit", "--embds_dn", "pits", "--trunk", "finetune", "--steps", 3, **fixed
    )
    known = train(workspace, "k/hubert-dyn", "--embds_dn", "dyns", *whole, **fixed)
    on_pits = ("--embds_dn", "dyns", "--trunk", "pits", "--content", pits / "model-best.pt", "--steps", 3)
    head = train(workspace, "p/hubert-dyn", *on_pits, "--warmstart", known / "model-best.pt", **fixed)
    checkpoint = store.load(head / "model-best.pt")
    assert checkpoint["kind"] == "head-dyns" and list(checkpoint["card"]["encoders"]) == ["pit"]
    assert checkpoint["config"]["model"]["level"] is True
    vectors = store.load(known / "model-best.pt")["model"]["label_embedding.weight"]
    assert torch.equal(checkpoint["model"]["label_embedding.weight"], vectors)
    model = models.load_hubert(head / "model-best.pt")
    assert model.distribution(torch.randn(1, 1, 6400)).shape == (1, 20, 64)
    refused = ("train_hubert.py", "data/songs", "out/x", "--embds_dn", "pits", "--trunk", "pits")
    refused += ("--config", preset, "--steps", 3)
    assert "beside the pitch model" in run_script(*refused, cwd=workspace, expect=2).stderr


def test_a_head_cannot_be_masked(workspace):
    frozen = ("--embds_dn", "pits", "--trunk", "frozen", "--mask", "--steps", 3)
    arguments = ("train_hubert.py", "data/songs", "out/x", "--config", micro_config(workspace), *frozen)
    assert "--trunk finetune" in run_script(*arguments, cwd=workspace, expect=2).stderr


def test_warm_start_takes_what_fits(workspace):
    base = train(workspace, "w/base", "--embds_dn", "dyns", "--trunk", "finetune", "--steps", 3)
    out = train(
        workspace,
        *("w/pits", "--embds_dn", "pits", "--trunk", "finetune", "--steps", 3),
        *("--warmstart", base / "model-best.pt"),
    )
    log = (out / "logs" / "pits.log").read_text(encoding="utf-8")
    assert "warm start" in log and "label_embedding.weight" in log.split("new:")[1]


def test_warm_start_from_weights_of_other_sizes_says_what_to_give(workspace):
    shipped = ROOT / "out" / "demo" / "hubert-soft" / "model-best.pt"
    learn = ("train_hubert.py", "--embds_dn", "pits", "data/songs", "out/w/none", "--trunk", "finetune")
    given = ("--config", micro_config(workspace), "--warmstart", shipped)
    refused = run_script(*learn, *given, cwd=workspace, expect=2).stderr
    assert str(shipped) in refused and "--config" in refused and "as --warmstart" in refused


def test_loss_falls_on_pitch(workspace):
    """Training does learn: the voicing of hiss against tone within a hundred steps."""
    common = ("--embds_dn", "pits", "--trunk", "finetune", "--steps", 120)
    out = train(workspace, "l/pits", *common, config=micro_config(workspace, lr=3e-3, validate=24))
    log = (out / "logs" / "pits.log").read_text(encoding="utf-8")
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in log.splitlines() if " train " in line]
    assert sum(losses[-9:]) < 0.85 * 3 * sum(losses[:3])


def test_checkpoint_holds_everything(workspace):
    out = train(workspace, "c/pits", "--embds_dn", "pits", "--trunk", "finetune", "--steps", 9, "--keep", 2)
    assert sorted(p.name for p in out.glob("*.pt")) == ["model-6.pt", "model-9.pt", "model-best.pt"]
    checkpoint = store.load(out / "model-best.pt")
    assert checkpoint["config"]["toml"]["labels"]["pit"]["bins"] == 99
    assert (
        checkpoint["labels"] == json.loads((workspace / "data/songs/stats.json").read_text("utf-8"))["labels"]
    )
    assert checkpoint["card"]["hours"] > 0 and "voicing" in checkpoint["card"]["metrics"]
    assert list((out / "logs").glob("events.out.tfevents.*"))


def test_content_encoder_learns_its_teachers_features_too(workspace, tmp_path):
    """Voicing as a teacher: estimated better and better; MFCC are no folder, and go by classes alone."""
    folder = DataFolder(workspace / "data" / "songs")
    for key in folder.have("pits"):
        voiced = (folder.read("pits", key) > 0).astype(np.float32)
        save_array(tmp_path / f"{key}.npy", np.stack([voiced, 3 - 2 * voiced], axis=1))
    fast = micro_config(workspace, lr=3e-3)
    wavs, features = workspace / "録音 wavs", ("--discrete", "--features", tmp_path, "--clusters", 2)
    run_script(
        "preprocess.py", "taught", "--wavs", wavs, *features, "--config", fast, cwd=workspace, expect=1
    )
    learn = ("train_hubert.py", "--embds_dn", "units", "--config", fast, "--device", "cpu")
    run_script(*learn, "data/taught", "out/t/hubert-soft", "--steps", 120, cwd=workspace)
    log = (workspace / "out" / "t" / "hubert-soft" / "logs" / "hubert-soft.log").read_text(encoding="utf-8")
    found = [float(r2) for r2 in re.findall(r"valid \d+: .*teacher_r2 (-?[\d.e-]+)", log)]
    assert len(found) > 2 and found[-1] > 0.2 and found[-1] > found[0] + 0.1
    model = models.load_hubert(workspace / "out" / "t" / "hubert-soft" / "model-best.pt")
    assert model.teacher_head.out_features == 2
    alone = ("preprocess.py", "untaught", "--wavs", wavs, "--discrete", "--features", "mfcc", "--clusters", 2)
    run_script(*alone, "--config", fast, cwd=workspace, expect=1)
    run_script(*learn, "data/untaught", "out/t/alone", "--steps", 3, cwd=workspace)
    log = (workspace / "out" / "t" / "alone" / "logs" / "alone.log").read_text(encoding="utf-8")
    assert "classes alone" in log and "teacher_r2" not in log
    next(tmp_path.rglob("*.npy")).unlink()
    missing = run_script(*learn, "data/taught", "out/t/missing", "--steps", 3, cwd=workspace, expect=2)
    assert ".npy" in missing.stderr and "teacher" in missing.stderr


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"dim": 30, "heads": 4}, "dim 30 must be a multiple of heads 4"),
        ({"front_end": "mel"}, "front_end is one of"),
        ({"depth": 3}, "unexpected keyword argument 'depth'"),
    ],
)
def test_sizes_of_a_preset_that_do_not_go_together_are_refused_with_its_name(sizes, says):
    with pytest.raises(UserError) as error:
        model_of(Hubert, sizes, Path("mine.toml"))
    assert str(error.value).startswith("mine.toml: sizes that Hubert does not take (") and says in str(
        error.value
    )
