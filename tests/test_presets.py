"""Presets: those of the project are valid, and whatever cannot be is named with its table and key."""

import pytest
from conftest import ROOT

from common.cli import UserError
from common.presets import load_config

PRESETS = sorted(path for path in ROOT.glob("configs/**/*.toml") if path.name != "small.toml")
BASE = (ROOT / "configs" / "tiny.toml").as_posix()
WIDE = "rate = 44100\nhigh_bands = 8\n"


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.name)
def test_every_preset_of_the_project_is_valid(preset):
    assert load_config(preset)["labels"]["pit"]["bins"] > 1


def preset(folder, text: str, **how):
    path = folder / "mine.toml"
    path.write_text(f'extends = "{BASE}"\n{text}\n', **{"encoding": "utf-8", **how})
    return path


def refused(path) -> str:
    with pytest.raises(UserError) as error:
        load_config(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)
    return str(error.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("batch_size = 0", ": unknown key 'batch_size' before the first table"),
        ("[hubrt]\ndim = 3", ": unknown table [hubrt], did you mean 'hubert'?"),
        ("[train.pit]\nlr = 1.0", ": unknown table [train.pit], did you mean 'train.pits'?"),
        ("[audio]\nlevel = -26.0", ", [audio]: unknown key 'level', did you mean 'level_db'?"),
        ("[labels.pit]\nbin = 9", ", [labels.pit]: unknown key 'bin', did you mean 'bins'?"),
        ("[labels.dyn]\nhigh = 9", ", [labels.dyn]: unknown key 'high', did you mean 'high_db'?"),
        ("[hubert]\ndimm = 3", ", [hubert]: unknown key 'dimm', did you mean 'dim'?"),
        ("[hubert.units]\ndimm = 3", ", [hubert.units]: unknown key 'dimm', did you mean 'dim'?"),
        ("[acoustic]\nblock = 3", ", [acoustic]: unknown key 'block', did you mean 'blocks'?"),
        ("[vocoder]\ngen = 'istft'", ", [vocoder]: unknown key 'gen'"),
        ("[vocoder.istft]\ndims = 3", ", [vocoder.istft]: unknown key 'dims', did you mean 'dim'?"),
        ("[head]\ndept = 3", ", [head]: unknown key 'dept', did you mean 'depth'?"),
        ("[audio]\nlevel_db = '-26'", ", [audio]: level_db is '-26', expected a value like -19.0"),
        ("[audio]\nrate = 44100", ", [audio]: high_bands is 0, expected 1 or more at a rate of 44100"),
        ("[audio]\nrate = 22050\nhigh_bands = 8", ", [audio]: rate is 22050, expected one of 16000, 24000"),
        ("[audio]\nhigh_bands = 8", ", [audio]: high_bands is 8, expected 0 at a rate of 16000"),
        ("[audio]\nhigh_bands = 129", ", [audio]: high_bands is 129, expected a number from 0 to 128"),
        (
            f"[audio]\n{WIDE}high_hz = [9000.0, 8000.0]",
            ", [audio]: high_hz is [9000.0, 8000.0], expected two",
        ),
        (f"[audio]\n{WIDE}high_hz = [8000.0]", ", [audio]: high_hz is [8000.0], expected two rising numbers"),
        (f"[audio]\n{WIDE}high_hz = [8e3, 23e3]", ", [audio]: high_hz is [8000.0, 23000.0], expected two"),
        (
            f"[audio]\n{WIDE}high_n_fft = 8192",
            ", [audio]: high_n_fft is 8192, expected an even number from 882",
        ),
        (f"[audio]\n{WIDE}high_n_fft = 2047", ", [audio]: high_n_fft is 2047, expected an even number"),
        (
            "[train.vocoder]\nlow = 'none'",
            ", [train.vocoder]: low is 'none', expected one of 'finetuned",
        ),
        ("[hubert]\ndim = 1.5", ", [hubert]: dim is 1.5, expected a value like 768"),
        ("[vocoder.hifigan]\nrates = []", ", [vocoder.hifigan]: rates is [], expected a value like [10,"),
        ("[acoustic]\nlstm_dim = 0", ", [acoustic]: lstm_dim is 0, expected a number from 1 to 65536"),
        ("[labels.pit]\nbins = 120", ", [labels.pit]: bins is 120, expected a number from 2 to 100"),
        ("[labels.pit]\nbins = 100", ", [labels.pit]: bins is 100, expected at most 99"),
        ("[labels.pit]\nf_min = 2000", ", [labels.pit]: expected f_min below f_max, found 2000 and 1100"),
        ("[labels.pit]\nf_min = nan", ", [labels.pit]: f_min is nan, expected a number"),
        ("[labels.pit]\ntracker = 'yinn'", ", [labels.pit]: tracker is 'yinn', expected one of 'yin', "),
        ("[content]\nsource = 'own'", ", [content]: source is 'own', expected one of 'official', 'trained'"),
        ("[train.acoustic]\nbatch_size = 0", ", [train.acoustic]: batch_size is 0, expected a number from 1"),
        ("[train.acoustic]\nsteps = -5", ", [train.acoustic]: steps is -5"),
        (
            "[train.units]\ncrop_seconds = 0",
            ", [train.units]: crop_seconds is 0, expected a number",
        ),
        ("[train.head]\nlr = 0.0", ", [train.head]: lr is 0.0, expected a number above 0, up to 10"),
        ("[train.vocoder]\nbetas = [0.9, 1.0]", ", [train.vocoder]: betas is 1.0"),
        ("[train.hubert]\nwarmup_steps = -1", ", [train.hubert]: warmup_steps is -1"),
        ("[train.pits]\nvalidate_every = 0", ", [train.pits]: validate_every is 0"),
        ("[train.pits]\ntrunk = 'frosen'", ", [train.pits]: trunk is 'frosen', expected one of 'finetune'"),
        ("[train]\nsteps = 3", ", [train]: unknown key 'steps'"),
        ("[labels.pit", ": not valid TOML"),
        ("a = " + "[" * 5000, ": not valid TOML"),
    ],
)
def test_what_cannot_be_is_named_with_its_table_and_key(tmp_path, text, says):
    assert refused(preset(tmp_path, text)).startswith(says)


