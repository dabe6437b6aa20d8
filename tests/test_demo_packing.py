"""Recordings and results carried to another machine and back."""

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from small_system import checkpoint_of, known, make_wavs, run, small_plan

import audio
from common.cli import UserError
from experiments.demo_system import packing, recordings, records, report, running
from experiments.demo_system.records import DONE, GONE, HALF
from experiments.demo_system.steps import Step


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
