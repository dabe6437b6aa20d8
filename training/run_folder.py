"""out/<name>/<model>, the folder of one training: who may write there, and what a run before left in it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from checkpoints import places
from common.cli import UserError
from common.files import remove_leftovers

LOCK = "training.lock"


class Claim(NamedTuple):
    """What a training holds of its folder. replaces: checkpoints of a run before, which go when this one has
    saved its own."""

    lock: FileLock
    replaces: list[str]


def claim(out: Path, resume: Path | None, overwrite: bool) -> Claim:
    """Take a folder for one training, until this process ends.

    resume: the checkpoint whose run is continued, None for a new run. The lock is the operating system's: it
    ends with the process, however that ends. Raises UserError where another training writes there, and where
    the checkpoints of another run would be mixed with this one's or lost.
    """
    if resume and overwrite:
        raise UserError("--overwrite trains anew and --resume continues a run; leave one of them out")
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / LOCK, timeout=0, is_singleton=True)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(
            f"{out}: another training writes here; wait until it has ended, or give another folder"
        ) from error
    remove_leftovers(out)
    before = sorted(out.glob("model-*.pt"), key=lambda path: path.stat().st_mtime_ns)
    if resume:
        if before and resume.resolve().parent != out.resolve():
            raise UserError(
                f"{out}: holds another run ({before[-1].name}), and {resume} would be continued there; give "
                f"an empty folder, or {resume.parent}"
            )
        return Claim(lock, [])
    if before and not overwrite:
        steps = [path for path in before if path.name != places.BEST]
        remedy = f"continue it with --resume {steps[-1]}, " if steps else "give another folder, "
        raise UserError(
            f"{out}: holds a trained model ({before[-1].name}); {remedy}or train anew with --overwrite, "
            "which replaces it at the first validation"
        )
    return Claim(lock, [path.name for path in before])