def test_a_table_in_place_of_a_value_and_the_other_way_round(tmp_path):
    assert "table [hubert] is missing" in refused(preset(tmp_path, "hubert = 3"))
    assert "unknown table [audio.level_db]" in refused(preset(tmp_path, "[audio.level_db]\nx = 1"))


def test_a_preset_that_stands_alone_is_told_what_to_begin_with(tmp_path):
    path = tmp_path / "alone.toml"
    path.write_text("[audio]\nlevel_db = -20.0\n", encoding="utf-8")
    assert refused(path) == ': table [content] is missing; begin the preset with extends = "base.toml"'


def test_encodings_of_notepad(tmp_path):
    text = "[audio]\nlevel_db = -20.0 # ほげ"
    assert load_config(preset(tmp_path, text, encoding="utf-8-sig"))["audio"]["level_db"] == -20
    assert "expected UTF-8, found UTF-16" in refused(preset(tmp_path, text, encoding="utf-16"))
    assert "found another encoding in line 3" in refused(preset(tmp_path, text, encoding="shift-jis"))


def test_presets_that_extend_themselves_or_nothing_are_refused(tmp_path):
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('extends = "second.toml"', encoding="utf-8")
    second.write_text('extends = ["first.toml"]', encoding="utf-8")
    assert refused(first) == ": it extends itself, by way of second.toml; correct its line extends"
    first.write_text('extends = "first.toml"', encoding="utf-8")
    assert "it extends itself" in refused(first)
    first.write_text("extends = 3", encoding="utf-8")
    assert "extends is 3, expected a file" in refused(first)
    first.write_text('extends = "gone.toml"', encoding="utf-8")
    with pytest.raises(UserError, match=r"gone\.toml: no such config, which .*first\.toml extends"):
        load_config(first)
    assert "it is a folder" in refused(tmp_path)
