"""The command that makes what ships: what it skips, does again, resumes, refuses, and writes down."""

import argparse
import csv
import importlib
import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import ROOT, run_script, sing

import audio
from checkpoints import store
from common.cli import UserError
from common.presets import load_config
from experiments.demo_system import __main__ as command
from experiments.demo_system import packing, recordings, records, report, running, steps
from experiments.demo_system.records import CHANGED, DONE, GONE, HALF, TODO, Records
from experiments.demo_system.running import Clock
from experiments.demo_system.steps import Plan, Step, Voice, steps_of

PRESET = {"train": {"a": {"steps": 4, "lr": 1.0}, "b": {"steps": 9}}}
FACTS = {"kathleen": recordings.Facts(3, 1.5, "f" * 64)}


class Fake:
    """A process that has ended with a code, having made what its command says: `make FILE`."""

    pid = 0

    def __init__(self, code: int = 0) -> None:
        self.returncode = code

    def poll(self) -> int:
        return self.returncode


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, out = ("kathleen",), Path("out/t")
    return Plan(Path("wavs"), Path("data/t"), out, Path("t.toml"), PRESET, names)


@pytest.fixture
def calls(monkeypatch):
    """Commands that were started, each of which makes the file that is its last word."""
    made = []

    def start(command, log):
        made.append(" ".join(command))
        if Path(command[-1]).suffix == ".pt":
            Path(command[-1]).parent.mkdir(parents=True, exist_ok=True)
            Path(command[-1]).write_text(f"{len(made)}", encoding="utf-8")
        return Fake()

    monkeypatch.setattr(running, "start", start)
    return made


def table() -> list[Step]:
    """Recordings are labelled, a model is trained on them, and its weights ship."""
    labels, model, weights = (Path(f"out/t/{name}.pt") for name in ("labels", "model", "weights"))
    return [
        Step("labels", ("x.py", labels.as_posix()), (labels,), 1.0, (), ("train.a",), ("kathleen",)),
        Step("model", ("y.py", model.as_posix()), (model,), 1.0, ("labels",), ("train.b",)),
        Step("weights", ("z", weights.as_posix()), (weights,), 0.1, ("model",), stops=False, ships=True),
    ]


def known(plan, facts=FACTS, of=None) -> Records:
    return Records(plan, of or table(), facts)


def run(plan, minutes=None, **given) -> bool:
    now = known(plan, **given)
    return running.run(now, Clock(minutes), list(now.steps))


def changed(plan, table: str, **values) -> Plan:
    """The plan with other settings in a table of [train]."""
    return replace(plan, preset={"train": {**PRESET["train"], table: {**PRESET["train"][table], **values}}})


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


def test_two_calls_do_not_work_in_one_folder(plan):
    refused = pytest.raises(UserError, match="another call works here")
    with command.alone(plan.out), refused, command.alone(plan.out):
        pass
    with command.alone(plan.out):
        pass


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


def checkpoint_of(run_folder: Path, step: int, validated: bool) -> Path:
    path = run_folder / f"model-{step}.pt"
    card = {"step": step, "metrics": {"loss": 1.0} if validated else {}}
    about = {"kind": "acoustic", "config": {"model": {}}, "labels": None, "card": card, "model": {}}
    store.save(path, {**about, "training": {"step": step, "settings": {"steps": 8}}})
    return path


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
        *("dorodoro-weights", "scottpoid-weights", "vocoder-weights"),
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
    row = replace(steps.SPEAKERS["kumi"], voice=Voice("kumi/A3", "20", "6", 0.6, "kathleen"))
    monkeypatch.setitem(steps.SPEAKERS, "kumi", row)
    found = {step.name: step for step in steps_of(real_plan())}
    assert "data/system/recordings/voices/kumi/A3" in found["kumi-mels"].command
    assert found["kumi-weights"].makes == (Path("out/system/kumi/acoustic/model-best.pt"),)


