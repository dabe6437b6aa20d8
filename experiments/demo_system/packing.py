"""Carried to another machine: recordings as Opus in one zip, and what a machine has made in small parts."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import soundfile

import audio
from checkpoints import places
from common import progress
from common.cli import UserError
from common.files import atomic_path, write_text
from common.readers import parse_json, read_text
from common.workers import each_file
from experiments.demo_system import recordings
from experiments.demo_system.records import HALF, Records, plain
from experiments.demo_system.speakers import SPEAKERS
from experiments.demo_system.steps import Plan

ABOUT = "pack.json"  # in a zip: which kind of the two it is, and what it was made of
RECORDINGS, RESULTS = "recordings", "results"
FORM = {"kind": str, "settings?": dict}
PACKED = {**FORM, "rate": int, "kbit_s": int | float}
SUFFIX = ".ogg"
RATE = audio.SAMPLE_RATE  # what the models are trained on; Opus has 8, 12, 16, 24 and 48 kHz
MOST = 57_000_000  # bytes of all recordings; with names, manifest and texts the zip has 60 MB at most
HIGHEST, LOWEST = 32.0, 8.0  # kbit/s, of a stream of one channel
OVERHEAD = 2.6  # kbit/s that Ogg takes besides, of recordings of a few seconds
ENCODER = (6.0, 250.0)  # kbit/s: those of libsndfile's least quality, and how many more its best has
TEXT = 1 << 18  # bytes of a text beside recordings, such as terms of use; larger ones stay
PART = 15_000_000  # bytes


def pack(plan: Plan, file: Path, workers: int) -> float:
    """Write a zip with the recordings of a plan's speakers as Opus, and texts beside them; returns kbit/s.

    Raises UserError where a recording cannot be read, or all are too long for MOST.
    """
    found = recordings.files_of(plan.wavs, plan.speakers)
    names = packed_names(plan.wavs, [path for paths in found.values() for path in paths])
    minutes = sum(of.minutes for of in recordings.look(plan).values())
    rate = min(HIGHEST, 8 * MOST / 1000 / (60 * minutes) - OVERHEAD)
    with tempfile.TemporaryDirectory() as folder:
        while True:
            if rate < LOWEST:
                raise UserError(
                    f"{plan.wavs}: {minutes:.0f} minutes do not fit into {MOST / 1e6:.0f} MB at "
                    f"{LOWEST:g} kbit/s; leave some out by --voices"
                )
            work = partial(encode, Path(folder), rate)
            _, failures = each_file(work, list(names.items()), workers, "recordings")
            if failures:
                (path, _), reason = failures[0]
                raise UserError(f"{path}: {reason}")
            if sum(path.stat().st_size for path in Path(folder).rglob(f"*{SUFFIX}")) <= MOST:
                break
            rate *= 0.9
        about = {"kind": RECORDINGS, "kbit_s": rate, "rate": RATE, "settings": tables(plan)}
        with atomic_path(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(ABOUT, json.dumps(about, indent=1))
            if plan.manifest:
                archive.writestr(recordings.MANIFEST, manifest(plan, names))
            for name in progress.each(names.values(), "packing", unit="file"):
                archive.write(Path(folder) / name, name)
            for path in texts(plan.wavs, plan.speakers):
                archive.write(path, path.relative_to(plan.wavs).as_posix())
    return rate


def packed_names(wavs: Path, paths: list[Path]) -> dict[Path, str]:
    """{recording: its name in the zip}: with SUFFIX for its own suffix, or behind it where both are there."""
    names: dict[Path, str] = {}
    for path in paths:
        inside = path.relative_to(wavs)
        name = inside.with_suffix(SUFFIX).as_posix()
        names[path] = f"{inside.as_posix()}{SUFFIX}" if name in names.values() else name
    return names


def encode(folder: Path, kbit_s: float, job: tuple[Path, str]) -> None:
    """Write one recording to the folder under its new name."""
    path, name = job
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    least, span = ENCODER
    level = min(1.0, max(0.0, 1 - (kbit_s - least) / span))
    wav = audio.load(path, lambda line: None)
    soundfile.write(target, wav, RATE, format="OGG", subtype="OPUS", compression_level=level)


def texts(wavs: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """Terms of use, and what else is no sound and small, in the speakers' folders and those above them."""
    seen: set[Path] = set()
    for part in (Path(part) for name in names for part in SPEAKERS[name].folders):
        below = [path for path in sorted((wavs / part).rglob("*")) if path.is_file()]
        above = [
            path
            for parent in part.parents
            if parent != Path()
            for path in sorted((wavs / parent).iterdir())
            if path.is_file()
        ]
        for path in (*above, *below):
            is_text = path.suffix.lower() not in audio.AUDIO_SUFFIXES and not path.name.startswith(".")
            if is_text and path.stat().st_size <= TEXT and path not in seen:
                seen.add(path)
                yield path


