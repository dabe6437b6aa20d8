"""infer.py by the workers of a Dask cluster: each file of `conversion.files` is converted there."""

from __future__ import annotations

import pickle
from argparse import Namespace
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from checkpoints import places, terms
from common import cli, progress
from common.cluster import Cluster
from common.files import remove_leftovers
from common.workers import guarded
from conversion.arguments import from_arguments
from conversion.files import BatchFile, convert_file


class Converted(NamedTuple):
    """What comes back of a file: notes on it, {voice: terms} and what is to be said of the rate, and why the
    voice cannot be loaded."""

    notes: tuple[str, ...] = ()
    conditions: dict[str, str] = {}
    refused: str = ""


def convert(args: Namespace, files: list[BatchFile]) -> int:
    """Convert all files of infer.py's arguments on --scheduler; returns the exit code.

    Results are those of this machine, where the processors are of one kind. Raises UserError as
    `arguments.from_arguments` does, and as `Cluster` does.
    """
    from conversion import batch  # noqa: PLC0415  it loads torch

    failures, said = [], False
    with Cluster(args.scheduler, args.out_path, _read(args)) as cluster:
        work = partial(convert_there, pickle.dumps(args))
        outcomes = chain.from_iterable(
            cluster.with_threads(group.threads).outcomes(work, group.files)
            for group in batch.groups(files, not args.plot)
        )
        for file, done, reason in progress.each(outcomes, args.vbank, len(files), unit="file"):
            if reason:
                failures.append((str(file.source), reason))
                continue
            if done.refused:
                raise cli.UserError(done.refused)
            notes = (f"  {file.source.name}: {note}" for note in done.notes)
            for voice, conditions in done.conditions.items() if not said else ():
                progress.say(f"{voice}: {conditions}")
            progress.write("\n".join((str(file.target), *notes)))
            said = True
    for folder in {file.target.parent for file in files}:
        remove_leftovers(folder)  # of a worker that was lost
    return cli.report_failures(failures, len(files))


def _read(args: Namespace) -> list[Path]:
    """Paths that a worker needs; a voice of the hub it fetches for itself."""
    given = [args.input, args.content, args.pitch_from, args.dyn_from, args.prosody_in]
    if args.prosody_out:
        given.append(next(place for place in args.prosody_out.absolute().parents if place.is_dir()))
    others = [Path("out", args.dataset or ""), Path(args.vocoder or "")]
    given += [path for path in others if path.exists()]
    voices = (args.vbank, *(voice for voice, _ in args.mix))
    given += [places.voice_path(voice) for voice in voices if not places.ADDRESS.fullmatch(voice)]
    given += [share for _, share in args.mix if isinstance(share, Path)]
    return [path for path in given if path is not None]


def convert_there(packed: bytes, file: BatchFile) -> Converted:
    """One file, in a process of the cluster. packed: infer.py's arguments, pickled."""
    loaded, refused = _loaded(packed)
    if refused:
        return Converted(refused=refused)
    args, converter, options, conditions = loaded
    notes = convert_file(converter, file, options, args.trim, args.plot, args.bits or 16)
    return Converted(notes, conditions)


@cache
def _loaded(packed: bytes) -> tuple[Any, str]:
    """((arguments, converter, options, terms), "") or (None, why it cannot be loaded), once in a process."""
    return guarded(_load, pickle.loads(packed))


def _load(args: Namespace) -> tuple[Namespace, Any, dict[str, Any], dict[str, str]]:
    from common.devices import choose_device  # noqa: PLC0415  it loads torch

    converter, options = from_arguments(args, choose_device(args.device))
    lines = terms.lines(places.voice_name(args.vbank), converter.card)
    said = {"rate": " ".join(converter.notes)} if converter.notes else {}
    return args, converter, options, {**lines, **said}
