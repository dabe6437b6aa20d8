"""Conversions of the flat-bank experiment, and their figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import audio
from checkpoints import file_format, pipeline, store
from conversion.converter import VoiceConverter
from conversion.files import find_sources
from evaluation import copies, metrics, pair, trackers
from evaluation.judges import Judges, Target, judging_packages
from evaluation.report import read_figures
from experiments import runs
from experiments.flat_bank.rows import BANK, MODELS, ROWS, Row
from hubert_pitdyn import pitch

WAY = 1  # of making and measuring conversions: another number when the same weights sound or count otherwise
COPY = "copy"
HEARD = {  # title -> the row that is told this pitch
    f"what {who} hears in the source": next(row for row in ROWS if row.pitdyn == pitdyn)
    for who, pitdyn in (("the pair of trained models", "hubert"), ("the tracker", "tracker"))
}
TAKE = "the singer's own recording of the line in the bank"
WITHOUT_VOICE = (*HEARD, COPY, TAKE)

FIGURES = {  # figure -> (column, factor, decimals)
    "f0_rmse_cents": ("F0 RMSE, cents", 1, 0),
    "f0_rmse_sure": ("… where sure", 1, 0),
    "f0_corr": ("F0 corr", 1, 3),
    "f0_corr_sure": ("… where sure", 1, 3),
    "gpe": ("GPE %", 100, 1),
    "vde": ("VDE %", 100, 1),
    "vde_sure": ("… where sure", 100, 1),
    "range": ("range, st", 1, 1),
    "dyn_r": ("dynamics r", 1, 3),
    "mcd": ("MCD dB", 1, 2),
    "speaker_similarity": ("speaker", 1, 2),
    "dnsmos": ("DNSMOS", 1, 2),
}


@dataclass(frozen=True)
class Line:
    """A recording to convert; semitones: transposed by so much; real: the target really sang it."""

    path: Path
    semitones: float = 0.0
    real: bool = False


def semitone_range(f0: np.ndarray) -> float:
    """5th to 95th percentile of F0 [N] in Hz (0 = unvoiced); NaN when nothing is voiced."""
    low, high = np.percentile(f0[f0 > 0], (5, 95)) if (f0 > 0).any() else (np.nan, np.nan)
    return float(12 * np.log2(high / low))


def median_hertz(wavs: list[Path]) -> float:
    """Of all voiced frames of some recordings."""
    tracks = [pitch.track(audio.prepare(path).wav, trackers.tracker(print)) for path in wavs]
    return float(np.median(np.concatenate([f0[f0 > 0] for f0 in tracks])))


def f0_figures(line: Line, source: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """F0 found [N] in Hz against that of the source [320N], transposed."""
    moved = pitch.track(source, trackers.tracker(print)) * 2 ** (line.semitones / 12)
    return trackers.f0_figures(source, moved, found)


def figures(line: Line, made: np.ndarray, judges: Judges, target: Target | None) -> dict[str, float]:
    """What was made of a line: F0 against the source's, transposed; MCD against what was really sung."""
    source, made = pair.aligned(audio.load(line.path), made, print)
    found = pitch.track(made, trackers.tracker(print))
    return {
        **f0_figures(line, source, found),
        **metrics.dynamics_metrics(audio.loudness(source), audio.loudness(made)),
        "range": semitone_range(found),
        "mcd": pair.parallel_mcd(source, made, print) if line.real else float("nan"),
        "speaker_similarity": judges.similarity(made, target),
        "dnsmos": judges.dnsmos(made),
    }


Judge = Callable[[Line], dict[str, float] | None]  # figures of a line; None where a row has nothing of it


@dataclass(frozen=True)
class Job:
    """What all rows are measured on. lines: {set: its lines}; target: wavs of the bank; gen: for results."""

    root: str
    dataset: str
    content: Path | None
    lines: dict[str, list[Line]]
    target: Path
    gen: Path


def row_figures(job: Job, name: str) -> dict[str, list[dict[str, float]]]:
    """{set: figures of each line} of the row of this title, or one of WITHOUT_VOICE; kept for an equal job.

    A voice that cannot be transposed gets only the lines that are not, and a copy is of these; a voice of the
    other note only what the singer really sang, and the bank's own recordings only what was sung there, too.
    """
    key, row, judging = _named(name)

    def measured() -> dict[str, list[dict[str, float]]]:
        judge = judging(job)
        found = {of: [(line, judge(line)) for line in lines] for of, lines in job.lines.items()}
        return {
            of: [{"recording": line.path.name, **one} for line, one in several if one is not None]
            for of, several in found.items()
        }

    kept = runs.kept(job.gen / key / "figures.json", _identity(job, row), measured)
    return {of: [read_figures(one) for one in several] for of, several in kept.items()}


