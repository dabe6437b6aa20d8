"""What a training goes by: the preset of its data or of a checkpoint, and the settings of the run resumed."""

import argparse
import json
import re
import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from bands import Band
from checkpoints import store
from common.cli import UserError
from common.presets import load_config, merge
from preprocessing import presets
from preprocessing.data_folder import DataFolder
from training import continuation, vocoder
from training.run import start
from training.settings import settings_of

TINY, WIDE = ROOT / "configs" / "tiny.toml", ROOT / "configs" / "wide.toml"
KATHLEEN = ROOT / "out" / "kathleen" / "acoustic" / "model-best.pt"
CONTENT = ROOT / "out" / "demo" / "hubert-soft" / "model-best.pt"


def arguments(data: Path, **given) -> argparse.Namespace:
    """What a train script parses from `data out` and the options given."""
    names = ("config", "resume", "steps", "batch_size", "micro_batch", "seed", "keep", "num_workers")
    options = {**dict.fromkeys(names), "device": "cpu", "amp": "auto", "overwrite": False, **given}
    return argparse.Namespace(data=data, out=data.parent / "out", **options)


def with_units(folder: Path, content: Path = CONTENT, level_db: float = -26.0) -> Path:
    """A data folder whose cards name a content encoder, and mels at a level, with those above 8 kHz."""
    folder.mkdir(parents=True)
    card = {"encoders": {"content": {"name": content.as_posix(), "hash": "x"}}, "unit_dim": 768}
    (folder / "encoder.json").write_text(json.dumps(card), encoding="utf-8")
    (folder / "mels.json").write_text(json.dumps({"level_db": level_db}), encoding="utf-8")
    highs = {"level_db": level_db, **Band.of(load_config(WIDE)["audio"]).sizes}
    (folder / "highs.json").write_text(json.dumps(highs), encoding="utf-8")
    return folder


def test_the_preset_of_a_voice_is_that_of_the_encoders_of_its_units(tmp_path):
    data = with_units(tmp_path / "hana")
    config, name = continuation.choose_preset(arguments(data), ("encode",))
    assert name == "configs/wide.toml" and config == load_config(WIDE)
    assert settings_of(config, "acoustic", name).steps == 4000


def test_units_of_one_preset_are_refused_with_another(tmp_path):
    data = with_units(tmp_path / "hana")
    base = ROOT / "configs" / "base.toml"
    with pytest.raises(UserError, match="are of the preset configs/wide.toml.*give --config configs/wide"):
        continuation.choose_preset(arguments(data, config=base), ("encode",))
    assert continuation.choose_preset(arguments(data, config=WIDE), ("encode",))[0] == load_config(WIDE)


def test_mels_at_another_level_are_refused(tmp_path):
    data = with_units(tmp_path / "hana", level_db=-12.0)
    with pytest.raises(UserError, match="mels.json: expected mels at -26 dB.*found -12 dB.*--mel"):
        continuation.choose_preset(arguments(data), ("encode",))


def test_a_refinement_has_the_preset_of_the_voice_that_it_begins_from(tmp_path):
    data = with_units(tmp_path / "hana")
    refine = arguments(data, resume=KATHLEEN, refine=True)
    config, name = continuation.choose_preset(refine, ("encode",))
    assert config["acoustic"] == store.about(KATHLEEN)["config"]["toml"]["acoustic"]
    assert config == load_config(WIDE) and name == "configs/wide.toml"
    run = start(refine, "acoustic", config, name)
    assert run.settings.steps == run.settings.refine_steps == 600 and run.settings.lr == 3e-4
    assert (
        start(arguments(data, resume=KATHLEEN, refine=True, steps=7), "acoustic", config).settings.steps == 7
    )


@pytest.mark.parametrize("given", [WIDE, None])
def test_the_preset_that_labels_were_made_with_is_the_one_they_are_learnt_with(tmp_path, given):
    folder = DataFolder(tmp_path / "songs")
    presets.remember(folder, "pitdyn", given, "configs/base.toml")
    config, name = continuation.choose_preset(arguments(folder.root), ("pitdyn",))
    assert config == load_config(given) and ("wide" in name) == (given is not None)


def test_data_that_says_nothing_goes_by_the_default_and_says_so(tmp_path):
    config, name = continuation.choose_preset(arguments(tmp_path), ("pitdyn", "mel"))
    assert config == load_config() and name == "configs/base.toml, as no --config names another"


