"""What a folder of recordings is good for, seen before anything is made of it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np

import audio
from common import audio_files, cli, decoding
from common.cli import UserError
from common.names import readable
from hubert_pitdyn import pitch
from listening.voices import note
from preprocessing import bank_texts
from preprocessing.bank_zip import BankZip
from preprocessing.data_folder import DataFolder
from preprocessing.stats import Stats
from workshop.jobs import Job

DATA = Path("data")
DROPPED = "bank"  # in data/<name>: what was dropped on the page
FEW_MINUTES = 3.0  # with less a voice is hardly one; both banks of the project have 12 to 15
SHORT_SECONDS = 0.3  # of sound: hardly a syllable
FULL_SCALE, CLIPPED_RUN = 0.999, 3  # as many samples in a row at full scale are cut off
MOST_TRACKED = 150  # recordings whose F0 is tracked, evenly taken; it takes a second for every minute
SHOWN = 5  # names in a line
MONOTONE = 1.0  # semitones of standard deviation within a recording: a bank on one note


@dataclass
class Report:
    """Of a folder. failed: (name, reason); clipped, short, quiet: names; terms: lines of the bank's texts."""

    folder: Path
    files: int = 0
    seconds: float = 0.0
    rates: Counter = field(default_factory=Counter)
    channels: Counter = field(default_factory=Counter)
    clipped: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    left_out: str = ""
    tracked: int = 0
    stats: Stats = field(default_factory=Stats)
    terms: list[str] = field(default_factory=list)


def recordings(name: str, path: str, dropped: Sequence[str] | None) -> Path:
    """The folder of wavs, or the bank's zip, that a form names; dropped files are copied to data/<name>.

    Raises UserError where there is neither.
    """
    if path and path.strip():
        found = cli.path(path.strip().strip('"'))
        if not found.exists():
            raise UserError(f"{found}: no such file or folder")
        return found
    files = [Path(file) for file in dropped or ()]
    if not files:
        raise UserError("no recordings: give a folder or a bank's zip, or drop them")
    folder = DATA / name / DROPPED
    archive = next((file for file in files if file.suffix.lower() == ".zip"), None)
    if archive:
        folder = folder.parent
    folder.mkdir(parents=True, exist_ok=True)
    for file in [archive] if archive else files:
        shutil.copyfile(file, folder / file.name)
    return folder / archive.name if archive else folder


def unpacked(name: str, path: Path) -> Path:
    """The folder itself, or that of a zip, which goes to data/<name>."""
    if path.is_dir():
        return path
    return BankZip(DataFolder(DATA / name), path).unpack()


