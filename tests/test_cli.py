"""Every script: help at once, usage errors in one line, true exit codes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, run_script

SCRIPTS = (
    "preprocess.py",
    "train_hubert.py",
    "train_acoustic.py",
    "infer.py",
    "evaluate.py",
    "experiments.ablation",
    "experiments.flat_bank",
    "train_vocoder.py",
    "make_index.py",
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_answers_at_once(script, tmp_path):
    best = 9.0
    for _ in range(3):
        began = time.perf_counter()
        done = run_script(script, "--help", cwd=tmp_path)
        best = min(best, time.perf_counter() - began)
    assert done.stdout.startswith("usage:") and best < 1.0


@pytest.mark.parametrize("script", SCRIPTS[:5])
def test_no_arguments_is_wrong_usage(script, tmp_path):
    assert "usage:" in run_script(script, cwd=tmp_path, expect=2).stderr


def slow(*arguments, words):
    """A case that waits for torch and TensorBoard."""
    return pytest.param(arguments, words, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "arguments,words",
    [
        (("preprocess.py", "x", "--pitdyn"), ("x/wavs", "--wavs")),
        (("preprocess.py", "x", "--pitdyn", "--mel"), ("not allowed with",)),
        (("preprocess.py", "x", "--wavs", "nowhere", "--mel"), ("nowhere", "found nothing")),
        slow("train_hubert.py", "--embds_dn", "pits", "data/x", "out/x", words=("data/x", "preprocess")),
        slow("train_acoustic.py", "data/x", "out/x", words=("data/x", "preprocess_acoustic")),
        (("train_acoustic.py", "data/x", "out/x", "--refine"), ("--resume",)),
        (("train_acoustic.py", "data/x", "out/x", "--any_encoder"), ("--refine",)),
        slow("train_acoustic.py", "data/x", "out/x", "--config", "no.toml", words=("no.toml", "configs")),
        (("infer.py", "hana", "--dataset", "d", "--input", "nowhere"), ("nowhere",)),
        (("infer.py", "hana", "--dataset", "d", "--input", "."), ("expected audio files",)),
    ],
)
def test_errors_are_one_line_that_says_what_fixes_it(arguments, words, tmp_path):
    (tmp_path / "data").mkdir()
    done = run_script(*arguments, cwd=tmp_path, expect=2)
    last = done.stderr.strip().splitlines()[-1].replace("\\", "/")
    assert all(word in last for word in words) and "Traceback" not in done.stderr


@pytest.mark.slow
def test_backslashes_of_the_windows_commands_are_understood(tmp_path):
    done = run_script(
        "train_hubert.py", "--embds_dn", "pits", r"data\x", r"out\x\hubert-pit", cwd=tmp_path, expect=2
    )
    assert "data/x" in done.stderr.replace("\\", "/")


def test_unknown_voice_names_those_there_are(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", [0.0] * 1600, 16000)
    (tmp_path / "out" / "hana" / "acoustic").mkdir(parents=True)
    (tmp_path / "out" / "hana" / "acoustic" / "model-best.pt").write_bytes(b"x")
    done = run_script("infer.py", "nobody", "--dataset", "d", "--input", "a.wav", cwd=tmp_path, expect=2)
    assert "voices here: hana" in done.stderr and "train_acoustic.py data/nobody" in done.stderr


def test_outside_the_projects_folder_it_is_said_to_go_there(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", [0.0] * 1600, 16000)
    done = run_script("infer.py", "hana", "--dataset", "d", "--input", "a.wav", cwd=tmp_path, expect=2)
    assert "out: no such folder in" in done.stderr and "run it in the project's folder" in done.stderr


@pytest.mark.parametrize(
    "arguments,words",
    [
        (
            ("--input", "songs", "--prosody_in", "a.csv"),
            "a.csv: --input is a folder, so --prosody_in must be",
        ),
        (("--input", "songs", "--prosody_out", "a.csv"), "a.csv: --input is a folder, so --prosody_out must"),
        (("--input", "songs", "--prosody_in", "gone"), "gone: no such folder"),
        (("--input", "a.wav", "--prosody_in", "songs"), "songs: --input is a file, so --prosody_in must be"),
        (
            ("--input", "a.wav", "--prosody_out", "songs"),
            "songs: --input is a file, so --prosody_out must be",
        ),
        (("--input", "a.wav", "--prosody_in", "gone.csv"), "gone.csv: no such file"),
        (("--input", "a.wav", "--out_path", "a.csv/deep"), "but a.csv is a file"),
    ],
)
def test_paths_of_the_wrong_kind_are_refused_before_models_load(arguments, words, tmp_path):
    (tmp_path / "songs").mkdir()
    for name in ("a.wav", "a.csv", "songs/a.wav"):
        (tmp_path / name).touch()
    done = run_script("infer.py", "hana", "--dataset", "d", *arguments, cwd=tmp_path, expect=2)
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


def test_words_and_paths_of_the_command_line():
    from common import cli

    assert [cli.voice(text) for text in ("hana/", "hana\\", "はな")] == ["hana", "hana", "はな"]
    assert cli.word_or_path("griffin_lim") == "griffin_lim"
    assert cli.word_or_path(r"out\x\hifigan").replace("\\", "/") == "out/x/hifigan"


def test_names_that_differ_by_suffix_and_capitals_alone_keep_their_suffix(tmp_path):
    from conversion.files import target_paths

    files = {p: p for p in map(Path, ("Take.wav", "take.flac", "other.wav", "sub/take.wav"))}
    made = [path.as_posix() for path in target_paths(files, "v", Path("gen")).values()]
    assert made == ["gen/Take.wav_v.wav", "gen/take.flac_v.wav", "gen/other_v.wav", "gen/sub/take_v.wav"]


def test_what_a_conversion_leaves_out_is_counted_in_one_line(tmp_path, capsys):
    from conversion.files import find_sources

    for name in ("a.wav", "b.caf", "c.oga", "oto.ini", "a.frq", "b.frq"):
        (tmp_path / name).touch()
    assert [path.name for path in find_sources(tmp_path)] == ["a.wav", "b.caf", "c.oga"]
    assert capsys.readouterr().err == f"{tmp_path}: 3 recordings, left out: 2 .frq, 1 .ini\n"


def test_three_recordings_have_three_conversions_and_curves(tmp_path):
    from conversion.files import curve_paths, find_sources, target_paths

    for name in ("song.wav", "song.mp3", "song.mp3.wav", "sub/song.mp3.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files = find_sources(tmp_path)
    for places in (
        target_paths(files, "v", Path("gen")),
        curve_paths(files, tmp_path / "csv", False, "--prosody_out", read=False),
    ):
        assert list(places) == sorted(files) and len({str(p).casefold() for p in places.values()}) == 4
    assert target_paths(files, "v", Path("gen"))[tmp_path / "sub" / "song.mp3.wav"].name == "song.mp3_v.wav"


@pytest.mark.parametrize("given", ["..", "/abs", "", "a/../a", "a\\b", "con", "a*"])
def test_voices_and_datasets_that_are_no_folder_names_are_refused(given, tmp_path, monkeypatch, capsys):
    import evaluate
    import infer
    from common import cli

    sound = ("--input", str(tmp_path))
    for script, arguments in (
        (infer, (given, "--dataset", "d", *sound)),
        (infer, ("hana", "--dataset", given, *sound)),
        (evaluate, ("voice", given, "--dataset", "d", *sound)),
        (evaluate, ("heads", given, "--data", "data/x")),
    ):
        monkeypatch.setattr("sys.argv", [script.__name__, *arguments])
        assert cli.run(script.main) == 2
        assert f"name {given!r}: expected a name such as hana" in capsys.readouterr().err


def test_names_are_checked_where_they_become_paths(tmp_path):
    from checkpoints import pipeline
    from common.cli import UserError

    (tmp_path / "secret" / "acoustic").mkdir(parents=True)
    (tmp_path / "secret" / "acoustic" / "model-best.pt").touch()
    (tmp_path / "out").mkdir()
    config = {"content": {"source": "trained"}, "vocoder": {"source": "trained"}}
    for find in (
        lambda name: pipeline.acoustic_path(name, tmp_path / "out"),
        lambda name: pipeline.label_path(name, "pits", tmp_path / "out"),
        lambda name: pipeline.content_path(config, name, None, tmp_path / "out"),
        lambda name: pipeline.vocoder_path(config, name, None, tmp_path / "out"),
    ):
        with pytest.raises(UserError, match="expected a name such as hana"):
            find("../secret")


def test_an_unusable_device_is_refused_and_the_usable_are_named():
    from common.cli import UserError
    from common.devices import choose_device

    assert str(choose_device("cpu")) == "cpu"
    for name in ("gpu", "cuda:99"):
        with pytest.raises(UserError, match=f"--device {name}: expected .*usable here: cpu"):
            choose_device(name)


def test_light_modules_do_not_load_torch():
    code = (
        "import audio, sys; from common import cli, presets, workers; from checkpoints import official; "
        "from conversion import arguments, files; from preprocessing import data_folder; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
