"""The table of what ships, the recordings that it is made of, and the document about it."""

import argparse
import importlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from conftest import ROOT, run_script, sing
from small_system import changed, known, make_wavs, run, small_plan, table

from common.cli import UserError
from common.presets import load_config
from experiments.demo_system import __main__ as command
from experiments.demo_system import recordings, records, report, running, speakers, steps
from experiments.demo_system.speakers import Voice
from experiments.demo_system.steps import Plan, steps_of


def real_plan(config: Path = ROOT / "configs" / "demo.toml") -> Plan:
    data = Path("data/system")
    names, manifest = recordings.chosen(None), data / "recordings" / "manifest.csv"
    return Plan(Path("WAVS"), data, Path("out/system"), config, load_config(config), names, manifest)


def test_the_table_is_in_order_and_reads_tables_that_there_are():
    plan, seen = real_plan(), set()
    for step in steps_of(plan):
        assert step.name not in seen and set(step.after) <= seen, step.name
        seen.add(step.name)
        assert all(records.plain(plan.preset, name) for name in step.reads), step.name
        assert set(step.speakers) <= set(plan.speakers) and step.makes
    assert [step.name for step in steps_of(plan) if step.ships] == [
        *("content-weights", "pitch-weights", "loudness-weights", "kathleen-weights"),
        *("dorodoro-weights", "scottpoid-weights", "kumi-weights", "vocoder-weights"),
        *("kathleen-breath", "dorodoro-breath", "scottpoid-breath", "kumi-breath"),
    ]


class Parsed(Exception):
    """Raised by `parse_args`, once the arguments have been found right."""


def test_every_command_is_one_that_its_script_takes(monkeypatch):
    real = argparse.ArgumentParser.parse_args

    def parse(self, *given):
        real(self, *given)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    for step in steps_of(real_plan()):
        script = step.command[0]
        module = importlib.import_module(script.removesuffix(".py"))
        for words in (
            step.command,
            running.resumed(step.command, Path("m.pt")) if step.run else step.command,
        ):
            monkeypatch.setattr(sys, "argv", list(words))
            with pytest.raises(Parsed):
                module.main()


def test_a_voice_of_another_bank_is_one_row_more(monkeypatch):
    row = replace(speakers.SPEAKERS["yuki"], voice=Voice("yuki", "20", "6", 0.6, "kathleen"))
    monkeypatch.setitem(speakers.SPEAKERS, "yuki", row)
    found = {step.name: step for step in steps_of(real_plan())}
    assert "data/system/recordings/voices/yuki" in found["yuki-mels"].command
    assert found["yuki-weights"].makes == (Path("out/system/runs/yuki-weights/acoustic/model-best.pt"),)
    assert found["yuki-breath"].makes == (Path("out/system/yuki/acoustic/model-best.pt"),)
    assert "system/runs/yuki-weights" in found["yuki-breath"].command


def test_a_bank_is_trained_on_one_of_its_pitches_and_measured_by_others():
    for step in steps_of(real_plan()):
        assert "kumi-higher" not in step.speakers or step.name.startswith("pitch"), step.name
    kumi = next(step for step in steps_of(real_plan()) if step.name == "kumi-mels")
    assert "data/system/recordings/voices/kumi/A3" in kumi.command


@pytest.mark.parametrize("hidden", [768, 2048])
def test_all_of_whispers_units_are_fitted_and_fewer_are_trained(hidden, tmp_path):
    preset, demo = tmp_path / "own.toml", (ROOT / "configs" / "demo.toml").as_posix()
    preset.write_text(f'extends = "{demo}"\n[hubert.units]\nff = {hidden}\n', encoding="utf-8")
    of = {step.name: step for step in steps_of(real_plan(preset))}
    ship = of["content-weights"].command
    assert bool(of["content"].run) == ("content-start" in of) == (hidden == 768)
    assert ("--int8" in ship) == (hidden == 2048) and of["content"].makes[0].as_posix() in ship


