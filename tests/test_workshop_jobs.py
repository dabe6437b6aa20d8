"""Work that says how far it is and can be stopped, within a model's layers too."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from workshop.jobs import Job, Jobs, Stopped

LAYERS = 2000


def test_a_job_gives_its_result_and_says_how_far_it_is():
    seen = threading.Event()

    def work(job):
        job.say("half", 0.5)
        seen.wait(5)
        return 42

    job = Job(work)
    first = next(job.updates())
    assert (first.text, first.share) == ("half", 0.5) and first.left == pytest.approx(first.seconds)
    seen.set()
    assert job.result() == 42
    assert list(job.updates()) == []


def test_a_job_raises_what_its_work_raised():
    def work(job):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Job(work).result()


def test_a_model_is_stopped_between_two_layers():
    done = []

    class Slow(torch.nn.Module):
        def forward(self, x):
            done.append(1)
            time.sleep(0.005)
            return x

    model = torch.nn.Sequential(*(Slow() for _ in range(LAYERS)))
    job = Job(lambda job: model(torch.zeros(1)))
    while len(done) < 3:
        time.sleep(0.005)
    job.stop()
    with pytest.raises(Stopped):
        job.result()
    assert 3 <= len(done) < LAYERS
    assert model[:5](torch.zeros(1)).shape == (1,)  # other threads notice nothing


def test_a_new_job_of_the_same_place_stops_the_one_before():
    jobs = Jobs()

    def work(job):
        while True:
            job.check()
            time.sleep(0.005)

    first = jobs.start("session", "convert", work)
    other = jobs.start("session", "batch", lambda job: 1)
    second = jobs.start("session", "convert", lambda job: 2)
    with pytest.raises(Stopped):
        first.result()
    assert (other.result(), second.result()) == (1, 2)
    jobs.stop("session", "nothing is there")


def test_what_is_expected_to_take_a_while_has_a_share_and_time_left():
    go_on = threading.Event()

    def work(job):
        job.say("analysing", expected=1000.0)
        go_on.wait(5)

    job = Job(work)
    first = next(job.updates())
    assert 0 < first.share < 0.01 and first.left == pytest.approx(1000, abs=2)
    go_on.set()
    job.result()
    unknown = next(Job(lambda job: time.sleep(0.4)).updates())
    assert (unknown.text, unknown.share, unknown.left) == ("", None, None)
