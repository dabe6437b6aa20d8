"""each_file: results and failures by name, dead workers, the first file alone, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from conftest import ROOT

from common import workers
from common.workers import each_file


def timed(folder: Path, name: str) -> int:
    """Note when this name began and ended."""
    if name == "broken":
        raise ValueError("cannot be read")
    begin = time.time()
    time.sleep(0.2)
    (folder / name).write_text(f"{begin} {time.time()}", encoding="utf-8")
    return len(name)


def die(name: str) -> int:
    if name.startswith("killer"):
        os._exit(9)
    time.sleep(0.02)
    return len(name)


def test_the_first_success_comes_before_all_others_begin(tmp_path):
    # Two processes at once spoil numba's cache when neither finds it filled.
    names = ["broken", "a", "bb", "ccc", "dddd"]
    results, failures = each_file(partial(timed, tmp_path), names, 3, "test")
    assert results == {"a": 1, "bb": 2, "ccc": 3, "dddd": 4}
    assert failures == [("broken", "cannot be read")]
    spans = {name: [float(t) for t in (tmp_path / name).read_text().split()] for name in results}
    assert all(spans["a"][1] <= spans[name][0] for name in ("bb", "ccc", "dddd"))


@pytest.mark.slow
@pytest.mark.parametrize("killers", [["killer"], ["killer 1", "killer 2", "killer 3", "killer 4"]])
def test_a_file_that_kills_its_worker_fails_alone(killers):
    names = [f"file {n}" for n in range(12)]
    results, failures = each_file(die, [*names[:5], *killers, *names[5:]], 3, "test")
    assert sorted(results) == sorted(names)
    assert failures == [(name, workers.DIED) for name in killers] and "worker process died" in workers.DIED


def test_a_killer_that_comes_first_fails_alone():
    results, failures = each_file(die, ["killer", "a", "bb"], 2, "test")
    assert results == {"a": 1, "bb": 2} and [name for name, _ in failures] == ["killer"]


def test_where_the_first_files_all_kill_the_others_are_not_tried():
    names = [f"killer {n}" for n in range(9)]
    results, failures = each_file(die, names, 2, "test")
    assert not results and [name for name, _ in failures] == names
    assert [reason.startswith("not tried") for _, reason in failures] == [False] * 3 + [True] * 6


def test_more_workers_than_windows_allows_are_not_asked_for(monkeypatch):
    asked = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, workers, **more):
            asked.append(workers)
            super().__init__(2, **more)

    monkeypatch.setattr(workers, "ProcessPoolExecutor", Pool)
    names = [str(n) for n in range(70)]
    assert len(each_file(die, names, 128, "test")[0]) == 70 and asked == [61]


def process(name: str) -> int:
    time.sleep(0.05)
    return os.getpid()


def sleep(name: str) -> int:
    time.sleep(0.5 if name == "a" else 0.0)
    return len(name)


def test_results_come_in_the_order_of_the_names_whichever_ends_first():
    results, _ = each_file(sleep, ["bb", "a", "dd", "cc"], 2, "test")
    assert list(results) == ["bb", "a", "dd", "cc"]


def test_processes_are_kept_from_one_call_to_the_next_and_replaced_where_one_dies():
    with workers.opened(2, None, Path()) as pool:
        first = set(each_file(process, ["a", "b", "c", "d"], pool, "test")[0].values())
        again = set(each_file(process, ["a", "b", "c", "d"], pool, "test")[0].values())
        assert len(first | again) <= 2
        _, failures = each_file(die, ["killer", "a", "bb"], pool, "test")
        assert failures == [("killer", workers.DIED)]
        later = set(each_file(process, ["a", "b", "c", "d"], pool, "test")[0].values())
        assert later and not later & (first | again)


SLOW = """
import signal, sys, time
from functools import partial
from pathlib import Path
from common.workers import each_file

def slow(folder, name):
    (folder / name).touch()
    time.sleep(0.5)

if __name__ == "__main__":
    # As in a terminal; a shell starts jobs in the background without it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    each_file(partial(slow, Path(sys.argv[1])), map(str, range(100)), 2, "slow")
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a signal to one process")
def test_ctrl_c_stops_what_has_not_begun(tmp_path):
    script, begun = tmp_path / "slow.py", tmp_path / "begun"
    script.write_text(SLOW, encoding="utf-8")
    begun.mkdir()
    command, env = [sys.executable, script, begun], {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while len(list(begun.iterdir())) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) != 0
    finally:
        process.kill()
    assert 4 <= len(list(begun.iterdir())) < 15


ORPHANS = """
import sys, time
from functools import partial
from pathlib import Path
from common.workers import each_file

def slow(folder, name):
    for beat in range(600):
        (folder / name).write_text(str(beat))
        time.sleep(0.05)

if __name__ == "__main__":
    each_file(partial(slow, Path(sys.argv[1])), map(str, range(9)), 2, "slow")
"""


@pytest.mark.slow
def test_workers_end_with_a_killed_parent(tmp_path):
    script, folder = tmp_path / "slow.py", tmp_path / "beats"
    script.write_text(ORPHANS, encoding="utf-8")
    folder.mkdir()
    command, env = [sys.executable, script, folder], {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not list(folder.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    time.sleep(1.0)
    beats = {path: path.read_text() for path in folder.iterdir()}
    time.sleep(0.5)
    assert beats and beats == {path: path.read_text() for path in folder.iterdir()}