def test_a_bank_keeps_the_phones_of_the_voice_that_it_begins_from():
    of = {step.name: step for step in steps_of(real_plan())}
    assert "--beside" not in of["kathleen"].command
    for bank in ("dorodoro", "scottpoid", "kumi"):
        command = of[bank].command
        assert command[command.index("--beside") + 1] == "data/system/kathleen"
        assert {"kathleen-units", "kathleen-weights", f"{bank}-units"} == set(of[bank].after)


def test_what_another_model_was_before_is_kept_for_what_begins_from_it():
    of = {step.name: step for step in steps_of(real_plan(ROOT / "configs" / "demo.toml"))}
    for name in ("pitch", "loudness", "vocoder"):
        begin, command = of[f"{name}-begin"], of[name].command
        assert begin.begins and begin.name in of[name].after
        assert command[command.index("--warmstart") + 1] == begin.makes[0].as_posix()


def test_what_begins_from_no_other_model_begins_from_random_weights(tmp_path):
    path = tmp_path / "own.toml"
    tiny = (ROOT / "configs" / "tiny.toml").as_posix()
    path.write_text(f'extends = "{tiny}"\n[hubert.units]\nfront_end = "waveform"\n', encoding="utf-8")
    found = {step.name: step for step in steps_of(real_plan(path))}
    assert not any(name.endswith(("-begin", "-start", "-features")) for name in found)
    trained = ("content", "pitch", "loudness", "vocoder")
    assert all("--warmstart" not in found[name].command for name in trained)
    assert "mfcc" in found["content-classes"].command


def test_a_speaker_that_is_absent_is_named_with_the_way_to_leave_it_out(tmp_path):
    make_wavs(tmp_path)
    with pytest.raises(
        UserError, match=r"expected recordings of nathalie, .*nathalie.*--voices kathleen scott"
    ):
        recordings.files_of(tmp_path, ("kathleen", "nathalie", "scottpoid"))
    with pytest.raises(UserError, match="--voices dorodro: .*'dorodoro'"):
        recordings.chosen(["dorodro"])
    with pytest.raises(UserError, match="expected kathleen among them"):
        recordings.chosen(["dorodoro"])


def test_recordings_are_known_by_their_bytes_and_read_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_wavs(Path("wavs"))
    plan = small_plan(Path("wavs"))
    first = recordings.look(plan)
    assert (first["kathleen"].files, first["scottpoid"].files) == (4, 3)
    monkeypatch.setattr(recordings, "sha256_of", None)
    assert recordings.look(plan) == first
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    soundfile.write("wavs/kathleen/か1.wav", sing(150, 210, 1.0, 1), 48000)
    now = recordings.look(plan)
    assert now["kathleen"].digest != first["kathleen"].digest and now["scottpoid"] == first["scottpoid"]


def test_links_lead_to_the_recordings_and_follow_the_choice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_wavs(Path("wavs"))
    plan = small_plan(Path("wavs"))
    (plan.links("pitch") / "made").mkdir(parents=True)
    recordings.link(plan)
    recordings.link(plan)
    for place in ("corpus/kathleen", "corpus/scottpoid/G3", "pitch/kathleen", "voices/scottpoid/G3"):
        assert (plan.data / "recordings" / place / "か1.wav").is_file(), place
    recordings.link(replace(plan, speakers=("kathleen",)))
    assert not plan.links("corpus").joinpath("scottpoid/G3").exists() and Path("wavs/scottpoid/G3").is_dir()
    assert (
        plan.links("pitch").joinpath("made").is_dir() and plan.links("corpus").joinpath("kathleen").is_dir()
    )


LOG = """2026-01-01 00:00:00 pits: data/t -> out/t, 8 steps of 2
2026-01-01 00:00:00 torch 2.9.0, cuda, amp torch.bfloat16, 1 process(es), seed 7
2026-01-01 00:00:01 train 2: loss 3, lr 0.1, 4.5 steps/s
2026-01-01 00:00:01 valid 2: loss 2.5, within_one 0.3
2026-01-01 00:00:01 valid 4: loss 9, within_one 0.1
2026-01-01 00:00:02 resumed out/t/model-2.pt at step 2, lr 0.1, best loss 2.5
2026-01-01 00:00:03 valid 4: loss 1.5, within_one 0.6
"""


