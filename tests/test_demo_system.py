"""The command that makes what ships: what it skips, does again, resumes, and where it stops."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_system import Fake, changed, checkpoint_of, known, run, table

from common.cli import UserError
from experiments.demo_system import recordings, records, running
from experiments.demo_system.records import CHANGED, DONE, GONE, HALF, TODO
from experiments.demo_system.running import Clock
from experiments.demo_system.steps import Step


def test_what_is_done_is_skipped(plan, calls):
    assert run(plan) and [call.split()[0] for call in calls] == ["x.py", "y.py", "z"]
    assert run(plan) and len(calls) == 3
    assert {of.state for of in known(plan).look().values()} == {DONE}


def test_changed_settings_are_named_and_make_that_step_and_what_follows_again(plan, calls):
    run(plan)
    other = changed(plan, "b", steps=10)
    states = known(other).look()
    assert states["labels"].state == DONE and states["model"] == records.Status(
        CHANGED, "train.b.steps", True
    )
    assert run(other) and [call.split()[0] for call in calls[3:]] == ["y.py", "z"]
    assert run(other) and len(calls) == 5


def test_other_recordings_make_everything_again(plan, calls):
    run(plan)
    other = {"kathleen": recordings.Facts(4, 2.0, "e" * 64)}
    assert known(plan, other).look()["labels"].why == "kathleen"
    assert run(plan, facts=other) and len(calls) == 6


def test_another_command_makes_its_step_again(plan, calls):
    run(plan)
    of = table()
    of[1] = replace(of[1], command=("y.py", "--more", of[1].command[-1]))
    assert known(plan, of=of).look()["model"].why == "the command"


def test_what_led_to_weights_that_ship_is_not_made_again_for_being_deleted(plan, calls):
    run(plan)
    for name in ("labels", "model"):
        Path(f"out/t/{name}.pt").unlink()
    states = known(plan).look()
    assert [of.state for of in states.values()] == [GONE, GONE, DONE] and not any(
        s.run for s in states.values()
    )
    Path("out/t/weights.pt").unlink()
    assert run(plan) and len(calls) == 6


def test_weights_that_were_altered_are_made_again(plan, calls):
    run(plan)
    Path("out/t/weights.pt").write_text("other", encoding="utf-8")
    assert run(plan) and [call.split()[0] for call in calls[3:]] == ["z"]


def test_weights_trained_again_are_other_weights_for_what_follows(plan, calls):
    voice = Path("out/t/voice.pt")
    of = [*table(), Step("voice", ("v", voice.as_posix()), (voice,), 0.1, ("weights",), ships=True)]
    run(plan, of=of)
    Path("out/t/weights.pt").unlink()
    assert run(plan, of=of) and [call.split()[0] for call in calls[4:]] == ["z", "v"]


def test_one_step_is_run_where_what_it_needs_is_there(plan, calls):
    with pytest.raises(UserError, match="model: needs labels, to be done before"):
        running.run(known(plan), Clock(None), ["model"])
    assert running.run(known(plan), Clock(None), ["labels"]) and len(calls) == 1
    assert running.run(known(plan), Clock(None), ["labels"]) and len(calls) == 1
    assert [of.state for of in known(plan).look().values()] == [DONE, TODO, TODO]


def test_steps_before_the_one_to_begin_from_are_taken_as_they_are(plan, calls):
    run(plan)
    other = changed(plan, "a", lr=2.0)
    assert running.run(known(other), Clock(None), ["model", "weights"]) and len(calls) == 3
    assert known(other).look()["labels"].state == CHANGED


def test_a_step_that_cannot_be_stopped_waits_for_a_call_with_time_for_it(plan, calls, monkeypatch):
    assert not run(plan, minutes=1e-9) and len(calls) == 1
    of = table()
    of[1] = replace(of[1], stops=False)
    assert run(plan, minutes=90, of=of[:1]) and not run(plan, minutes=1e-9, of=of) and len(calls) == 2
    of[2] = replace(of[2], hours=2.0)
    Path("out/t/steps/model.json").unlink()
    assert not run(plan, minutes=90, of=of) and len(calls) == 3


def test_time_that_is_over_stops_a_training_as_ctrl_c_does(plan, monkeypatch):
    class Training(Fake):
        returncode = None

        def __init__(self) -> None:
            pass

        def poll(self):
            return self.returncode

    def stopped(process):
        process.returncode = -2  # Python itself, before the script was loaded

    monkeypatch.setattr(running, "start", lambda *call: Training())
    monkeypatch.setattr(running, "interrupt", stopped)
    assert not run(plan, minutes=1e-3)
    assert known(plan).look()["labels"].state == HALF and known(plan).known["labels"]["seconds"] >= 0


def test_packages_that_are_missing_are_named_before_hours_of_work(plan, calls):
    of = table()
    of[2] = replace(of[2], packages=("json", "no_such_package_here"))
    with pytest.raises(
        UserError, match="weights: needs the packages no_such_package_here; .*requirements-eval"
    ):
        run(plan, of=of)
    assert not calls and run(plan, of=of[:2])


def test_of_a_manifest_only_the_prompts_count_and_of_a_preset_only_its_settings(plan, calls):
    manifest, of = plan.data / "manifest.csv", table()
    manifest.parent.mkdir(parents=True)
    own = replace(plan, manifest=manifest)
    words = ("x.py", "--prompts", manifest.as_posix(), "--config")
    for text, preset, count in (
        ("a,1,x", "t.toml", 3),
        ("a,1,other words", "u/t.toml", 3),
        ("a,2,x", "t.toml", 6),
    ):
        manifest.write_text(f"path,prompt,text\n{text}\n", encoding="utf-8")
        of[0] = replace(of[0], command=(*words, preset, "out/t/labels.pt"))
        assert run(replace(own, config=Path(preset)), of=of) and len(calls) == count, text


def test_two_calls_do_not_work_on_one_step(plan, calls):
    lock = plan.out / "steps" / "labels.lock"
    with running.alone(lock), pytest.raises(UserError, match="steps.labels: another call works on it"):
        run(plan)
    assert not calls and run(plan) and len(calls) == 3
    with running.alone(lock):
        assert run(plan) and len(calls) == 3


def test_what_another_call_has_done_meanwhile_is_not_done_again(plan, calls):
    """It was read before, and the other call ended while this one waited for nothing."""
    first = known(plan)
    assert run(plan) and len(calls) == 3
    assert running.run(first, Clock(None), list(first.steps)) and len(calls) == 3


def test_a_failed_step_says_why_and_where_all_of_it_is(plan, monkeypatch):
    def start(command, log):
        log.write_text("loading\nerror: data/t: no such data\n", encoding="utf-8")
        return Fake(2)

    monkeypatch.setattr(running, "start", start)
    with pytest.raises(
        UserError, match=r"labels: x.py ended with code 2: data/t: no such data; .*labels.log"
    ):
        run(plan)
    assert known(plan).look()["labels"].state == HALF
    monkeypatch.setattr(running, "start", lambda *call: Fake(-9))
    with pytest.raises(UserError, match="labels: x.py ended with code -9: it was killed"):
        run(plan)


def test_recordings_that_failed_are_noted_and_the_rest_is_worth_the_next_step(plan, calls, monkeypatch):
    start = running.start

    def one_failed(command, log):
        start(command, log)
        log.write_text("1 of 3 failed:\n  a.wav: empty\n", encoding="utf-8")
        return Fake(1 if command[0] == "x.py" else 0)

    monkeypatch.setattr(running, "start", one_failed)
    assert run(plan) and known(plan).known["labels"]["note"] == "1 of 3 failed:"


def test_a_training_is_resumed_from_its_newest_checkpoint_without_what_it_began_from(tmp_path):
    command = ("train_acoustic.py", "data", "out", "--resume", "old.pt", "--refine", "--warmstart", "w.pt")
    step = Step("voice", (*command, "--seed", "1"), (), 1.0, run=tmp_path / "run")
    checkpoint_of(tmp_path / "run", 4, True)
    newest = checkpoint_of(tmp_path / "run", 10, False)
    rest = ("train_acoustic.py", "data", "out", "--seed", "1", "--resume", newest.as_posix())
    assert running.resumed(step.command, newest) == rest
    assert running.command_of(step, True) == rest  # of step 8, whose validation was cut short, too
    checkpoint_of(tmp_path / "run", 10, True)
    assert running.command_of(step, True) is None
    assert running.command_of(step, False) == step.command and not (tmp_path / "run").exists()


def test_settings_of_refining_are_of_those_steps_alone():
    before = {"command": ["x"], "settings": {"t": {"lr": 1.0, "refine_lr": 1.0, "beside_weight": 1.0}}}
    values = {"lr": 1.0, "refine_lr": 2.0, "beside_weight": 2.0}

    def found(*command):
        now = {"command": list(command), "settings": {"t": values}, "recordings": {}, "after": {}}
        return records.differences({**before, "command": list(command)}, now)

    assert found("train") == [] and found("train", "--finetune", "x") == ["t.refine_lr"]
    assert found("train", "--refine", "--beside", "x") == ["t.beside_weight", "t.refine_lr"]
    values["lr"] = 2.0
    assert found("train") == ["t.lr"]
