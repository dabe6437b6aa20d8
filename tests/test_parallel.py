"""each_file: results and failures by name, a dead worker, and the first file alone."""

import os
import time
from functools import partial
from pathlib import Path

from parallel import each_file


def timed(folder: Path, name: str) -> int:
    """Note when this name began and ended."""
    if name == "broken":
        raise ValueError("cannot be read")
    begin = time.time()
    time.sleep(0.2)
    (folder / name).write_text(f"{begin} {time.time()}", encoding="utf-8")
    return len(name)


def die(name: str) -> None:
    os._exit(9)


def test_the_first_success_comes_before_all_others_begin(tmp_path):
    # Two processes at once spoil numba's cache when neither finds it filled.
    names = ["broken", "a", "bb", "ccc", "dddd"]
    results, failures = each_file(partial(timed, tmp_path), names, 3, "test")
    assert results == {"a": 1, "bb": 2, "ccc": 3, "dddd": 4}
    assert failures == [("broken", "cannot be read")]
    spans = {name: [float(t) for t in (tmp_path / name).read_text().split()] for name in results}
    assert all(spans["a"][1] <= spans[name][0] for name in ("bb", "ccc", "dddd"))


def test_a_worker_that_dies_is_a_failure_of_its_files():
    results, failures = each_file(die, ["a", "b", "c"], 2, "test")
    assert not results
    assert [name for name, _ in failures] == ["a", "b", "c"]
    assert all("worker process died" in reason for _, reason in failures)
