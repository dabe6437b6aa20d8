"""Files of a batch: which recordings go in, where their conversions go, and the conversion of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import audio
from common import audio_files, names, progress
from common.advance import Advance, share, unseen
from common.cli import UserError
from common.files import remove_leftovers, require_nameable
from conversion import curves, headers, mixing, names_out
from conversion.headers import COMMENT

if TYPE_CHECKING:
    import argparse

    from common.spool import Samples
    from conversion.converter import VoiceConverter
    from conversion.stages import Edited


SHARES = (0.02, 0.73, 0.2, 0.05)  # of the time of a long one: reading, analysis, synthesis, writing an mp3
PLOTTED = 600 * audio.SAMPLE_RATE  # samples; of longer recordings --plot and --report show the beginning


class BatchFile(NamedTuple):
    """A recording, its conversion, and the prosody files to read and to write, or None."""

    source: Path
    target: Path
    curve_in: Path | None
    curve_out: Path | None


class Conversion(NamedTuple):
    """What became of a file, for whoever reports on it.

    source: [S] at 16 kHz, untrimmed; edited: what was synthesised; made: [S'] at `rate` (Hz), from `start` of
    the edited source on where it was trimmed; options: of `VoiceConverter.edit`, and mix {voice: share};
    notes: lines for the user.
    """

    file: BatchFile
    source: Samples
    edited: Edited
    made: Samples
    trimmed: bool
    options: dict[str, Any]
    notes: tuple[str, ...]
    rate: int = audio.SAMPLE_RATE


def planned(args: argparse.Namespace) -> list[BatchFile]:
    """The files of infer.py's arguments. Raises UserError for paths that cannot be used."""
    places, single = convertible(args.input, args.out_path), args.input.is_file()
    if args.bits and args.format not in names_out.WITH_BITS:
        raise UserError(f"--bits {args.bits}: expected --format wav or flac with it, found {args.format}")
    naming = (args.name_pattern, f".{args.format}")
    targets = target_paths(places, mixing.name_of(args.vbank, args.mix), args.out_path, *naming)
    given = curve_paths(places, args.prosody_in, single, "--prosody_in", read=True)
    wanted = curve_paths(places, args.prosody_out, single, "--prosody_out", read=False)
    pictures = [picture_path(target) for target in targets.values()] if args.plot else []
    reports = [path for target in targets.values() for path in report_paths(target)] if args.report else []
    require_apart(
        [*places, *given.values(), args.pitch_from, args.dyn_from],
        [*targets.values(), *wanted.values(), *pictures, *reports],
    )
    for folder in {target.parent for target in targets.values()}:
        remove_leftovers(folder)
    return [BatchFile(source, targets[source], given[source], wanted[source]) for source in places]


def convertible(given: Path, out: Path) -> dict[Path, Path]:
    """As `find_sources`, without what earlier runs have written into `out` where that lies in the folder."""
    places = find_sources(given)
    if given.is_file() or not {given.resolve()} & {out.resolve(), *out.resolve().parents}:
        return places
    inside = [path for path in places if out.resolve() in path.resolve().parents]
    own = {path for path in inside if audio.comment_of(path).startswith(COMMENT)}
    if own:
        print(f"{out}: {len(own)} conversions of earlier runs are left out")
    if len(own) == len(places):
        raise UserError(
            f"{given}: holds conversions of earlier runs alone; to convert these, give another --out_path"
        )
    return {path: place for path, place in places.items() if path not in own}


def require_apart(inputs: Iterable[Path | None], outputs: Iterable[Path | None]) -> None:
    """UserError where a file to write is one to read, by whatever name, or is written twice."""
    read = {_identity(path): path for path in inputs if path is not None and path.exists()}
    written: set[str] = set()
    for path in filter(None, outputs):
        if path.exists() and (source := read.get(_identity(path))):
            also = "" if source == path else f" {source}"
            raise UserError(f"{path}: would overwrite the recording or curve{also}; give another place")
        name = names.fold(os.path.abspath(path))
        if name in written:
            raise UserError(f"{path}: two results would be written there; give another place for one of them")
        written.add(name)


def _identity(path: Path) -> tuple[int, int]:
    """The same for all names of one file: links, other capitals where these make no difference."""
    about = path.stat()
    return about.st_dev, about.st_ino


def picture_path(target: Path) -> Path:
    """Where --plot draws a conversion."""
    return target.with_suffix(".png")


def report_paths(target: Path) -> tuple[Path, Path]:
    """Where --report writes the page on a conversion, and its numbers."""
    return target.with_suffix(".html"), target.with_suffix(".json")


def convert_file(
    converter: VoiceConverter,
    file: BatchFile,
    options: dict[str, Any],
    trim: bool,
    plot: bool,
    bits: int = 16,
    advance: Advance = unseen,
    report: Callable[[Conversion], None] | None = None,
) -> tuple[str, ...]:
    """One file read, converted and written, with its curve and picture where asked for; notes on it.

    options: of `VoiceConverter.edit`. advance: called with each fraction of it that is done; report: with
    what was made and written. Raises UserError for a recording or curve that cannot be used.
    """
    for path in (file.target, *(report_paths(file.target) if report else ())):
        require_nameable(path)
    notes: list[str] = []
    file.target.parent.mkdir(parents=True, exist_ok=True)  # long recordings have temporary files beside it

    def say(line: str) -> None:
        notes.append(line.removeprefix(f"{file.source}: "))

    reading, analysis, synthesis, writing = (share(advance, part) for part in SHARES)
    wav = audio.load_any_length(file.source, say, file.target.parent, reading)
    edited = converter.edit(converter.analyse(wav, analysis), prosody_in=file.curve_in, **options)
    if file.curve_out:
        level = audio.level(edited.source.wav)
        curves.write(file.curve_out, edited.curve, edited.source.start, level)
    converted = converter.render(edited, trim, synthesis)
    start = edited.source.start / audio.SAMPLE_RATE if trim else 0.0
    said = (*notes, *edited.notes, *converter.shortfall(edited, converted))
    # A curve that changed nothing leaves no trace: the conversion is the same file as without it.
    curve_in = file.curve_in if edited.replaced else None
    kept = [note for note in said if curve_in or not note.startswith("prosody_in:")]
    mix = {name: one["share"] for name, one in converter.card.get("mix", {}).items()} or None
    used = {**options, "prosody_in": curve_in, "mix": mix}
    about = headers.comment(used, kept, start)
    audio.save(file.target, converted, about, bits, writing, converter.rate)
    if plot:
        from hubert_pitdyn import plots  # noqa: PLC0415  pictures are rare, and their library is slow to load

        first = edited.source.start if trim else 0
        most = audio.at_rate(PLOTTED, converter.rate)
        drawn = {file.source.name: wav[first : first + PLOTTED], file.target.name: converted[:most]}
        rates = audio.SAMPLE_RATE, converter.rate
        plots.save(plots.conversion(drawn, rates=rates), picture_path(file.target))
    if report:
        report(Conversion(file, wav, edited, converted, trim, used, said, converter.rate))
    return said


def find_sources(given: Path) -> dict[Path, Path]:
    """{audio file: its place below the output folder}. Raises UserError when there is none."""
    if given.is_file():
        return {given: Path(given.name)}
    if not given.is_dir():
        raise UserError(f"{given}: no such file or folder")
    files, left_out = audio_files.find(given, audio.AUDIO_SUFFIXES)
    if not files:
        raise UserError(f"{given}: expected audio files, found {left_out or 'none'}")
    if left_out:
        progress.say(f"{given}: {len(files)} recordings, left out: {left_out}")
    return {p: p.relative_to(given) for p in files}


def target_paths(
    files: dict[Path, Path], vbank: str, out: Path, pattern: str = names_out.PATTERN, suffix: str = ".wav"
) -> dict[Path, Path]:
    """{audio file: its conversion}. Raises UserError when `out` cannot be a folder or the pattern a name."""
    if blocked := next((place for place in (out, *out.parents) if place.is_file()), None):
        raise UserError(f"{out}: expected a folder for the conversions, but {blocked} is a file")
    stems = unique_names(files)
    made = names_out.filled(pattern, [stems[source] for source in files], vbank)
    return {
        source: out / place.parent / f"{name}{suffix}"
        for (source, place), name in zip(files.items(), made, strict=True)
    }


def curve_paths(
    files: dict[Path, Path], given: Path | None, single: bool, option: str, read: bool
) -> dict[Path, Path | None]:
    """{audio file: its prosody file}: `given` itself for a single file, else <name>.csv below it.

    Where one is to be read it is the first of <name>.csv, .ds, .mid, .ustx and .ust that is there.

    Raises UserError naming the option when `given` is a folder for a single file, or a file for a folder, or
    is to be read and not there.
    """
    if given is None:
        return dict.fromkeys(files)
    kind = "file" if single else "folder"
    if given.is_dir() if single else given.is_file():
        raise UserError(f"{given}: --input is a {kind}, so {option} must be one")
    if single and not read:
        curves.require_writable(given, option)
    if read and not given.exists():
        raise UserError(f"{given}: no such {kind}; make it with --prosody_out")
    if single:
        return dict.fromkeys(files, given)
    stems = unique_names(files)
    plain = {source: given / place.parent / stems[source] for source, place in files.items()}
    return {source: curves.beside(path, read) for source, path in plain.items()}


def unique_names(files: dict[Path, Path]) -> dict[Path, str]:
    """{audio file: its name without suffix, or with it where another's differs by that alone}.

    See `names.unique`: where capitals alone differ one conversion would overwrite the other on Windows.
    """
    found = names.unique(files.values())
    return {source: PurePath(found[place]).name for source, place in files.items()}
