"""--scheduler: the same results by a Dask cluster, whatever becomes of its workers; else one sentence."""

import os
import pickle
import signal
import socket
import sys
import threading
import time
from argparse import Namespace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile
from clusters import LocalCluster, wait_for
from conftest import ROOT, micro_config, run_script, sing

from common import cluster, cluster_host, workers
from common.cli import UserError
from common.workers import each_file
from conversion import on_cluster
from conversion.files import BatchFile

pytest.importorskip("distributed", reason="needs a Dask cluster: pip install -r requirements-cluster.txt")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A scheduler with two workers."""
    made = LocalCluster(tmp_path_factory.mktemp("cluster"))
    made.worker()
    made.worker()
    yield made
    made.end()


@pytest.fixture
def crew(crowd, tmp_path):
    with workers.opened(1, crowd.address, tmp_path) as opened:
        yield opened


def where(folder: Path, name: str) -> str:
    """Note which Dask worker has it, and with how many threads; some names end a process."""
    (folder / name).write_text(str(os.getppid()), encoding="utf-8")
    if name == "broken":
        raise ValueError("cannot be read")
    if name.startswith("killer"):
        os._exit(9)
    if name.startswith("worker killer"):
        os.kill(os.getppid(), signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    time.sleep(0.2 if name.startswith("slow") or name.startswith("worker") else 0.0)
    return f"{name} with {os.environ['OMP_NUM_THREADS']} in {Path.cwd()}"


def results_of(names, threads=1):
    return {name: f"{name} with {threads} in {Path.cwd()}" for name in names}


def test_results_and_failures_come_by_name_and_a_killer_fails_alone(crew, tmp_path):
    names = [f"file {n}" for n in range(8)]
    results, failures = each_file(partial(where, tmp_path), [*names, "broken", "killer"], crew, "test")
    assert results == results_of(names)
    assert failures == [("broken", "cannot be read"), ("killer", workers.DIED)]


def test_threads_are_as_many_as_asked_for_and_processes_serve_again(crew, tmp_path):
    work = partial(where, tmp_path)
    two = crew.with_threads(2)
    assert each_file(work, ["a", "b", "c"], two, "test") == (results_of("abc", 2), [])
    assert each_file(work, ["a"], crew, "test") == (results_of("a"), [])


@pytest.mark.slow
def test_where_the_first_files_all_kill_the_others_are_not_tried(crew, tmp_path):
    names = [f"killer {n}" for n in range(20)]
    results, failures = each_file(partial(where, tmp_path), names, crew, "test")
    assert not results and [name for name, _ in failures] == sorted(names)
    assert sum(reason.startswith("not tried") for _, reason in failures) >= 20 - workers.GIVE_UP - 4


@pytest.mark.slow
def test_files_of_a_lost_worker_are_done_by_another(crowd, crew, tmp_path):
    extra = crowd.worker("--no-nanny")
    names, begun = [f"slow {n}" for n in range(60)], tmp_path / "begun"
    begun.mkdir()

    def kill() -> None:
        wait_for(
            lambda: any(f.read_text("utf-8") == str(extra.pid) for f in begun.iterdir()), "its first file"
        )
        extra.kill()

    killing = threading.Thread(target=kill)
    killing.start()
    results, failures = each_file(partial(where, begun), names, crew, "test")
    killing.join()
    assert extra.wait(timeout=20) != 0
    assert (results, failures) == (results_of(names), [])


@pytest.mark.slow
def test_a_file_that_kills_dask_workers_is_named_and_the_rest_finish(crew, tmp_path):
    names = [f"slow {n}" for n in range(6)]
    results, failures = each_file(partial(where, tmp_path), ["worker killer", *names], crew, "test")
    assert results == results_of(names)
    assert failures == [("worker killer", cluster.LOST)]


def test_a_path_that_a_worker_does_not_see_is_named(crowd, tmp_path):
    with pytest.raises(UserError, match=r"tcp://.* does not see .*elsewhere; put it on a file system"):
        workers.opened(1, crowd.address, tmp_path, [tmp_path / "elsewhere"])
    assert not list(tmp_path.iterdir())


def test_no_cluster_is_one_sentence_in_bounded_time(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "CONNECT", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        for address in ("nonsense", "tcp://127.0.0.1:1", f"tcp://127.0.0.1:{silent.getsockname()[1]}"):
            with pytest.raises(UserError, match="expected the address of a Dask scheduler") as caught:
                workers.opened(1, address, tmp_path)
            assert address in str(caught.value) and "\n" not in str(caught.value)
        assert time.monotonic() - began < 25


def test_a_missing_package_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"pip install -r .*requirements-cluster\.txt"):
        workers.opened(1, "tcp://127.0.0.1:1", tmp_path)


def files_below(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_preprocessing_with_a_worker_lost_is_byte_for_byte_that_of_this_machine(crowd, tmp_path):
    wavs = tmp_path / "録音"
    wavs.mkdir()
    for number in range(8):
        soundfile.write(wavs / f"歌{number}.wav", sing(150, 250, 0.5 + 0.1 * number, number), 16000)
    (wavs / "broken.wav").write_bytes(b"RIFF but not a wav")
    config = ("--wavs", wavs, "--config", micro_config(tmp_path))
    verbs = ("--pitdyn",), ("--mel", "--augment_pitch", 5, "--augment_copies", 2), ("--encode", "demo")
    verbs = (*verbs, ("--discrete", "--clusters", 4))
    for place in ("here", "there"):
        (tmp_path / place / "data").mkdir(parents=True)
        (tmp_path / place / "out").symlink_to(ROOT / "out", target_is_directory=True)
    made = tmp_path / "there" / "data" / "x"
    extra = crowd.worker("--no-nanny")
    killing = threading.Thread(
        target=lambda: (wait_for(lambda: any(made.glob("pits/*.npy")), "the first labels"), extra.kill())
    )
    killing.start()
    for verb in verbs:
        given = ("preprocess.py", "x", *config, *verb)
        if verb[0] == "--encode":  # of the shipped encoders' sizes
            given = ("preprocess.py", "x", *verb)
        run_script(*given, "--n_workers", 2, cwd=tmp_path / "here", expect=1)
        run_script(*given, "--scheduler", crowd.address, cwd=tmp_path / "there", expect=1)
    killing.join()
    assert extra.wait(timeout=20) != 0
    here, there = (files_below(tmp_path / place / "data") for place in ("here", "there"))
    assert len(here) > 60 and here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


@pytest.mark.slow
def test_conversions_are_byte_for_byte_those_of_this_machine(crowd, tmp_path):
    songs = tmp_path / "songs"
    songs.mkdir()
    for number in range(4):
        soundfile.write(songs / f"歌{number}.wav", sing(150, 250, 1.0, number), 16000)
    (songs / "broken.wav").write_bytes(b"RIFF but not a wav")
    given = ("infer.py", "kathleen", "--input", songs, "--transpose", 2, "--prosody_out", tmp_path / "curves")
    for place, more in (("here", ()), ("there", ("--scheduler", crowd.address))):
        done = run_script(*given, "--out_path", tmp_path / place, *more, cwd=ROOT, expect=1)
        assert "1 of 5 failed" in done.stderr and "broken.wav" in done.stderr
        (tmp_path / "curves").rename(tmp_path / place / "curves")
    here, there = (files_below(tmp_path / place) for place in ("here", "there"))
    assert len(here) == 8 and here == there


@pytest.mark.slow
def test_a_voice_that_cannot_be_loaded_there_is_one_sentence(crowd, tmp_path):
    soundfile.write(tmp_path / "song.wav", sing(150, 250, 1.0, 0), 16000)
    given = ("infer.py", "kathleen", "--input", tmp_path / "song.wav", "--vocoder", tmp_path / "none.pt")
    done = run_script(*given, "--out_path", tmp_path, "--scheduler", crowd.address, cwd=ROOT, expect=2)
    assert "none.pt: no such vocoder file" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_scheduler_that_ends_is_said_in_one_sentence(tmp_path):
    made = LocalCluster(tmp_path)
    try:
        made.worker("--no-nanny")
        work = partial(where, tmp_path)
        with workers.opened(1, made.address, tmp_path) as crew:
            outcomes = crew.outcomes(work, [f"slow {n}" for n in range(50)])
            next(outcomes)
            made.processes[0].kill()
            with pytest.raises(UserError, match="the connection to it is lost"):
                list(outcomes)
    finally:
        made.end()


def test_a_process_loads_its_voice_once(monkeypatch, tmp_path):
    loaded = []

    def load(args, device):
        loaded.append(args.vbank)
        return SimpleNamespace(card={}, notes=()), {}

    monkeypatch.setattr(on_cluster, "from_arguments", load)
    monkeypatch.setattr(on_cluster, "convert_file", lambda converter, file, *_: (file.source.name,))
    packed = pickle.dumps(Namespace(vbank="hana", device="cpu", trim=False, plot=False, bits=None))
    for name in ("a", "b"):
        file = BatchFile(tmp_path / name, tmp_path / f"{name}.wav", None, None)
        assert on_cluster.convert_there(packed, file).notes == (name,)
    assert loaded == ["hana"]


def test_processes_of_a_run_that_has_ended_or_waits_too_long_end(monkeypatch):
    class Child:
        def __init__(self, settings):
            self.since, self.at_work = 0.0, True
            children.append(self)

        def answer(self, job):
            if job == b"last":  # its client was interrupted in the meantime
                cluster_host.stop("run 1")
            return job

        def end(self):
            self.at_work = False

    children = []
    monkeypatch.setattr(cluster_host, "Child", Child)
    first, second = (("run 1", "", "", ()), ("run 2", "", "", ()))
    assert [cluster_host.run(settings, b"file") for settings in (first, first, second)] == [b"file"] * 3
    assert [child.at_work for child in children] == [True, True]
    cluster_host.run(first, b"last")
    assert [child.at_work for child in children] == [False, True]
    cluster_host.stop(since=time.monotonic() + 1)
    assert [child.at_work for child in children] == [False, False]
