"""preprocess.py with settings that cannot be met: one sentence, and a data folder as it was."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import micro_config, sing

import preprocess
from common import cli
from preprocessing import acoustic, discrete
from preprocessing.data_folder import DataFolder

VERBS = (("--pitdyn",), ("--mel",), ("--encode", "songs"), ("--discrete",), ("--show_qt",))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project folder with labels, mels and copies of four recordings."""
    root = tmp_path_factory.mktemp("checks")
    (root / "data").mkdir()
    (root / "wavs").mkdir()
    for number in range(4):
        soundfile.write(root / "wavs" / f"歌{number}.wav", sing(150, 250, 0.4, number), 16000)
    micro_config(root).rename(root / "good.toml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for verb in (("--pitdyn",), ("--mel", "--augment_gain", "3", "--augment_copies", "1")):
            assert run(patch, "--wavs", "wavs", "--config", "good.toml", *verb) == 0
        assert run(patch, "--discrete", "--clusters", "6", "--config", "good.toml") == 0
    return root


def run(patch, *arguments: str, name: str = "x") -> int:
    patch.setattr(sys, "argv", ["preprocess.py", name, "--n_workers", "1", *arguments])
    try:
        return cli.run(preprocess.main)
    except SystemExit as end:
        return end.code


def state(folder) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    """A copy of that folder, as the working folder."""
    shutil.copytree(made, tmp_path / "p", ignore=lambda of, names: {"wavs"} if Path(of).name == "x" else ())
    DataFolder(tmp_path / "p" / "data" / "x").connect(tmp_path / "p" / "wavs")
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


def refused(capsys, monkeypatch, project, *arguments: str) -> str:
    """The sentence with which a run is refused, which changes nothing."""
    before = state(project)
    capsys.readouterr()
    assert run(monkeypatch, *arguments) == 2
    out, err = capsys.readouterr()
    assert state(project) == before and "Traceback" not in err and not out
    return err.strip().splitlines()[-1]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
@pytest.mark.parametrize(
    "table,line,words",
    [
        ("labels.pit", "bins = 120", "bins is 120, expected a number from 2 to 100"),
        ("labels.pit", 'bins = "many"', "bins is 'many', expected a value like 99"),
        ("labels.dyn", "low_db = 20.0", "expected low_db below high_db, found 20.0"),
        ("labels.dyn", "high_db = nan", "high_db is nan, expected a number"),
        ("labels.dyn", "loud = 3", "unknown key 'loud'"),
        ("labels.pit", 'tracker = "swift"', "tracker is 'swift', expected one of"),
        ("audio", "level_db = 12.0", "level_db is 12.0, expected a number from -80 to 0"),
    ],
)
def test_a_wrong_preset_costs_nothing(project, capsys, monkeypatch, verb, table, line, words):
    preset = project / "wrong.toml"
    preset.write_text(f'extends = "good.toml"\n[{table}]\n{line}\n', encoding="utf-8")
    soundfile.write(project / "wavs" / "歌0.wav", sing(250, 150, 0.5, 9), 16000)  # replaced since
    last = refused(capsys, monkeypatch, project, *verb, "--force", "--config", "wrong.toml")
    assert "wrong.toml" in last and words in last


@pytest.mark.parametrize("line", ["f_max = 9000.0", "assumed_rate = 22050"])
def test_what_the_tracker_refuses_costs_no_labels(project, capsys, monkeypatch, line):
    (project / "wrong.toml").write_text(f'extends = "good.toml"\n[labels.pit]\n{line}\n', encoding="utf-8")
    last = refused(capsys, monkeypatch, project, "--pitdyn", "--config", "wrong.toml")
    assert last.startswith("error: wrong.toml") and line.split(" ")[0] in last


def test_a_preset_without_labels_names_what_is_missing(project, capsys, monkeypatch):
    (project / "bare.toml").write_text("[audio]\nlevel_db = -26.0\n", encoding="utf-8")
    last = refused(capsys, monkeypatch, project, "--mel", "--config", "bare.toml")
    assert "bare.toml" in last and "is missing" in last and "extends" in last


@pytest.mark.parametrize(
    "arguments,words",
    [
        (("--mel", "--n_workers", "-1"), "--n_workers: expected a whole number of at least 1, found '-1'"),
        (("--mel", "--n_workers", "0"), "--n_workers: expected a whole number of at least 1, found '0'"),
        (("--mel", "--val_share", "2"), "--val_share: expected 0 or more and less than 1, found 2"),
        (("--mel", "--val_share", "nan"), "found nan"),
        (("--mel", "--val_share", "0.6", "--test_share", "0.4"), "expected less than 1 together"),
        (("--mel", "--seed", "-3"), "--seed: expected a whole number from 0 to 4294967295"),
        (("--mel", "--augment_pitch", "inf"), "--augment_pitch: expected 0 to 60, found inf"),
        (
            ("--mel", "--augment_gain", "3", "--augment_copies", "0"),
            "--augment_copies: expected a whole number",
        ),
        (("--show_qt", "--count", "0"), "--count: expected a whole number of at least 1, found '0'"),
        (("--discrete", "--clusters", "0"), "--clusters: expected a whole number of at least 1, found '0'"),
        (("--discrete", "--clusters", "40000"), "--clusters 40000: expected at most 32767"),
        (("--discrete", "--clusters", "9", "--fit_frames", "8"), "--fit_frames (8) or fewer"),
        (("--discrete", "--features", "mfc"), "--features mfc: expected mfcc"),
        (("--discrete", "--features", "gone.pt:3"), "gone.pt"),
        (("--discrete", "--features", "wavs"), "--features wavs: expected one .npy per wav"),
        (("--encode", "nobody"), "nobody"),
        (("--encode", "../x"), "name '../x': expected a name such as hana, found '..'"),
        (("--mel", "--prompts", "gone.csv"), "gone.csv"),
        (("--mel", "--wavs", "gone"), "gone: expected a folder of wavs"),
    ],
)
def test_wrong_options_cost_nothing(project, capsys, monkeypatch, arguments, words):
    config = ("--force", "--config", "good.toml")
    assert words in refused(capsys, monkeypatch, project, *config, *arguments)


def test_too_many_classes_for_the_recordings_cost_no_classes(project, capsys, monkeypatch):
    arguments = ("--discrete", "--clusters", "5000", "--config", "good.toml")
    assert "k-means needs at least 5000 frames" in refused(capsys, monkeypatch, project, *arguments)


def test_a_layer_that_a_checkpoint_lacks_is_refused(monkeypatch):
    from types import SimpleNamespace

    hubert = SimpleNamespace(encoder=SimpleNamespace(layers=[1, 2]))
    monkeypatch.setattr(discrete, "_teacher", lambda *_: (hubert, 3))
    with pytest.raises(cli.UserError, match="expected a layer from 0 to 2, found 3"):
        discrete.load_source("best.pt:3", None)


def test_an_encoder_that_is_not_there_is_found_before_a_replaced_wav_costs_anything(
    project, capsys, monkeypatch
):
    soundfile.write(project / "wavs" / "歌1.wav", np.zeros(8000), 16000)
    monkeypatch.setattr(acoustic.pipeline, "label_path", lambda *_: project / "good.toml")
    last = refused(capsys, monkeypatch, project, "--encode", "songs", "--config", "good.toml")
    assert "songs" in last or "good.toml" in last


@pytest.mark.parametrize("name", ["..", "../x", "/tmp/x", "", "a/../a", "a\\b", "nul", "x.", "a:b"])
def test_names_that_are_no_folder_below_data_are_refused(project, capsys, monkeypatch, name):
    before = state(project)
    assert run(monkeypatch, "--mel", "--wavs", "wavs", name=name) == 2
    assert f"name {name!r}: expected a name such as hana" in capsys.readouterr().err
    assert state(project) == before


def test_outside_the_project_it_is_said_where_to_run_it(tmp_path, made, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--mel", "--wavs", str(made / "wavs")) == 2
    err = capsys.readouterr().err
    assert f"data: no such folder in {tmp_path}; run it in the project's folder" in err
    assert not list(tmp_path.iterdir())


def test_what_is_left_out_is_said_in_one_line(project, monkeypatch, capsys):
    for name in ("oto.ini", "a.frq", "b.frq"):
        (project / "wavs" / name).write_text("x", encoding="utf-8")
    assert run(monkeypatch, "--mel", "--config", "good.toml") == 0
    assert capsys.readouterr().out.count("4 recordings, left out: 2 .frq, 1 .ini") == 1
