"""Which device a process takes, how many loaders it has, and how several processes meet: by stand-ins."""

import os
import socket
import subprocess
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT
from small_training import arguments

from common import devices
from common.cli import UserError
from training import run as runs


@pytest.fixture
def gpus(monkeypatch):
    """gpus(count, mps): what torch says is there."""

    def pretend(count: int, mps: bool = False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    for name in ("LOCAL_RANK", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    return pretend


@pytest.mark.parametrize(
    ("count", "mps", "rank", "asked", "found"),
    [
        (0, False, None, None, "cpu"),
        (0, True, None, None, "mps"),
        (2, True, None, None, "cuda:0"),
        (2, False, "1", None, "cuda:1"),
        (2, False, "1", "cuda", "cuda:1"),
        (2, False, None, "cuda", "cuda:0"),
        (2, True, "1", "cpu", "cpu"),
    ],
)
def test_each_process_has_the_gpu_of_its_local_rank(gpus, monkeypatch, count, mps, rank, asked, found):
    gpus(count, mps)
    if rank:
        monkeypatch.setenv("LOCAL_RANK", rank)
    assert devices.choose_device(asked) == torch.device(found)


def test_more_processes_than_gpus_are_refused(gpus, monkeypatch):
    gpus(2)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UserError, match="--nproc_per_node 2"):
        devices.choose_device("cuda")


def test_a_gpu_has_loaders_and_a_cpu_none(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert devices.choose_workers(None, cpu) == 0 and devices.choose_workers(None, gpu) == 5
    assert devices.choose_workers(None, gpu, 4) == 1
    assert devices.choose_workers(0, gpu) == 0 and devices.choose_workers(3, cpu) == 3
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert devices.choose_workers(None, gpu) == devices.MOST_WORKERS


@pytest.mark.parametrize("takes_device", [True, False])
def test_processes_meet_on_their_own_gpus_and_wait_for_hours(gpus, monkeypatch, takes_device):
    gpus(2)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    given = {}

    def with_device(backend, timeout=None, device_id=None):
        given.update(backend=backend, timeout=timeout, device_id=device_id)

    def without(backend, timeout=None):
        given.update(backend=backend, timeout=timeout)

    monkeypatch.setattr(runs.dist, "init_process_group", with_device if takes_device else without)
    assert runs._start_processes(torch.device("cuda", 1), "cuda") == (0, 2)
    assert given["backend"] == "nccl" and given["timeout"] == timedelta(hours=6)
    assert given.get("device_id") == (torch.device("cuda", 1) if takes_device else None)
    with pytest.raises(UserError, match="--device cuda:1: all 2 processes would share"):
        runs._start_processes(torch.device("cuda", 1), "cuda:1")


def test_a_training_makes_its_gpu_the_current_one(gpus, monkeypatch, tmp_path):
    gpus(2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    args = arguments(tmp_path / "out", device="cuda", amp="auto", seed=None, steps=None)
    run = runs.start(args, "acoustic")
    assert chosen == [torch.device("cuda:1")] and run.device == torch.device("cuda:1")
    assert run.amp == torch.bfloat16


MEET = """
import sys
import torch
from training import run
device = torch.device("cpu")
rank, world = run._start_processes(device, None)
total, count = torch.tensor([3.0, 5.0])[rank], torch.tensor([1, 3])[rank]
mean = run.mean_over(total, count)
run.dist.all_reduce(mean)
import os
print(os.environ["LOCAL_RANK"], rank, world, float(mean) / world)
run.dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_on_cpus_have_one_mean(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    common = {**os.environ, "PYTHONPATH": str(ROOT), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MEET],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"},
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for rank in (0, 1)
    ]
    said = [process.communicate(timeout=120)[0].split() for process in started]
    assert [words[:3] for words in said] == [["0", "0", "2"], ["1", "1", "2"]]
    assert all(float(words[3]) == pytest.approx((3 + 5) / 4) for words in said)


def test_loaders_of_a_training_are_as_many_as_chosen():
    from small_runs import Numbers

    from training.batches import loader

    settings = SimpleNamespace(batch_size=2, steps=3, shuffle=True)
    run = SimpleNamespace(
        settings=settings, seed=1, rank=0, world=1, num_workers=2, device=torch.device("cpu")
    )
    made = loader(run, Numbers(), 0)
    assert made.num_workers == 2 and made.persistent_workers
    assert [batch["x"].shape for batch in made] == [(2, 3)] * 3