def test_a_preset_that_is_gone_is_named(tmp_path):
    own = tmp_path / "mine.toml"
    own.write_text(f'extends = "{WIDE.as_posix()}"\n[train.hubert]\nsteps = 77\n', encoding="utf-8")
    folder = DataFolder(tmp_path / "songs")
    presets.remember(folder, "pitdyn", own)
    config, name = continuation.choose_preset(arguments(folder.root), ("pitdyn",))
    assert name == own.as_posix() and config["train"]["hubert"]["steps"] == 77
    own.unlink()
    with pytest.raises(
        UserError, match="presets.json: pitdyn was made with .*mine.toml, which does not exist"
    ):
        continuation.choose_preset(arguments(folder.root), ("pitdyn",))


def test_units_without_a_preset_keep_no_note(tmp_path):
    folder = DataFolder(tmp_path / "songs")
    for preset in (WIDE, None):
        presets.remember(folder, "encode", preset)
    assert folder.read_json("presets.json") == {}


@pytest.mark.parametrize(("verb", "expected"), [("encode", WIDE), ("mel", WIDE), ("pitdyn", None)])
def test_units_and_mels_are_made_by_the_preset_of_the_encoders(tmp_path, monkeypatch, verb, expected):
    data = with_units(tmp_path / "data" / "hana")
    monkeypatch.chdir(ROOT)
    args = argparse.Namespace(config=None, content=None, **dict.fromkeys(presets.VERBS))
    setattr(args, verb, "demo" if verb == "encode" else True)
    assert presets.for_preprocessing(DataFolder(data), args)[0] == load_config(expected)
    args.config = ROOT / "configs" / "original.toml"
    assert presets.for_preprocessing(DataFolder(data), args)[0] == load_config(args.config)


def checkpoint(path: Path, config: dict, section: str, seed: int = 5, amp: str = "off", **changed) -> Path:
    """A checkpoint of a run with these settings."""
    settings = {**asdict(settings_of(config, section, "x")), **changed}
    state = {"step": 3, "settings": settings, "seed": seed, "amp": amp}
    about = {"kind": "acoustic", "model": {}, "config": {"model": {}, "toml": config}, "card": {}}
    store.save(path, {**about, "labels": None, "training": state})
    return path


def test_a_run_resumed_has_the_preset_the_settings_and_the_seed_of_its_checkpoint(tmp_path, capsys):
    tiny = load_config(TINY)
    path = checkpoint(tmp_path / "model-3.pt", tiny, "acoustic", batch_size=4, lr=0.123, betas=[0.1, 0.2])
    args = arguments(tmp_path, resume=path)
    run = start(args, "acoustic", *continuation.choose_preset(args, ("encode",)))
    assert run.config == tiny and run.seed == 5
    assert (run.settings.batch_size, run.settings.lr, run.settings.betas) == (4, 0.123, [0.1, 0.2])
    assert "instead of" not in capsys.readouterr().err


def test_what_a_run_resumed_takes_of_its_command_line_is_named(tmp_path, capsys):
    path = checkpoint(tmp_path / "model-3.pt", load_config(TINY), "acoustic", lr=0.123)
    args = arguments(tmp_path, resume=path, steps=9, micro_batch=2, config=TINY, amp="bf16")
    run = start(args, "acoustic", *continuation.choose_preset(args, ("encode",)))
    assert (run.settings.steps, run.settings.micro_batch, run.settings.lr) == (9, 2, 0.123)
    said = capsys.readouterr().err
    assert "steps 9 instead of 4000" in said and "micro_batch 2 instead of 0" in said
    assert f"lr stays 0.123, not 0.001 as {TINY} says" in said and "amp bf16 instead of off" in said


@pytest.mark.parametrize(("option", "found"), [("seed", 6), ("batch_size", 3)])
def test_a_seed_or_batch_of_another_run_is_refused(tmp_path, option, found):
    path = checkpoint(tmp_path / "model-3.pt", load_config(TINY), "acoustic", batch_size=4)
    args = arguments(tmp_path, resume=path, **{option: found})
    with pytest.raises(UserError, match=f"model-3.pt: expected the --{option} . of its run, found {found}"):
        start(args, "acoustic", *continuation.choose_preset(args, ("encode",)))
    args = arguments(tmp_path, resume=path, **{option: {"seed": 5, "batch_size": 4}[option]})
    start(args, "acoustic", *continuation.choose_preset(args, ("encode",)))