def check(folder: Path, job: Job) -> Report:
    """Read every recording of a folder. Raises UserError for one without any."""
    found = audio_files.find(folder, audio.AUDIO_SUFFIXES)
    if not found.paths:
        raise UserError(f"{folder}: expected audio files, found {found.left_out or 'none'}")
    report = Report(folder, len(found.paths), left_out=found.left_out, terms=terms_of(folder))
    every = -(-len(found.paths) // MOST_TRACKED)
    for at, path in enumerate(found.paths):
        name = readable(path.relative_to(folder).as_posix())
        job.say(f"{name}, {at + 1} of {len(found.paths)}", at / len(found.paths))
        try:
            _add(report, path, name, tracked=at % every == 0)
        except (UserError, OSError, MemoryError) as error:
            reason = cli.printable(cli.reason_of(error)).removeprefix(f"{path}: ")
            report.failed.append((name, reason))
    return report


def _add(report: Report, path: Path, name: str, tracked: bool) -> None:
    samples, rate = decoding.read(path)
    prepared = audio.prepare(audio.to_mono_16k(samples, rate, path, lambda _: None))
    seconds = prepared.kept / audio.SAMPLE_RATE
    report.seconds += seconds
    report.rates[rate] += 1
    report.channels[samples.shape[1]] += 1
    if is_clipped(samples):
        report.clipped.append(name)
    if seconds < SHORT_SECONDS:
        report.short.append(name)
    if tracked:
        report.tracked += 1
        loudness = audio.loudness(prepared.wav)
        report.stats.add(pitch.track(prepared.wav), loudness, audio.level(prepared.wav))


def is_clipped(samples: np.ndarray) -> bool:
    """Whether [S, channels] holds CLIPPED_RUN samples in a row at full scale, of one sign."""
    for sign in (1, -1):
        full = (sign * samples >= FULL_SCALE).astype(np.int8)
        if len(full) >= CLIPPED_RUN and (sum(full[k : len(full) - 2 + k] for k in range(3)) == 3).any():
            return True
    return False


def terms_of(folder: Path) -> list[str]:
    """Lines on a bank's name, its author and its terms, from the texts in it; empty where nothing says."""
    texts = bank_texts.read(folder)
    about = [f"{key}: {texts.about[key]}" for key in ("name", "author", "voice") if texts.about.get(key)]
    return about + [line for line in (texts.terms or "").splitlines() if line.strip()]


def lines(report: Report) -> list[tuple[str, str, str]]:
    """(what, its figure, "good", "doubtful" or "bad") of each row of the report."""
    minutes, figures = report.seconds / 60, report.stats.to_dict()
    rows = [("Recordings", f"{report.files}", "good")]
    few = minutes < FEW_MINUTES
    rows.append(("Length, trimmed", f"{minutes:.1f} min", "doubtful" if few else "good"))
    rows.append(("F0", *_pitch(figures, report)))
    rates = ", ".join(f"{count} at {rate / 1000:g} kHz" for rate, count in report.rates.most_common())
    low = any(rate < audio.SAMPLE_RATE for rate in report.rates)
    rows.append(("Sample rates", rates or "none", "doubtful" if low else "good"))
    rows.append(("Clipping", *_named(report.clipped, "none of them clips")))
    rows.append((f"Shorter than {SHORT_SECONDS} s", *_named(report.short, "none")))
    if report.failed:
        named = "; ".join(f"{name}: {reason}" for name, reason in report.failed[:SHOWN])
        rows.append(("Cannot be read", f"{len(report.failed)}: {named}", "bad"))
    if report.left_out:
        rows.append(("Left out", report.left_out, "good"))
    return rows


def _pitch(figures: dict, report: Report) -> tuple[str, str]:
    f0 = figures["f0_hz"]
    if not f0["p50"]:
        return "nothing is voiced", "bad"
    within = figures["f0_std_in_file_semitones"]
    way = "" if within is None else f"; within a recording ±{within:.1f} semitones"
    flat = ", on one note" if within is not None and within < MONOTONE else ""
    of = (
        ""
        if report.tracked == report.files - len(report.failed)
        else f" ({report.tracked} recordings looked at)"
    )
    return (
        f"median {f0['p50']:.0f} Hz ({note(f0['p50'])}), {f0['p5']:.0f} to {f0['p95']:.0f} Hz "
        f"({note(f0['p5'])} to {note(f0['p95'])}){way}{flat}{of}",
        "good",
    )


def _named(names: list[str], none: str) -> tuple[str, str]:
    if not names:
        return none, "good"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)}: {', '.join(names[:SHOWN])}{more}", "doubtful"


def table(report: Report) -> str:
    """HTML of a report, with the bank's own terms in full."""
    marks = {"good": "✓", "doubtful": "!", "bad": "✗"}
    rows = "".join(
        f'<tr class="{state}"><td class="mark" aria-label="{state}">{marks[state]}</td>'
        f'<th scope="row">{escape(what)}</th><td>{escape(figure)}</td></tr>'
        for what, figure, state in lines(report)
    )
    terms = "\n".join(report.terms) or "The folder has no text that names them; ask whoever recorded it."
    return (
        f'<div class="sheet"><table class="rows check"><tbody>{rows}</tbody></table>'
        f"<details {'open' if report.terms else ''}><summary>Terms of the bank</summary>"
        f"<pre>{escape(terms)}</pre></details></div>"
    )
