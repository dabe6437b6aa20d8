"""Files written whole or not at all, by several processes, and what killed ones leave."""

import os
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from common import files

LONG = "名" * 80 + "a" * 11 + ".wav"  # 255 bytes, as long as names may be


OWN = os.getpid()


def leftover(folder, host=files.HERE, process=OWN, age=0.0):
    path = folder / f".{host}-{process}-{'0' * 15}{len(list(folder.iterdir()))}.part.wav"
    path.write_bytes(b"x")
    os.utime(path, (time.time() - age,) * 2)
    return path


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), files.atomic_path(path) as part:
        part.write_text("new", encoding="utf-8")
        raise ZeroDivisionError
    assert path.read_text(encoding="utf-8") == "old" and list(tmp_path.iterdir()) == [path]


def test_the_longest_name_can_be_written(tmp_path):
    with files.atomic_path(tmp_path / LONG) as part:
        part.write_bytes(b"wav")
    assert [path.name for path in tmp_path.iterdir()] == [LONG]


def test_a_new_file_is_nobody_elses(tmp_path, monkeypatch):
    """A link that waits under the temporary name is not followed."""
    monkeypatch.setattr(files.secrets, "token_hex", lambda count: "0" * 2 * count)
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    trap = tmp_path / f".{files.HERE}-{os.getpid()}-{'0' * 16}.part.txt"
    try:
        trap.symlink_to(victim)
    except OSError:
        trap.write_text("", encoding="utf-8")  # Windows without the right to make links
    with pytest.raises(FileExistsError), files.atomic_path(tmp_path / "a.txt") as part:
        part.write_text("theirs", encoding="utf-8")
    assert victim.read_text(encoding="utf-8") == "mine"


def test_leftovers_of_ended_processes_go_and_files_in_use_stay(tmp_path):
    dead = leftover(tmp_path, process=ended_process())
    elsewhere = leftover(tmp_path, host="0123abcd"), leftover(tmp_path, host="0123abcd", age=7200.0)
    own, hidden = leftover(tmp_path), tmp_path / ".download.part"
    hidden.write_bytes(b"somebody else's")
    os.utime(hidden, (1e9, 1e9))
    files.remove_leftovers_below(tmp_path.parent)
    assert sorted(tmp_path.iterdir()) == sorted([elsewhere[0], own, hidden])
    assert not dead.exists() and not elsewhere[1].exists()


WRITE = """
import sys
from pathlib import Path
from common.files import atomic_path
for number in range(200):
    with atomic_path(Path(sys.argv[1])) as part:
        part.write_text(sys.argv[2] * 20000, encoding="utf-8")
"""


def test_readers_of_a_file_that_two_processes_write_see_whole_ones(tmp_path):
    path, environment = tmp_path / "split.json", {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(path), letter], env=environment) for letter in "ab"
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if path.is_file():
            seen.add(path.read_text(encoding="utf-8"))
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen <= {"a" * 20000, "b" * 20000} and seen and list(tmp_path.iterdir()) == [path]
