"""Files of a batch: which recordings go in, where their conversions go, and the conversion of each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import audio
from common.cli import UserError
from conversion import prosody_csv

if TYPE_CHECKING:
    import argparse

    from conversion.converter import VoiceConverter


class BatchFile(NamedTuple):
    """A recording, its conversion, and the prosody files to read and to write, or None."""

    source: Path
    target: Path
    curve_in: Path | None
    curve_out: Path | None


def planned(args: argparse.Namespace) -> list[BatchFile]:
    """The files of infer.py's arguments. Raises UserError for paths that cannot be used."""
    places, single = find_sources(args.input), args.input.is_file()
    targets = target_paths(places, args.vbank, args.out_path)
    given = curve_paths(places, args.prosody_in, single, "--prosody_in", read=True)
    wanted = curve_paths(places, args.prosody_out, single, "--prosody_out", read=False)
    return [BatchFile(source, targets[source], given[source], wanted[source]) for source in places]


def convert_file(
    converter: VoiceConverter, file: BatchFile, options: dict[str, Any], trim: bool, plot: bool
) -> tuple[str, ...]:
    """One file read, converted and written, with its curve and picture where asked for; notes on it.

    options: of `VoiceConverter.edit`. Raises UserError for a recording or curve that cannot be used.
    """
    notes: list[str] = []
    wav = audio.load(file.source, lambda line: notes.append(line.removeprefix(f"{file.source}: ")))
    edited = converter.edit(converter.analyse(wav), prosody_in=file.curve_in, **options)
    if file.curve_out:
        prosody_csv.write(file.curve_out, edited.curve, edited.source.start)
    converted = converter.synthesise(edited, trim)
    audio.save(file.target, converted)
    if plot:
        from hubert_pitdyn import plots  # noqa: PLC0415  pictures are rare, and their library is slow to load

        figure = plots.spectrograms_with_f0({file.source.name: wav, file.target.name: converted})
        plots.save(figure, file.target.with_suffix(".png"))
    return (*notes, *edited.notes, *converter.shortfall(edited, converted))


def find_sources(given: Path) -> dict[Path, Path]:
    """{audio file: its place below the output folder}. Raises UserError when there is none."""
    if given.is_file():
        return {given: Path(given.name)}
    if not given.is_dir():
        raise UserError(f"{given}: no such file or folder")
    files = [p for p in sorted(given.rglob("*")) if p.suffix.lower() in audio.AUDIO_SUFFIXES and p.is_file()]
    files = [p for p in files if not p.name.startswith(".")]
    if not files:
        raise UserError(f"{given}: expected audio files, found none")
    return {p: p.relative_to(given) for p in files}


def target_paths(files: dict[Path, Path], vbank: str, out: Path) -> dict[Path, Path]:
    """{audio file: converted wav}. Raises UserError when `out` cannot be a folder."""
    if blocked := next((place for place in (out, *out.parents) if place.is_file()), None):
        raise UserError(f"{out}: expected a folder for the conversions, but {blocked} is a file")
    stems = unique_names(files)
    return {source: out / place.parent / f"{stems[source]}_{vbank}.wav" for source, place in files.items()}


def curve_paths(
    files: dict[Path, Path], given: Path | None, single: bool, option: str, read: bool
) -> dict[Path, Path | None]:
    """{audio file: its prosody file}: `given` itself for a single file, else <name>.csv below it.

    Raises UserError naming the option when `given` is a folder for a single file, or a file for a folder, or
    is to be read and not there.
    """
    if given is None:
        return dict.fromkeys(files)
    kind = "file" if single else "folder"
    if given.is_dir() if single else given.is_file():
        raise UserError(f"{given}: --input is a {kind}, so {option} must be one")
    if read and not given.exists():
        raise UserError(f"{given}: no such {kind}; make it with --prosody_out")
    if single:
        return dict.fromkeys(files, given)
    stems = unique_names(files)
    return {source: given / place.parent / f"{stems[source]}.csv" for source, place in files.items()}


def unique_names(files: dict[Path, Path]) -> dict[Path, str]:
    """{audio file: its name without suffix, or with it where another's differs by that alone}.

    Capitals make no difference: on Windows and macOS one conversion would overwrite the other.
    """
    stems = {source: place.with_suffix("").as_posix().casefold() for source, place in files.items()}
    counts = Counter(stems.values())
    return {
        source: place.name if counts[stems[source]] > 1 else place.stem for source, place in files.items()
    }
