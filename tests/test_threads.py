"""Files in threads: as many at once as asked for, no file ends the batch, and nothing begins after a stop."""

import threading
import time

import pytest

from common.threads import Threads


@pytest.mark.parametrize("count", [1, 3])
def test_each_has_its_result_or_reason(count):
    def work(number):
        if number == 4:
            raise ValueError("no four")
        return 10 * number

    found = sorted(Threads(count).outcomes(work, list(range(9))))
    assert [name for name, *_ in found] == list(range(9))
    assert found[4] == (4, None, "no four")
    assert all(result == 10 * name and not reason for name, result, reason in found if name != 4)


def test_as_many_run_at_once_as_asked_for():
    lock, running, most = threading.Lock(), [], []
    met = threading.Barrier(2, timeout=5)  # broken unless two are at work together

    def work(number):
        with lock:
            running.append(number)
            most.append(len(running))
        if number < 2:
            met.wait()
        time.sleep(0.01)
        with lock:
            running.remove(number)

    assert not any(reason for *_, reason in Threads(2).outcomes(work, list(range(6))))
    assert max(most) == 2


def test_whoever_stops_gets_no_more():
    begun = []
    outcomes = Threads(2).outcomes(begun.append, list(range(100)))
    next(outcomes)
    outcomes.close()
    assert len(begun) <= 4