def _named(name: str) -> tuple[str, Row | None, Callable[[Job], Judge]]:
    """Of a row's title or one of WITHOUT_VOICE: its folder, whose voice it has, and what measures it."""
    if name in HEARD:
        return f"heard-{HEARD[name].pitdyn}", HEARD[name], partial(_hearer, row=HEARD[name])
    if name == COPY:
        return "copy", None, lambda job: _judge(job, _copier(job))
    if name == TAKE:
        return "take", None, _taker
    row = next(row for row in (*ROWS, *MODELS) if row.title == name)
    return row.key, row, lambda job: _judge(job, _performer(job, row))


def _target(job: Job) -> tuple[Judges, Target | None]:
    judges = Judges(print)
    return judges, judges.target(list(find_sources(job.target)), job.target.name)


def _judge(job: Job, make: Callable[[Line], np.ndarray | None]) -> Judge:
    judges, target = _target(job)

    def judge(line: Line) -> dict[str, float] | None:
        made = make(line)
        return None if made is None else figures(line, made, judges, target)

    return judge


def _taker(job: Job) -> Judge:
    """How far the singer's take of a line on the bank's note is from the one on the other."""
    judges, target = _target(job)
    bank = {path.stem: path for path in find_sources(job.target)}

    def judge(line: Line) -> dict[str, float] | None:
        take = bank.get(line.path.stem)
        if not line.real or take is None or take.samefile(line.path):
            return None
        wav = audio.load(take)
        return {
            **dict.fromkeys(FIGURES, float("nan")),
            "range": semitone_range(pitch.track(audio.on_grid(wav), trackers.tracker(print))),
            "mcd": pair.parallel_mcd(audio.load(line.path), wav, print, dtw=True),
            "speaker_similarity": judges.similarity(wav, target),
            "dnsmos": judges.dnsmos(wav),
        }

    return judge


def _identity(job: Job, row: Row | None) -> dict:
    """What figures depend on: the lines, the vocoder, when the voice was trained, and who judges."""
    vocoder = pipeline.vocoder_path(_config(job), job.dataset)
    about = {
        "lines": {
            of: [[line.path.name, line.semitones] for line in lines] for of, lines in job.lines.items()
        },
        "vocoder": file_format.weights_hash(vocoder) if vocoder else "",
        "judges": judging_packages(),
        "bank": sorted(path.name for path in find_sources(job.target)),
        "way": WAY,
    }
    if row is not None:
        voice = store.load(pipeline.acoustic_path(row.voice(job.root, BANK)))["card"]
        about["voice"] = voice["created"]
    return about


def conversion_path(job: Job, row: Row, line: Line) -> Path:
    """Where the conversion of a line is written."""
    return job.gen / row.key / f"{line.path.parent.name}_{line.path.stem}{line.semitones:+.0f}.wav"


def _hearer(job: Job, row: Row) -> Judge:
    """The pitch that a voice is told, before there is any sound: what following it to the cent would give."""
    converter = _converter(job, row)

    def heard(line: Line) -> dict[str, float]:
        source = converter.analyse(audio.load(line.path))
        curve = converter.edit(source, transpose=line.semitones).curve
        found = f0_figures(line, source.prepared.wav, curve.melody)
        return {**dict.fromkeys(FIGURES, float("nan")), **found}

    return heard


def _converter(job: Job, row: Row) -> VoiceConverter:
    voice = row.voice(job.root, BANK)
    return VoiceConverter.load(voice, job.dataset, content=job.content, pitdyn=row.pitdyn)


def _performer(job: Job, row: Row) -> Callable[[Line], np.ndarray | None]:
    converter = _converter(job, row)

    def convert(line: Line) -> np.ndarray | None:
        if (line.semitones and converter.labels is None) or (row.on_real and not line.real):
            return None
        place = conversion_path(job, row, line)
        moves = {"transpose": line.semitones} if line.semitones else {}
        audio.save(place, converter.convert(audio.load(line.path), **moves))
        return audio.load(place)

    return convert


def _copier(job: Job) -> Callable[[Line], np.ndarray | None]:
    """The recordings themselves through mel and vocoder: what no conversion can beat."""
    config = _config(job)
    level = config["audio"]["level_db"]
    render = copies.by_mel(pipeline.load_vocoder(config, job.dataset))
    return lambda line: None if line.semitones else copies.copy_of(render, audio.load(line.path), level)


def _config(job: Job) -> dict:
    return store.load(pipeline.acoustic_path(ROWS[0].voice(job.root, BANK)))["config"]["toml"]
