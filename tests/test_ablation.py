"""The recipes of the ablation: what they share, their labels, and the faults of 2022 as faults."""

from dataclasses import asdict
from functools import partial

import numpy as np
import pytest
import soundfile
import torch
from conftest import micro_config, run_script

import audio
from common.cli import UserError
from common.presets import hubert_sizes, label_training, load_config
from experiments.ablation import conversion, labels
from experiments.ablation.recipes import CONVERTED, KINDS, TITLES, Recipe
from experiments.ablation.report import causes_table, heads_table, mean_and_half_width
from experiments.ablation.scores import InTrainMode, true_hertz
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.model import Hubert
from hubert_pitdyn.tracker_models import TrackedLoudness, TrackedPitch
from hubert_pitdyn.units import ContentEncoder, encode_batch
from preprocessing.data_folder import DataFolder

SIZES = {"dim": 32, "conv_dim": 16, "heads": 2, "ff": 64, "layers": 2, "pos_kernel": 16, "pos_groups": 4}


def test_every_file_is_a_row_and_every_row_a_file():
    from experiments.ablation.recipes import CONFIGS

    rows = {*TITLES, "tracker", "content-only", "small"}
    assert {p.stem for p in CONFIGS.glob("*.toml")} == rows
    assert {row for row in CONVERTED if row != "content only"} <= rows


@pytest.mark.parametrize("name", TITLES)
def test_a_repair_and_a_break_change_one_thing(name):
    recipe = Recipe(name)
    PitLabels.from_config(recipe.config["labels"]["pit"])
    DynLabels.from_config(recipe.config["labels"]["dyn"])
    if not name.startswith(("repair", "break")):
        return
    parent = Recipe("2022" if name.startswith("repair") else "ours")
    differ = {k for k in recipe.config if recipe.config[k] != parent.config.get(k)}
    allowed = {"1": "hubert", "2": "ablation", "3": "train", "4": "labels", "5": "labels", "6": "labels"}
    allowed |= {"7": "labels", "8": "train"}
    assert differ - {"ablation"} == {allowed[name.split("-")[1]]} - {"ablation"}


def test_only_the_row_that_says_so_plays_crops_at_other_speeds_and_none_adds_noise():
    for name in TITLES:
        for kind in (*KINDS, "units"):
            settings = label_training(Recipe(name).config, kind)
            faster = 0.75 if (name, kind) == ("ours-speed", "pits") else 0.0
            assert (settings["speed_octaves"], settings["noise"]) == (faster, 0.0), (name, kind)
            assert not settings.get("equalise") and not settings.get("disturb"), (name, kind)


def test_all_huberts_of_the_ablation_are_of_one_size():
    for name in TITLES:
        config = Recipe(name).config
        sizes = [hubert_sizes(config, kind) for kind in (*KINDS, "units")]
        own = [(s["dim"], s["heads"], s["ff"], s.get("front_end", "waveform")) for s in sizes]
        assert own == [(128, 4, 512, "waveform")] * 3, name


def test_recipes_that_train_alike_share_a_run():
    ours, at_inference = Recipe("ours"), Recipe("break-2-eval")
    for kind in KINDS:
        assert ours.run_name(kind, 0) == at_inference.run_name(kind, 0) != ours.run_name(kind, 1)
        assert ours.run_name(kind, 0) == Recipe("tracker").run_name(kind, 0)
        assert ours.run_name(kind, 0) != Recipe("ours-frozen").run_name(kind, 0)
    assert ours.run_name("pits", 0) == Recipe("break-7-linear").run_name("pits", 0)
    assert ours.run_name("dyns", 0) != Recipe("break-7-linear").run_name("dyns", 0)


def test_original_preset_takes_two_parents():
    config = load_config(Recipe("2022").path)
    assert config["labels"]["pit"]["assumed_rate"] == 22050 and config["hubert"]["dim"] == 128
    assert config["train"]["hubert"]["mask"] and config["train"]["hubert"]["batch_size"] == 8