def manifest(plan: Plan, names: dict[Path, str]) -> str:
    """The manifest's rows with the suffix that the recordings have in the zip."""
    suffixes = {path.relative_to(plan.wavs).as_posix(): name for path, name in names.items()}
    rows = csv.reader(io.StringIO(read_text(plan.manifest, "export it as CSV in UTF-8"), newline=""))
    head = next(rows)
    column, out = head.index("path"), io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        if len(row) > column:
            inside = suffixes.get(row[column].replace("\\", "/"), row[column])
            writer.writerow([*row[:column], inside, *row[column + 1 :]])
    return out.getvalue()


def tables(plan: Plan) -> dict:
    """Every table of the preset, by name."""

    def named(config: dict, name: str = "") -> Iterator[str]:
        for key, value in config.items():
            if isinstance(value, dict):
                yield f"{name}{key}"
                yield from named(value, f"{name}{key}.")

    found = {table: plain(plan.preset, table) for table in named(plan.preset)}
    return {table: values for table, values in found.items() if values}


def about_packed(plan: Plan) -> dict | None:
    """What `pack` says of the recordings in WAVS; None where they are no packed ones."""
    path = plan.wavs / ABOUT
    return parse_json(path.read_bytes(), path, PACKED, "unpack it again") if path.is_file() else None


def compare(plan: Plan) -> None:
    """Say where recordings were packed with other settings than this run's: two machines are to agree."""
    if packed := about_packed(plan):
        before, now = packed.get("settings", {}), tables(plan)
        if differ := sorted(name for name in {**before, **now} if before.get(name) != now.get(name)):
            other = f"packed with other settings than {plan.config} has"
            progress.say(f"{plan.wavs / ABOUT}: {other}: {', '.join(differ)}")


