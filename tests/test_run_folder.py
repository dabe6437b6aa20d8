"""The folder of a training: its best checkpoint survives kills, repetitions and other runs."""

import argparse
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from small_training import arguments, ctrl_c_raises, run_once  # noqa: F401

from checkpoints import places, store
from common.cli import UserError
from training.arguments import add_training_arguments
from training.run_folder import LOCK, claim

pytestmark = pytest.mark.usefixtures("ctrl_c_raises")


def best_of(folder):
    card = store.load(folder / places.BEST)["card"]
    return card["step"], card["metrics"]["loss"]


def names(folder):
    return sorted(path.name for path in folder.glob("*.pt"))


class Killed(BaseException):
    """Ends a run as SIGKILL does: nothing is tidied up."""


def kill():
    raise Killed


def killed_between_files(out, losses, step, **more):
    """A run whose process dies between the two files of a validation."""
    with pytest.raises(Killed):
        run_once(out, at=("between two files", step), press=kill, losses=losses, **more)


def test_a_run_killed_between_its_two_files_has_its_best(tmp_path):
    losses = {2: 3.0, 4: 1.0}
    killed_between_files(tmp_path / "a", losses, 4)
    assert best_of(tmp_path / "a") == (4, 1.0)
    run_once(tmp_path / "a", resume=tmp_path / "a" / "model-2.pt", losses=losses)
    assert best_of(tmp_path / "a") == (4, 1.0) and "model-4.pt" in names(tmp_path / "a")


def test_a_best_that_an_earlier_version_lost_is_there_again(tmp_path):
    out = tmp_path / "a"
    run_once(out, losses={2: 3.0, 4: 1.0})
    store.save(out / places.BEST, store.load(out / "model-2.pt"))
    run_once(out, resume=out / "model-4.pt", steps=6, losses={6: 2.0})
    assert best_of(out) == (4, 1.0)


def test_resuming_an_earlier_checkpoint_keeps_the_better_one(tmp_path):
    out = tmp_path / "a"
    run_once(out, steps=6, losses={2: 3.0, 4: 1.0, 6: 2.0})
    run_once(out, resume=out / "model-2.pt", steps=6, losses={4: 1.5, 6: 1.2})
    assert best_of(out) == (4, 1.0)
    run_once(out, resume=out / "model-2.pt", steps=6, losses={4: 0.5, 6: 1.2})
    assert best_of(out) == (4, 0.5)


def test_losses_before_and_after_the_discriminators_begin_do_not_compare(tmp_path):
    losses = {2: 0.1, 4: 2.0, 6: 3.0}
    run_once(tmp_path / "a", steps=6, losses=losses, after=2)
    assert best_of(tmp_path / "a") == (4, 2.0)
    run_once(tmp_path / "a", resume=tmp_path / "a" / "model-2.pt", losses={4: 2.5}, after=2)
    assert best_of(tmp_path / "a") == (4, 2.0)


def test_a_loss_that_is_no_number_is_never_the_best(tmp_path):
    run_once(tmp_path / "a", losses={2: float("nan"), 4: 2.0})
    assert best_of(tmp_path / "a") == (4, 2.0)


def test_the_same_command_again_is_refused_and_named_what_continues(tmp_path):
    out = tmp_path / "a"
    run_once(out)
    before = {name: (out / name).read_bytes() for name in names(out)}
    with pytest.raises(UserError, match=rf"--resume {re.escape(str(out / 'model-4.pt'))}, .*--overwrite"):
        run_once(out)
    assert before == {name: (out / name).read_bytes() for name in names(out)}


def test_a_folder_with_nothing_but_a_best_model_is_kept(tmp_path):
    out = tmp_path / "a"
    run_once(out)
    for path in out.glob("model-[0-9]*.pt"):
        path.unlink()
    with pytest.raises(UserError, match="give another folder, or train anew with --overwrite"):
        run_once(out)


def test_overwrite_replaces_a_worse_and_a_better_run_at_the_first_validation(tmp_path):
    out = tmp_path / "a"
    run_once(out, steps=6, losses={2: 0.1, 4: 0.1, 6: 0.1})
    killed_between_files(out, {2: 9.0, 4: 9.0}, 2, overwrite=True)
    assert best_of(out) == (2, 9.0)
    run_once(out, losses={2: 9.0, 4: 8.0}, overwrite=True)
    assert best_of(out) == (4, 8.0) and names(out) == ["model-2.pt", "model-4.pt", places.BEST]


def test_overwrite_that_is_stopped_before_it_has_validated_loses_nothing(tmp_path):
    out = tmp_path / "a"
    run_once(out, steps=6, losses={2: 0.2, 4: 0.1, 6: 0.1})
    with pytest.raises(KeyboardInterrupt):
        run_once(out, at=("between the two halves of a step", 0), losses={}, overwrite=True, after=0)
    assert best_of(out) == (4, 0.1)
    assert names(out) == ["model-1.pt", "model-2.pt", "model-4.pt", "model-6.pt", places.BEST]
    run_once(out, resume=out / "model-1.pt", losses={2: 9.0, 4: 8.0}, after=0)
    assert best_of(out) == (4, 8.0)
    assert names(out) == ["model-1.pt", "model-2.pt", "model-4.pt", places.BEST]


def test_a_run_resumed_elsewhere_brings_its_best_and_mixes_with_no_other(tmp_path):
    run_once(tmp_path / "a", losses={2: 0.5, 4: 2.0})
    run_once(tmp_path / "b", resume=tmp_path / "a" / "model-4.pt", steps=6, losses={6: 1.0})
    assert best_of(tmp_path / "b") == (2, 0.5)
    run_once(tmp_path / "c")
    with pytest.raises(UserError, match="holds another run"):
        run_once(tmp_path / "c", resume=tmp_path / "a" / "model-4.pt", steps=6)


def test_overwrite_and_resume_exclude_one_another(tmp_path):
    run_once(tmp_path / "a")
    with pytest.raises(UserError, match="leave one of them out"):
        run_once(tmp_path / "a", steps=6, resume=tmp_path / "a" / "model-4.pt", overwrite=True)


HOLD = """
import sys
from pathlib import Path
from training.arguments import add_training_arguments
from training.run_folder import claim
held = claim(Path(sys.argv[1]), None, False)
print("held", flush=True)
sys.stdin.read()
"""


def test_two_trainings_do_not_write_into_one_folder_and_a_killed_one_does_not_block_it(tmp_path):
    out = tmp_path / "声 a"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(out)], env=environment, **pipes)
    try:
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(UserError, match="another training writes here"):
            claim(out, None, False)
    finally:
        other.kill()
        other.communicate()
    assert (out / LOCK).is_file()
    assert claim(out, None, False).replaces == []


def test_arguments_of_tests_are_those_of_the_scripts():
    parser = argparse.ArgumentParser()
    add_training_arguments(parser)
    real = parser.parse_args(["data/x", "out/x"])
    assert set(vars(arguments(ROOT / "out" / "x"))) == set(vars(real))