def test_label_folders_of_the_recipes(workspace, tmp_path):
    base = DataFolder(workspace / "data" / "songs")
    split = labels.choose(base, minutes=0.1, validation=1)
    assert len(split["train"]) >= 2 and len(split["val"]) == 1
    assert not set(split["train"]) & set(split["val"])
    made = {}
    for name in ("2022", "repair-4-voicing", "ours", "break-7-linear"):
        for kind in KINDS:
            recipe = Recipe(name)
            root = tmp_path / recipe.label_name(kind)
            labels.make(base, root, kind, recipe.label_table(kind), split, workers=1)
            made[name, kind] = DataFolder(root)
    key = split["train"][0]
    ours, wrong, voiced = (made[n, "pits"].read("f0", key) for n in ("ours", "2022", "repair-4-voicing"))
    assert (ours == base.read("f0", key)).all()
    assert (wrong > 0).all() and 0 < (voiced == 0).sum() < len(voiced)
    both = (ours > 0) & (voiced > 0)
    assert np.median(wrong[both] / ours[both]) == pytest.approx(22050 / 16000, rel=0.05)
    top = made["break-7-linear", "dyns"].stats()["labels"]["dyn"]["high_db"]
    assert 0 < top < 1
    assert made["break-7-linear", "dyns"].read("dyns", key).max() <= 31


@pytest.mark.parametrize("gain", [0.01, 0.5, 3.0])
def test_absolute_labels_are_those_of_a_recordings_own_level(gain, tmp_path):
    wav = gain * np.sin(np.arange(16000) * 0.1) * np.linspace(0.2, 1, 16000)
    (tmp_path / "wavs").mkdir()
    soundfile.write(tmp_path / "wavs" / "a.wav", wav, 16000, subtype="FLOAT")
    base, folder = DataFolder(tmp_path / "base"), DataFolder(tmp_path / "dyns")
    base.connect(tmp_path / "wavs")
    prepared = audio.loudness(base.prepared("a"), floor_db=-150)
    own = audio.loudness(audio.prepare(wav.astype(np.float32)).wav, floor_db=-150)
    assert np.allclose(prepared + base.own_level_db("a"), own, atol=0.05)
    table = {"bins": 100, "low_db": 0.0, "high_db": gain, "sigma": 0.0, "scale": "linear_rms"}
    labels.label_file(base.root, folder.root, "dyns", {**table, "centred": True}, "a")
    classes = 100 / gain * 10 ** (own / 20)
    assert np.abs(folder.read("dyns", "a") + 0.5 - classes).max() < 1


def test_labels_of_another_choice_are_not_taken_for_those_asked_for(workspace, tmp_path):
    base = DataFolder(workspace / "data" / "songs")
    few, more = (labels.choose(base, minutes, validation=1) for minutes in (0.02, 0.1))
    assert len(few["train"]) < len(more["train"])
    table = Recipe("ours").label_table("dyns")
    labels.make(base, tmp_path / "dyns", "dyns", table, few, workers=1)
    labels.make(base, tmp_path / "dyns", "dyns", table, few, workers=1)
    with pytest.raises(UserError, match=r"\(train\).*--name"):
        labels.make(base, tmp_path / "dyns", "dyns", table, more, workers=1)


def test_a_conversion_is_measured_once_for_one_voice(voice, tmp_path):
    folder, root = DataFolder(voice / "data" / "songs"), tmp_path / "data"
    content, run = voice / "out" / "songs" / "hubert-soft" / "model-best.pt", tmp_path / "voice content only"
    split = {part: folder.split(part, "mels") for part in ("train", "val", "test")}
    for _ in range(2):
        conversion.encode_voice("content only", folder, root, split, tmp_path, content)
    config = ("--config", micro_config(tmp_path), "--device", "cpu")
    run_script("train_acoustic.py", root, run, *config, "--steps", 2, cwd=tmp_path)
    line = next(iter(folder.files.values()))
    measure = partial(conversion.measure, tmp_path, content, folder.root, {line: None}, "content only")
    first = measure()[line.name]
    converted = next((run / "gen").iterdir())
    assert 0 <= first["vde"] <= 1 and np.isnan(first["wer"]) and conversion.mel_l1(run) > 0
    converted.unlink()
    again = measure()[line.name]
    assert list(again) == list(first) and again["vde"] == first["vde"] and not converted.exists()
    run_script(
        "train_acoustic.py", root, run, *config, "--steps", 3, "--seed", 5, "--overwrite", cwd=tmp_path
    )
    assert set(measure()) == {line.name} and converted.exists()
    with pytest.raises(UserError, match=r"\(content\)"):
        other = voice / "out" / "songs" / "hubert-pit" / "model-best.pt"
        conversion.encode_voice("content only", folder, root, split, tmp_path, other)


