"""Every script: help at once, usage errors in one line, true exit codes."""

import errno
import os
import re
import subprocess
import sys
import time

import pytest
from conftest import ROOT, run_script

from common import cli
from training.arguments import add_training_arguments

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
        done = run_script(script, "--help", cwd=tmp_path, fresh=True)
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
    done = run_script("infer.py", "hanna", "--input", "a.wav", cwd=tmp_path, expect=2)
    assert "no voice of this name, did you mean 'hana'?" in done.stderr


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
    assert [cli.voice(text) for text in ("hana/", "hana\\", "はな")] == ["hana", "hana", "はな"]
    assert cli.word_or_path("griffin_lim") == "griffin_lim"
    assert cli.word_or_path(r"out\x\hifigan").replace("\\", "/") == "out/x/hifigan"


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
    from checkpoints import pipeline, places
    from common.cli import UserError

    (tmp_path / "secret" / "acoustic").mkdir(parents=True)
    (tmp_path / "secret" / "acoustic" / "model-best.pt").touch()
    (tmp_path / "out").mkdir()
    config = {"content": {"source": "trained"}, "vocoder": {"source": "trained"}}
    for find in (
        lambda name: places.acoustic_path(name, tmp_path / "out"),
        lambda name: places.label_path(name, "pits", tmp_path / "out"),
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


@pytest.mark.parametrize(
    "arguments,words",
    [
        (("infer.py", "kathlen", "--input", "a.wav"), "no voice of this name, did you mean 'kathleen'?"),
        (
            ("infer.py", "kathleen", "--dataset", "dem", "--input", "a.wav"),
            "no dataset of this name, did you mean",
        ),
        (("evaluate.py", "voice", "kathlen", "--input", "a.wav"), "did you mean 'kathleen'?"),
        (("evaluate.py", "heads", "demmo", "--data", "x"), "did you mean 'demo'?"),
        (("preprocess.py", "x", "--encode", "dmeo"), "did you mean 'demo'?"),
    ],
)
def test_wrong_names_are_answered_with_the_nearest_before_torch_is_loaded(arguments, words, tmp_path):
    for model in ("kathleen/acoustic", "demo/hubert-pit", "demo/hubert-dyn"):
        (tmp_path / "out" / model).mkdir(parents=True)
        (tmp_path / "out" / model / "model-best.pt").touch()
    (tmp_path / "a.wav").touch()
    (tmp_path / "data").mkdir()
    # A torch that ends the program at its import.
    (tmp_path / "no" / "torch").mkdir(parents=True)
    (tmp_path / "no" / "torch" / "__init__.py").write_text("raise SystemExit(9)", encoding="utf-8")
    path = os.pathsep.join((str(tmp_path / "no"), str(ROOT)))
    done = run_script(*arguments, cwd=tmp_path, expect=2, PYTHONPATH=path)
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments,near",
    [
        (("infer.py", "hana", "--input", "x", "--transpos", "5"), "'--transpose'"),
        (("evaluate.py", "voice", "hana", "--input", "x", "--jsn", "y"), "'--json'"),
        (("train_acoustic.py", "a", "b", "--resum", "c"), "'--resume'"),
        (("make_index.py", "--tes", "x"), "'--test'"),
        (("infer.py", "hana", "--inptu=x"), "'--input'"),
        (("tools.export_weights", "a", "b", "--kin", "x"), ""),
    ],
)
def test_shortened_options_are_refused_and_the_nearest_is_named(arguments, near, tmp_path):
    done = run_script(*arguments, cwd=tmp_path, expect=2)
    assert near in done.stderr.strip().splitlines()[-1]


def test_no_parser_takes_abbreviations():
    sources = [p for p in ROOT.glob("**/*.py") if not {"tests", ".venv"} & set(p.relative_to(ROOT).parts)]
    for path in sources:
        calls = re.findall(r"argparse\.ArgumentParser\((?:[^()]|\([^()]*\))*\)", path.read_text("utf-8"))
        assert all("allow_abbrev=False" in call for call in calls), path


@pytest.mark.parametrize("option", ["--steps", "--batch_size", "--keep", "--num_workers"])
@pytest.mark.parametrize("value", ["-1", "1.5", "x", ""])
def test_counts_of_a_training_are_whole_numbers(option, value, capsys):
    parser = cli.Parser()
    add_training_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["data", "out", f"{option}={value}"])
    assert "expected a whole number of at least" in capsys.readouterr().err


def refusing(error):
    """What cli.run makes of an exception."""

    def main():
        raise error

    return cli.run(main)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.ENOSPC, "No space left on device", "gen/a.wav"), "gen/a.wav: the disk is full"),
        (OSError(errno.EROFS, "Read-only file system", "gen"), "gen: its disk is read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "gen"), "gen: it cannot be read or written"),
        (FileNotFoundError(errno.ENOENT, "No such file", "声.npy"), "声.npy: no such file or folder"),
        (
            OSError(errno.ENAMETOOLONG, "File name too long", "a" * 300),
            "300 bytes of at most 255; give a short",
        ),
    ],
)
def test_what_the_system_refuses_is_one_line(error, words, capsys):
    assert refusing(error) == cli.USAGE
    err = capsys.readouterr().err
    assert words in err and len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "error", [FileNotFoundError("no file here"), OSError(errno.EBADF, "x"), KeyError("x")]
)
def test_faults_of_the_program_keep_their_traceback(error, capsys):
    assert refusing(error) == cli.CRASHED
    assert "Traceback" in capsys.readouterr().err


def test_control_characters_reach_no_terminal(capsys):
    hostile = "a\x1b[2J\x07\x9b\u202e\r\nb"
    assert cli.printable(hostile) == r"a\x1b[2J\x07\x9b\u202e\r\nb"
    assert cli.printable("はな é 　🙂") == "はな é 　🙂"
    refusing(cli.UserError(f"{hostile}: no such file"))
    cli.report_failures([(hostile, "why")], 2)
    assert "\x1b" not in capsys.readouterr().err


def test_light_modules_do_not_load_torch():
    code = (
        "import audio, sys; from common import cli, presets, workers; "
        "from checkpoints import official, places; "
        "from conversion import arguments, files; from preprocessing import data_folder; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
