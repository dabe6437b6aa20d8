"""Settings of a training: every preset of the project is read, and what does not fit is refused."""

import copy

import pytest
from conftest import ROOT

from common.cli import UserError
from common.presets import load_config
from training.settings import HubertSettings, learning_rate, refining, settings_of

PRESETS = sorted(path for path in ROOT.glob("configs/**/*.toml") if path.name != "small.toml")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.name)
@pytest.mark.parametrize("section", ["pits", "dyns", "units", "head", "acoustic", "vocoder"])
def test_every_preset_of_the_project_is_read(preset, section):
    config = load_config(preset)
    settings = settings_of(config, section, preset, steps=7)
    assert settings.steps == 7 and settings.lr > 0
    if section == "pits":
        own = {**config["train"]["hubert"], **config["train"].get("pits", {})}
        assert isinstance(settings, HubertSettings) and settings.noise == own["noise"]


@pytest.mark.parametrize(
    ("table", "key", "value", "message"),
    [
        ("hubert", "teachr", 0, "[train.hubert]: unknown key 'teachr', did you mean 'teacher'?"),
        ("units", "teachr", 0, "[train.units]: unknown key 'teachr', did you mean 'teacher'?"),
        ("acoustic", "zzz", 0, "[train.acoustic]: unknown key 'zzz'; known are batch_size, "),
        ("head", "mask", True, "[train.head]: unknown key 'mask'"),
        ("acoustic", "steps", 1.5, "[train.acoustic]: steps is 1.5, expected a whole number"),
        ("acoustic", "lr", "fast", "[train.acoustic]: lr is 'fast', expected a number"),
        ("acoustic", "lr", True, "[train.acoustic]: lr is True, expected a number"),
        ("vocoder", "betas", 0.9, "[train.vocoder]: betas is 0.9, expected a list of numbers"),
        ("dyns", "mask", 1, "[train.dyns]: mask is 1, expected true or false"),
        ("pits", "speed_octaves", "x", "speed_octaves is 'x', expected a number or a list of numbers"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_preset_and_the_key(table, key, value, message):
    config = copy.deepcopy(load_config(ROOT / "configs" / "tiny.toml"))
    config["train"][table][key] = value
    with pytest.raises(UserError) as refused:
        settings_of(config, "acoustic", "mine.toml")
    assert str(refused.value).startswith("mine.toml, ") and message in str(refused.value)


def test_what_begins_from_a_trained_model_is_short_gentle_and_adversarial_early():
    for preset in ("base", "tiny"):
        config = load_config(ROOT / "configs" / f"{preset}.toml")
        vocoder = refining(settings_of(config, "vocoder", preset), None)
        assert vocoder.steps == 2000 and vocoder.adversarial_after_warmstart <= 200
        assert vocoder.lr == vocoder.refine_lr < config["train"]["vocoder"]["lr"]
        acoustic = settings_of(config, "acoustic", preset)
        assert refining(acoustic, None).steps <= 2000 and refining(acoustic, 55).steps == 55


def test_base_meets_other_pitches_other_people_and_noise():
    base = load_config(ROOT / "configs" / "base.toml")
    pits, dyns, units = (settings_of(base, kind, "base") for kind in ("pits", "dyns", "units"))
    assert list(pits.speed_octaves) == [-0.75, 1.75] and pits.noise == 0.3
    assert dyns.steps == 5000 and dyns.speed_octaves == 0 and dyns.noise == 0
    assert units.speed_octaves == 0.1 and units.equalise == 3.0
    assert learning_rate(dyns, dyns.steps, 1.0) == pytest.approx(dyns.final_lr)
    assert 0 < pits.patience <= 20


def test_mels_are_louder_in_base_alone():
    levels = {path.stem: load_config(path)["audio"]["level_db"] for path in PRESETS}
    assert levels.pop("base") == -19.0 and set(levels.values()) == {-26.0}


def test_unknown_tables_and_missing_keys_are_refused():
    config = copy.deepcopy(load_config(ROOT / "configs" / "tiny.toml"))
    config["train"]["acustic"] = {}
    with pytest.raises(UserError, match=r"unknown table \[train.acustic\], did you mean 'acoustic'"):
        settings_of(config, "acoustic", "mine.toml")
    del config["train"]["acustic"], config["train"]["acoustic"]["keep"]
    with pytest.raises(UserError, match=r"key 'keep' is missing; begin the preset with extends"):
        settings_of(config, "acoustic", "mine.toml")