def test_training_mode_hides_frames_and_hertz_are_brought_back():
    torch.manual_seed(0)
    model = Hubert(classes=8, unit_kind="label", **SIZES)
    wav = torch.randn(1, 1, 320 * 40) * 0.1
    flawed = InTrainMode(model)
    first, second = flawed.distribution(wav), flawed.distribution(wav)
    assert first.shape == (1, 40, 8) and not torch.allclose(first, second)
    assert torch.allclose(InTrainMode(model).distribution(wav), first)
    assert true_hertz({"assumed_rate": 22050}) == pytest.approx(16000 / 22050)
    assert true_hertz({}) == 1


def test_a_second_gelu_changes_the_network_and_not_its_weights():
    torch.manual_seed(0)
    one, two = Hubert(classes=8, **SIZES).eval(), Hubert(classes=8, pos_gelus=2, **SIZES).eval()
    two.load_state_dict(one.state_dict())
    wav = torch.randn(1, 1, 3200)
    assert not torch.allclose(one.units(wav), two.units(wav), atol=1e-4)
    two.positional_embedding.gelus = 1
    assert torch.equal(one.units(wav), two.units(wav))


def test_content_only_makes_256_wide_units():
    encoder = ContentEncoder(Hubert(classes=8, **SIZES).eval())
    wavs = [np.random.default_rng(0).normal(0, 0.1, 320 * n).astype(np.float32) for n in (20, 30)]
    analysis, counts = encode_batch(encoder, wavs)
    assert encoder.embed(analysis).shape == (2, 30, 256) and counts == [20, 30]


def test_tracked_units_are_soft_labels_of_what_is_measured():
    times = np.arange(32000) / 16000
    tone = (0.2 * sum(np.sin(2 * np.pi * 150 * h * times) / h for h in range(1, 9))).astype(np.float32)
    pit, dyn = PitLabels(), DynLabels()
    tracked = TrackedPitch(torch.nn.Embedding(pit.classes, 256), {**asdict(pit), "tracker": "yin"})
    loud = TrackedLoudness(torch.nn.Embedding(dyn.classes, 256), asdict(dyn))
    batch = torch.zeros(2, 1, 32000)
    batch[0, 0], batch[1, 0, :16000] = torch.from_numpy(tone), torch.from_numpy(tone[:16000])
    p = tracked.distribution(batch, torch.tensor([32000, 16000]))
    assert p.shape == (2, 100, 100) and p[1, 50:].abs().max() == 0
    f0, _ = pit.decode_soft(p[0].numpy())
    assert np.abs(1200 * np.log2(f0[10:90] / 150)).max() < 30
    levels = dyn.decode_soft(loud.distribution(batch)[0].numpy())
    assert np.abs(levels[10:90]).max() < 1.0  # a steady tone is at its own active level
    assert tracked.units(batch).shape == (2, 100, 256)


def test_tables_show_means_intervals_and_paired_differences():
    assert mean_and_half_width([1.0, 2.0, 3.0]) == pytest.approx((2.0, 4.303 / np.sqrt(3)), rel=1e-3)
    figures = dict.fromkeys(("own_accuracy", "gpe", "pit_within_one", "dyn_within_1p5db"), 0.5)
    seeds = {n: [{**figures, "voicing": 0.5, "rpa50": 0.1 * i} for i in range(3)] for n in TITLES}
    seeds["repair-3-mask"] = [{**run, "rpa50": run["rpa50"] + 0.2} for run in seeds["2022"]]
    line = next(row for row in causes_table(seeds).splitlines() if row.startswith("| 3,"))
    assert "+20.0 ± 0.0" in line and line.count("+0.0 ± 0.0") == 5
    table = heads_table(seeds, {"ceiling": figures})
    assert "| the original recipe | 50.0 ± 0.0 |" in table and "| ceiling | 50.0 | – |" in table