def test_checkpoints_from_before_settings_were_kept_go_by_their_preset(tmp_path):
    tiny = load_config(TINY)
    for table in ("patience", "micro_batch"):
        del tiny["train"]["acoustic"][table]
    path = checkpoint(tmp_path / "model-3.pt", load_config(TINY), "acoustic")
    old = store.load(path)
    del old["training"]["settings"]
    store.save(path, {**old, "config": {"model": {}, "toml": tiny}})
    args = arguments(tmp_path, resume=path, seed=8)
    run = start(args, "acoustic", *continuation.choose_preset(args, ("encode",)))
    assert run.settings.lr == 1e-3 and run.settings.micro_batch == 0 and run.seed == 8


class Recordings:
    """A data set of a folder's recordings."""

    def __init__(self, folder, keys):
        self.folder, self.keys = folder, keys

    def __len__(self):
        return len(self.keys)


def test_other_recordings_have_another_fingerprint(tmp_path):
    folder = DataFolder(tmp_path / "v")
    for number, key in enumerate(("a", "b", "c")):
        folder.save("prepared", key, np.full(640, number, np.int16))
    first = continuation.fingerprint(Recordings(folder, ["a", "b"]))
    assert first == continuation.fingerprint(Recordings(folder, ["b", "a"])) and first["items"] == 2
    assert continuation.fingerprint(Recordings(folder, ["a", "c"])) != first
    assert continuation.fingerprint(Recordings(folder, ["a", "b", "c"]))["items"] == 3
    folder.save("prepared", "b", np.full(640, 9, np.int16))
    assert continuation.fingerprint(Recordings(folder, ["a", "b"])) != first


def test_the_command_printed_repeats_the_options_of_a_run(monkeypatch):
    typed = (
        "train_acoustic.py data/hana out/hana/acoustic --steps 9 --resume=old.pt --refine --any_encoder --lr"
    )
    monkeypatch.setattr(sys, "argv", typed.split())
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    words = shlex.split(continuation.resuming_command(Path("out/my voice/model-4.pt")).replace("\\", "/"))
    assert words[:6] == ["python", "train_acoustic.py", "data/hana", "out/hana/acoustic", "--steps", "9"]
    assert words[6:] == ["--lr", "--resume", "out/my voice/model-4.pt"]
    typed = "train_hubert.py --embds_dn pits d o --warmstart w.pt --mask"
    monkeypatch.setattr(sys, "argv", typed.split())
    monkeypatch.setenv("WORLD_SIZE", "2")
    line = continuation.resuming_command(Path("m.pt"))
    assert re.match(r"torchrun --nproc_per_node=2 train_hubert.py --embds_dn pits d o --mask --resume", line)


def test_a_vocoder_that_begins_trained_meets_its_discriminators_early(tmp_path):
    new = start(arguments(tmp_path), "vocoder").settings
    warm = start(arguments(tmp_path, warmstart=Path("x.pt")), "vocoder").settings
    fine = start(arguments(tmp_path, finetune=Path("x.pt")), "vocoder").settings
    assert new.adversarial_after == 10000 and new.steps == 200000
    assert warm.adversarial_after == 100 and (warm.steps, warm.lr) == (new.steps, new.lr)
    assert fine.adversarial_after == 100 and fine.steps == 2000 and fine.lr == new.refine_lr


@pytest.mark.parametrize(("steps", "warned"), [(100, True), (101, False)])
def test_discriminators_that_never_join_are_worth_a_warning(tmp_path, capsys, steps, warned):
    folder = DataFolder(tmp_path / "v")
    for key in ("a", "b"):
        folder.save("prepared", key, np.zeros(6400, np.int16))
    folder.write_json("split.json", {"train": ["a"], "val": ["b"]})
    small = {"generator": "istft", "istft": {"dim": 8, "blocks": 1}}
    config = merge(load_config(), {"vocoder": small})
    args = arguments(folder.root, steps=steps, warmstart=None, finetune=None)
    run = start(args, "vocoder", config)
    run.settings = replace(run.settings, adversarial_after=100)
    vocoder.build(args, run)
    assert (f"adversarial_after is 100 of {steps} steps" in capsys.readouterr().err) == warned