def test_the_report_says_what_was_made_of_what_by_which_commands(plan, calls):
    of = table()
    of[1] = replace(of[1], run=Path("out/t/runs/model"))
    run(plan, of=of)
    log = Path("out/t/runs/model/logs/model.log")
    log.parent.mkdir(parents=True)
    log.write_text(LOG, encoding="utf-8")
    plan.config.write_text('extends = "tiny.toml"\n[train.a]\nsteps = 4\n', encoding="utf-8")
    report.write(Path("doc.md"), known(plan, of=of), "python -m experiments.demo_system wavs")
    text = Path("doc.md").read_text(encoding="utf-8")
    weights = records.made([Path("out/t/weights.pt")])["out/t/weights.pt"]
    for line in (
        "    python -m experiments.demo_system wavs",
        f"| kathleen | kathleen | 3 | 1.5 | content, pitch, loudness, vocoder, voice | `{'f' * 64}` |",
        "    [train.a]",
        f"| `out/t/weights.pt` | 0.0 | `{weights}` |",
        "| 2 | 2.5 | 0.3 |\n| 4 | 1.5 | 0.6 |\n",
        "step 4; torch 2.9.0, cuda, amp torch.bfloat16, 1 process(es), seed 7 |",
        "All of it is done",
        f"    {running.commit()}",
    ):
        assert line in text, line
    assert "not made by it" not in text and "loss 9" not in text and "| 4 | 9 |" not in text
    of[0] = replace(of[0], begins=True)
    report.write(Path("doc.md"), known(changed(plan, "b", steps=3), of=of), "x")
    assert "not made by it:\n\n| file | MB | sha256 |" in Path("doc.md").read_text(encoding="utf-8")
    assert "1 of 3 steps are done" in Path("doc.md").read_text(encoding="utf-8")


def test_a_commit_is_named_with_its_changes(tmp_path, monkeypatch):
    git = ("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b")
    monkeypatch.setattr(running, "ROOT", tmp_path)
    assert running.commit() == "unknown"
    for words in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "a")):
        running.subprocess.run([*git, *words], check=True)
    assert len(running.commit()) == 40
    (tmp_path / "a").write_text("a", encoding="utf-8")
    running.subprocess.run([*git, "add", "a"], check=True)
    assert running.commit().endswith(" with uncommitted changes")


def test_the_exit_code_tells_whether_all_is_done(tmp_path, monkeypatch, calls, capsys):
    monkeypatch.chdir(tmp_path)
    make_wavs(Path("wavs"))
    monkeypatch.setattr(steps, "steps_of", lambda plan: table())
    config = (ROOT / "configs" / "demo.toml").as_posix()
    words = ["demo", "wavs", "--voices", "kathleen", "--config", config, "--out", "out/t", "--data", "data/t"]

    def main(*more):
        monkeypatch.setattr(sys, "argv", [*words, *more])
        return command.main()

    assert main("--minutes", "1e-9") == command.EARLY == 4 and len(calls) == 1
    assert main("--list") == 0 and "done" in capsys.readouterr().out
    assert main() == 0 and len(calls) == 3 and Path("out/t/demo-system.md").is_file()
    assert main("--only", "model") == 0 and main("--from", "weights") == 0 and len(calls) == 3
    with pytest.raises(UserError, match="--only modle: no such step.*'model'"):
        main("--only", "modle")
    assert main("--ship") == 0 and Path("out/weights.pt").is_file()
    with pytest.raises(UserError, match="--out elsewhere: expected a folder below out"):
        main("--out", "elsewhere")


def test_the_command_lists_its_steps_without_doing_any(tmp_path):
    make_wavs(tmp_path / "wavs")
    module, config = "experiments.demo_system", ROOT / "configs" / "demo.toml"
    done = run_script(
        module, "wavs", "--voices", "kathleen", "scottpoid", "--config", config, "--list", cwd=tmp_path
    )
    assert "scottpoid-weights" in done.stdout and "dorodoro" not in done.stdout
    assert not (tmp_path / "out" / "system" / "steps").exists()
    failed = run_script(module, "wavs", "--config", config, "--list", cwd=tmp_path, expect=2)
    assert "--voices kathleen scottpoid" in failed.stderr
