"""Where models run, and in what numbers."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from common.cli import UserError

MOST_WORKERS = 8


def choose_device(name: str | None) -> torch.device:
    """The device asked for, else this process's GPU, else Apple's, else the CPU.

    Of several processes (torchrun) each has the GPU of its LOCAL_RANK, `cuda` given or not. Raises UserError
    for a name that is no device, or a device that is not usable here.
    """
    if name in (None, "cuda") and torch.cuda.is_available():
        return _own_gpu()
    if name is None:
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # the second from a torch made without the device
        usable = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        usable += ["mps"] if torch.backends.mps.is_available() else []
        raise UserError(f"--device {name}: expected one that is usable here: {', '.join(usable)}") from error
    return torch.device(name)


def _own_gpu() -> torch.device:
    rank, count = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if rank >= count:
        raise UserError(
            f"torchrun started a process {rank}, expected one for each GPU, which are {count}: give "
            f"--nproc_per_node {count}"
        )
    return torch.device("cuda", rank)


def choose_workers(given: int | None, device: torch.device, processes: int = 1) -> int:
    """Loader processes: as many as asked for, else none on a CPU, which they would take time from.

    A GPU would wait for one process to read and change all crops: there a core each, at most MOST_WORKERS.
    """
    if given is not None or device.type == "cpu":
        return given or 0
    return max(1, min(MOST_WORKERS, (os.cpu_count() or 1) // processes - 1))


def choose_amp(name: str, device: torch.device) -> torch.dtype | None:
    """Autocast type. auto: bf16 where the hardware computes in it, fp16 on other GPUs, else none."""
    if name != "auto":
        return {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    # Without these instructions bf16 is emulated and slower than fp32. The queries are private to torch.
    queries = [getattr(torch.cpu, q, None) for q in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return torch.bfloat16 if device.type == "cpu" and any(q() for q in queries if q) else None


def processor_name(device: torch.device) -> str:
    """What computes there, as its maker calls it where that can be known."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError):  # on Linux `platform` tells the architecture alone
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def keep_freed_memory() -> None:
    """Let glibc keep freed memory instead of returning it: a CPU step asks for the same tensors again.

    Measured on two cores, HuBERT of configs/tiny.toml: the kernel's share of the time (page faults) fell from
    20 to 8 %, a step from 0.98 to 0.83 s. Nothing happens on other systems.
    """
    import ctypes  # noqa: PLC0415  for this system call alone

    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(-4, 0)  # M_MMAP_MAX: no block of its own for a large tensor
            libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


@contextmanager
def exactly_threads(count: int):
    """Let torch's operations on the CPU have so many threads, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def at_most_threads(count: int):
    """As `exactly_threads`, but never more than there are."""
    return exactly_threads(min(count, torch.get_num_threads()))