def test_without_kept_vectors_label_models_begin_from_random_weights(tmp_path):
    path = tmp_path / "own.toml"
    tiny = (ROOT / "configs" / "tiny.toml").as_posix()
    path.write_text(f'extends = "{tiny}"\n[hubert.units]\nfront_end = "waveform"\n', encoding="utf-8")
    found = {step.name: step for step in steps_of(real_plan(path))}
    assert not any(name.endswith(("-begin", "-start", "-features")) for name in found)
    assert all("--warmstart" not in found[name].command for name in ("content", "pitch", "loudness"))
    assert "mfcc" in found["content-classes"].command


def make_wavs(root: Path) -> None:
    """Two speakers of the table, a manifest, terms of use."""
    for speaker, rate in (("kathleen", 48000), ("scottpoid/G3", 16000)):
        (root / speaker).mkdir(parents=True)
        for i in range(3):
            soundfile.write(root / speaker / f"か{i}.wav", sing(150, 200, 1.0, i), rate)
    (root / "kathleen" / "か0.flac").write_bytes(b"")
    soundfile.write(root / "kathleen" / "か0.flac", sing(150, 200, 1.0, 9), 16000)
    (root / "scottpoid" / "LICENSE.md").write_text("name her", encoding="utf-8")
    rows = [["path", "prompt"], ["kathleen/か1.wav", "a"], ["scottpoid/G3/か1.wav", "b"], ["x/y.wav", "c"]]
    with (root / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


def small_plan(root: Path) -> Plan:
    names = recordings.chosen(["scottpoid", "kathleen"])
    manifest = recordings.manifest_of(None, root, Path("data/t"))
    return Plan(root, Path("data/t"), Path("out/t"), Path("t.toml"), PRESET, names, manifest)


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


def test_packed_recordings_are_the_same_ones_to_whoever_unpacks_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_wavs(Path("wavs"))
    plan = small_plan(Path("wavs"))
    packing.pack(plan, Path("a.zip"), 1)
    assert Path("a.zip").stat().st_size < 120_000
    assert packing.unpack(Path("a.zip"), Path("there"), Path("out/t")) == "there: recordings of a.zip"
    assert "already" in packing.unpack(Path("a.zip"), Path("there"), Path("out/t"))
    names = {path.relative_to("there").as_posix() for path in Path("there").rglob("*") if path.is_file()}
    assert names == {
        *(f"{folder}/か{i}.ogg" for folder in ("kathleen", "scottpoid/G3") for i in range(3)),
        *("kathleen/か0.wav.ogg", "scottpoid/LICENSE.md", "manifest.csv", "pack.json"),
    }
    rows = list(csv.reader(Path("there/manifest.csv").read_text(encoding="utf-8").splitlines()))
    assert [row[0] for row in rows[1:]] == ["kathleen/か1.ogg", "scottpoid/G3/か1.ogg", "x/y.wav"]
    for name in ("kathleen/か1", "scottpoid/G3/か2"):
        own, other = audio.load(f"wavs/{name}.wav"), audio.load(f"there/{name}.ogg")
        assert len(own) == len(other) and np.corrcoef(own, other)[0, 1] > 0.9
    packed = small_plan(Path("there"))
    assert recordings.look(packed)["kathleen"].digest != recordings.look(plan)["kathleen"].digest
    with pytest.raises(UserError, match="wavs: expected an empty folder"):
        packing.unpack(Path("a.zip"), Path("wavs"), Path("out/t"))


def test_a_pack_keeps_its_size_at_the_cost_of_its_rate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_wavs(Path("wavs"))
    plan = small_plan(Path("wavs"))
    whole = packing.pack(plan, Path("a.zip"), 1)
    monkeypatch.setattr(packing, "MOST", 20_000)
    assert packing.pack(plan, Path("b.zip"), 1) < whole
    with zipfile.ZipFile("b.zip") as archive:
        assert sum(of.file_size for of in archive.infolist() if of.filename.endswith(".ogg")) <= 20_000
    monkeypatch.setattr(packing, "MOST", 2_000)
    with pytest.raises(UserError, match=r"do not fit into 0 MB.*--voices"):
        packing.pack(plan, Path("c.zip"), 1)


def test_other_settings_than_at_packing_are_named(plan, capsys):
    Path("wavs").mkdir()
    packing.compare(plan)
    about = {"kind": "recordings", "rate": 16000, "kbit_s": 20.5}
    about = json.dumps({**about, "settings": {"train.a": {"steps": 5, "lr": 1.0}, "train.b": {"steps": 9}}})
    Path("wavs/pack.json").write_text(about, encoding="utf-8")
    packing.compare(plan)
    assert "packed with other settings than t.toml has: train.a\n" in capsys.readouterr().err
    assert "Opus at 16000 Hz and 20.5 kbit/s" in report.recordings(known(plan))


def test_results_come_back_in_parts_and_what_is_done_here_stays(plan, calls, monkeypatch):
    run(plan)
    Path("out/t/weights.pt").write_bytes(np.random.default_rng(0).bytes(5000))
    records_of = known(plan)
    made = records_of.known["weights"] | {"made": records.made([Path("out/t/weights.pt")])}
    records_of.write("weights", made)
    monkeypatch.setattr(packing, "PART", 2000)
    parts = packing.send(known(plan), Path("r.zip"), unfinished=False)
    assert len(parts) >= 3 and [part.suffix for part in parts[:2]] == [".001", ".002"]
    Path("out/t").rename("out/before")
    line = packing.unpack(Path("r.zip"), plan.wavs, plan.out)
    assert line == f"{plan.out}: taken labels, model, weights"
    assert [of.state for of in known(plan).look().values()] == [GONE, GONE, DONE]
    assert Path("out/t/weights.pt").read_bytes() == Path("out/before/weights.pt").read_bytes()
    assert "here already labels, model, weights" in packing.unpack(Path("r.zip"), plan.wavs, plan.out)
    parts[0].unlink()
    with pytest.raises(UserError, match="of its parts one before .* is missing"):
        packing.unpack(Path("r.zip"), plan.wavs, plan.out)


def test_a_half_done_training_travels_with_what_resumes_it(plan, monkeypatch):
    step = Step(
        "model", ("train_acoustic.py",), (plan.run("model") / "model-best.pt",), 1.0, run=plan.run("model")
    )
    known(plan, of=[step]).write("model", {"about": known(plan, of=[step]).about(step), "seconds": 7})
    checkpoint_of(plan.run("model"), 4, True)
    for unfinished in (False, True):
        packing.send(known(plan, of=[step]), Path("r.zip"), unfinished)
        with zipfile.ZipFile("r.zip") as archive:
            assert ("runs/model/model-4.pt" in archive.namelist()) is unfinished
    Path("out/t").rename("out/before")
    packing.unpack(Path("r.zip"), plan.wavs, plan.out)
    assert known(plan, of=[step]).look()["model"].state == HALF
    assert running.command_of(step, True)[-1].endswith("out/t/runs/model/model-4.pt")


@pytest.mark.parametrize("name", ["../a.pt", "/a.pt", "C:\\a.pt", "runs\\a.pt"])
def test_a_zip_whose_names_lead_elsewhere_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.writestr(packing.ABOUT, '{"kind": "results"}')
        archive.writestr(name, "x")
    with pytest.raises(UserError, match="would lie outside"):
        packing.unpack(tmp_path / "r.zip", tmp_path / "wavs", tmp_path / "out")


def test_other_files_are_no_packs(tmp_path):
    with pytest.raises(UserError, match=r"r.zip: no such file, and no r.zip.001"):
        packing.unpack(tmp_path / "r.zip", tmp_path, tmp_path)
    (tmp_path / "r.zip").write_bytes(b"PK no")
    with pytest.raises(UserError, match="no whole zip"):
        packing.unpack(tmp_path / "r.zip", tmp_path, tmp_path)
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(UserError, match="expected pack.json in it"):
        packing.unpack(tmp_path / "r.zip", tmp_path, tmp_path)


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
        f"| kathleen | kathleen | 3 | 1.5 | content, vocoder, pitch, loudness, voice | `{'f' * 64}` |",
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