def send(known: Records, file: Path, unfinished: bool) -> list[Path]:
    """Write what this machine has made, weights that ship, records and logs; returns files below 16 MB each.

    unfinished: with the newest checkpoint of each training that is half done. One file is FILE, several are
    FILE.001 and so on.
    """
    statuses, inside = known.look(), []
    for name, record in known.known.items():
        step = known.steps[name]
        if record is None or (statuses[name].state == HALF and not unfinished):
            continue
        run_logs = sorted((step.run / "logs").glob("*.log")) if step.run else []
        inside += [known.path(name), known.log(name), *run_logs]
        inside += step.makes if step.ships else ()
        if step.run and statuses[name].state == HALF:
            inside += [places.newest(step.run), *step.makes]
    about = {"kind": RESULTS, "settings": tables(known.plan)}
    for old in file.parent.glob(f"{file.name}*"):
        if re.fullmatch(re.escape(file.name) + r"(\.\d{3})?", old.name):
            old.unlink()
    with atomic_path(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(ABOUT, json.dumps(about, indent=1))
        for path in (path for path in inside if path and path.is_file()):
            archive.write(path, path.relative_to(known.plan.out).as_posix())
    return split(file)


def split(file: Path) -> list[Path]:
    """A file, or where it is larger than PART its parts, FILE.001 and so on."""
    if file.stat().st_size <= PART:
        return [file]
    made = []
    with file.open("rb") as stream:
        while block := stream.read(PART):
            made.append(file.with_name(f"{file.name}.{len(made) + 1:03d}"))
            with atomic_path(made[-1]) as part:
                part.write_bytes(block)
    file.unlink()
    return made


def unpack(file: Path, wavs: Path, out: Path) -> str:
    """Take in what `pack` (into the folder of recordings) or `send` (into OUT) has written; a line on it.

    Raises UserError for another file, and where the folder of recordings holds others.
    """
    with tempfile.TemporaryDirectory() as folder, opened(file, Path(folder)) as archive:
        if about_of(archive, file)["kind"] == RESULTS:
            return take(archive, out)
        here = wavs / ABOUT
        if wavs.is_dir() and any(wavs.iterdir()):
            if here.is_file() and here.read_bytes() == archive.read(ABOUT):
                return f"{wavs}: holds these recordings already"
            raise UserError(
                f"{wavs}: expected an empty folder for the recordings, found others; give a new one"
            )
        begun = wavs.with_name(f".{wavs.name}.unpacked")  # so that a part is never taken for the whole
        shutil.rmtree(begun, ignore_errors=True)
        archive.extractall(begun)
        if wavs.is_dir():
            wavs.rmdir()
        begun.rename(wavs)
    return f"{wavs}: recordings of {file.name}"


def opened(file: Path, folder: Path) -> zipfile.ZipFile:
    """A zip, or its parts joined in a folder. UserError for what is none, or names that lead elsewhere."""
    parts = sorted(file.parent.glob(f"{file.name}.[0-9][0-9][0-9]"))
    source = file
    if not file.is_file() and parts:
        numbers = [int(part.suffix[1:]) for part in parts]
        if numbers != list(range(1, len(parts) + 1)):
            raise UserError(f"{file}: of its parts one before {parts[-1].name} is missing; fetch it again")
        source = folder / "joined.zip"
        with source.open("wb") as joined:
            for part in parts:
                with part.open("rb") as stream:
                    shutil.copyfileobj(stream, joined)
    if not source.is_file():
        raise UserError(
            f"{file}: no such file, and no {file.name}.001; give what --pack or --return has written"
        )
    try:
        archive = zipfile.ZipFile(source)
    except zipfile.BadZipFile as error:
        raise UserError(f"{file}: no whole zip ({error}); are all of its parts here?") from error
    for name in archive.namelist():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or ":" in name or "\\" in name:
            archive.close()
            raise UserError(
                f"{file}: it has a file named {name!r}, which would lie outside; it is not unpacked"
            )
    return archive


def about_of(archive: zipfile.ZipFile, file: Path) -> dict:
    """What a zip says of itself."""
    remedy = "give what --pack or --return has written"
    if ABOUT not in archive.namelist():
        raise UserError(f"{file}: expected {ABOUT} in it, found none; {remedy}")
    return parse_json(archive.read(ABOUT), file, FORM, remedy)


def take(archive: zipfile.ZipFile, out: Path) -> str:
    """Results of another machine into OUT, step by step: what is done here stays."""
    names = archive.namelist()
    taken, kept = [], []
    for name in names:
        if not re.fullmatch(r"steps/[^/]+\.json", name):
            continue
        step, record = Path(name).stem, json.loads(archive.read(name))
        here = out / name
        mine = json.loads(here.read_text(encoding="utf-8")) if here.is_file() else {}
        if "made" in mine or ("made" not in record and mine.get("seconds", 0) >= record["seconds"]):
            kept.append(step)
            continue
        own = [f"steps/{step}.log", *(n for n in names if n.startswith(f"runs/{step}/"))]
        own += [inside(path, out) for path in record.get("made", {})]
        for path in (path for path in own if path in names):
            with atomic_path(out / path) as part, archive.open(path) as stream, part.open("wb") as target:
                shutil.copyfileobj(stream, target)
        write_text(here, archive.read(name).decode("utf-8"))  # last: it says that the rest is here
        taken.append(step)
    return f"{out}: taken {', '.join(taken) or 'nothing'}" + (
        f"; here already {', '.join(kept)}" if kept else ""
    )


def inside(path: str, out: Path) -> str:
    """A file of OUT as it is named in a zip; "" for others."""
    place = Path(path)
    return place.relative_to(out).as_posix() if place.is_relative_to(out) else ""
