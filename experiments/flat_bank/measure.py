"""Conversions of the flat-bank experiment, and their figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import audio
from bands import Band
from checkpoints import cards, file_format, pipeline, places, store
from common import audio_files
from conversion.converter import VoiceConverter
from conversion.files import find_sources
from evaluation import copies, metrics, pair, sound, trackers, wide
from evaluation.report import read_figures
from evaluation.scorers import Scorers, Target, scoring_packages
from experiments import runs
from experiments.flat_bank.rows import BANK, ROWS, Row
from hubert_pitdyn import pitch

WAY = 3  # raised when the same weights would sound or be measured differently
COPY = "vocoder copy"
ITSELF = "the recording itself"
TAKE = "the singer's own recording of the line in the bank"
MELODIES = {  # title -> what gives a voice this melody
    "F0 predicted by the trained models from the source": "hubert",
    "F0 found by the tracker in the source": "tracker",
}
WITHOUT_VOICE = (*MELODIES, ITSELF, COPY, TAKE)

FIGURES = {  # figure -> (column, factor, decimals)
    "f0_rmse_cents": ("F0 RMSE, cents", 1, 0),
    "f0_rmse_agreed": ("… both agree", 1, 0),
    "f0_corr": ("F0 corr", 1, 3),
    "f0_corr_agreed": ("… both agree", 1, 3),
    "gpe": ("GPE %", 100, 1),
    "vde": ("VDE %", 100, 1),
    "vde_agreed": ("… both agree", 100, 1),
    "range": ("range, st", 1, 1),
    "dyn_r": ("dynamics r", 1, 3),
    "mcd": ("MCD dB", 1, 2),
    "speaker_similarity": ("speaker", 1, 2),
    "note_similarity": ("… on that note", 1, 2),
    "dnsmos": ("DNSMOS", 1, 2),
}
SOUND = {  # the same, of lines that the singer really sang: dB above her recording
    "ap_2": ("aperiodicity .5-2 kHz", 1, 1),
    "ap_4": ("2-4", 1, 1),
    "ap_6": ("4-6", 1, 1),
    "ap_8": ("6-7.8", 1, 1),
    "db_8_10": ("level 8-10 kHz", 1, 1),
    "db_10_14": ("10-14", 1, 1),
    "db_14_20": ("14-20", 1, 1),
    "lsd_high": ("LSD 8-20 kHz", 1, 1),
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


@dataclass(frozen=True)
class LineScorers:
    """Scorers of wavs that are, or were made of, a line. targets: {folder: the singer's voice in it}, of the
    bank and of other notes."""

    scorers: Scorers
    bank: Path
    targets: dict[Path, Target | None]

    @classmethod
    def of(cls, job: Job) -> LineScorers:
        scorers = Scorers(print)
        targets = {place: scorers.target(paths, place.name) for place, paths in job.recordings().items()}
        return cls(scorers, job.target, targets)

    def scores(self, wav: np.ndarray, line: Line) -> dict[str, float]:
        """Whose voice a wav [S] has, and how it sounds."""
        there = self.targets[line.path.parent] if line.real else None
        return {
            "speaker_similarity": self.scorers.similarity(wav, self.targets[self.bank]),
            "note_similarity": self.scorers.similarity(wav, there),
            "dnsmos": self.scorers.dnsmos(wav),
        }


def figures(line: Line, converted: np.ndarray, scorers: LineScorers) -> dict[str, float]:
    """A conversion [S] of a line: F0 against the source's, transposed; MCD against what was really sung."""
    source, converted = pair.aligned(audio.load(line.path), converted, print)
    found = pitch.track(converted, trackers.tracker(print))
    return {
        **f0_figures(line, source, found),
        **metrics.dynamics_metrics(audio.loudness(source), audio.loudness(converted)),
        "range": semitone_range(found),
        "mcd": pair.parallel_mcd(source, converted, print) if line.real else float("nan"),
        **scorers.scores(converted, line),
        **(sound_figures(source, converted) if line.real else {}),
    }


def sound_figures(recording: np.ndarray, converted: np.ndarray) -> dict[str, float]:
    """dB by which the aperiodicity of a conversion is above that of a recording of its line, [320N] each."""
    own, made = (sound.periodic(wav, print) for wav in (recording, converted))
    return {key: made[key] - own[key] for key in own}


def high_figures(line: Line, place: Path, band: Band) -> dict[str, float]:
    """What a conversion has above 8 kHz against the recording of the line, where it has anything there."""
    if not (band.is_wide and line.real):
        return {}
    return wide.figures(*(audio.load(path, rate=band.rate) for path in (line.path, place)), band)


@dataclass(frozen=True)
class Job:
    """What all rows are measured on. lines: {set: its lines}; target: wavs of the bank; gen: for results;
    rows: those that have a voice."""

    root: str
    dataset: str
    content: Path | None
    lines: dict[str, list[Line]]
    target: Path
    gen: Path
    rows: tuple[Row, ...] = ROWS

    def recordings(self) -> dict[Path, list[Path]]:
        """Those of the singer, by folder: on the bank's note, and on others."""
        real = {line.path.parent for lines in self.lines.values() for line in lines if line.real}
        return {folder: list(find_sources(folder)) for folder in sorted({self.target, *real})}


def row_figures(job: Job, name: str) -> dict[str, list[dict[str, float]]]:
    """{set: figures of each line} of the row of this title or of WITHOUT_VOICE; kept for an equal job."""
    row = row_of(job, name)
    folder = f"melody-{row.pitdyn}" if name in MELODIES else row.key if row else name.split()[-1]
    path = job.gen / folder / "figures.json"
    kept = runs.kept(path, _identity(job, row), partial(measure_row, job, name))
    return {of: [read_figures(one) for one in several] for of, several in kept.items()}


def row_of(job: Job, name: str) -> Row | None:
    """The row whose voice a title is about; None for what is measured without a voice."""
    if name in (ITSELF, COPY, TAKE):
        return None
    of_melody = MELODIES.get(name)
    return next(row for row in job.rows if (row.pitdyn == of_melody if of_melody else row.title == name))


def measure_row(job: Job, name: str) -> dict[str, list[dict[str, float]]]:
    """{set: figures of each line that a row has}.

    A voice that cannot be transposed has only the lines that are not, and so have copies and recordings; a
    voice of the other note has only what the singer really sang, and the bank's own recordings only what was
    sung there, too.
    """
    of_line = way_of(job, name)
    found = {of: [(line, of_line(line)) for line in lines] for of, lines in job.lines.items()}
    return {
        of: [{"recording": line.path.name, **one} for line, one in several if one is not None]
        for of, several in found.items()
    }


def way_of(job: Job, name: str) -> Callable[[Line], dict[str, float] | None]:
    """What gives the figures of a line in the row of this title, None where the row does not have it."""
    row = row_of(job, name)
    if name in MELODIES:
        return partial(melody_figures, converter=_converter(job, row))
    scorers = LineScorers.of(job)
    if name == ITSELF:
        return partial(itself_figures, scorers=scorers)
    if name == TAKE:
        return partial(take_figures, job=job, scorers=scorers)
    if name == COPY:
        return partial(copy_figures, copier=_copier(job), scorers=scorers)
    return partial(conversion_figures, job=job, row=row, converter=_converter(job, row), scorers=scorers)


def melody_figures(line: Line, converter: VoiceConverter) -> dict[str, float]:
    """The melody that a voice is given, before there is any sound: following it to the cent gives these."""
    source = converter.analyse(audio.load(line.path))
    curve = converter.edit(source, transpose=line.semitones).curve
    found = f0_figures(line, source.prepared.wav, curve.melody)
    return {**dict.fromkeys(FIGURES, float("nan")), **found}


def itself_figures(line: Line, scorers: LineScorers) -> dict[str, float] | None:
    """What is said of the recording of a line, untouched: voices sound otherwise on other notes."""
    return None if line.semitones else of_recording(audio.load(line.path), line, scorers)


def take_figures(line: Line, job: Job, scorers: LineScorers) -> dict[str, float] | None:
    """How far the singer's take of a line on the bank's note is from the one on the other."""
    recordings = audio_files.find(job.target, audio.AUDIO_SUFFIXES).paths
    takes = (path for path in recordings if path.stem == line.path.stem)
    take = next(takes, None)
    if not line.real or take is None or take.samefile(line.path):
        return None
    wav = audio.load(take)
    mcd = pair.parallel_mcd(audio.load(line.path), wav, print, dtw=True)
    return {**of_recording(wav, line, scorers), "mcd": mcd}


def of_recording(wav: np.ndarray, line: Line, scorers: LineScorers) -> dict[str, float]:
    """Figures of a recording [S] alone."""
    found = semitone_range(pitch.track(audio.on_grid(wav), trackers.tracker(print)))
    return {**dict.fromkeys(FIGURES, float("nan")), "range": found, **scorers.scores(wav, line)}


def copy_figures(line: Line, copier: Callable, scorers: LineScorers) -> dict[str, float] | None:
    """Of the recording through mel and vocoder, given its F0 as in a conversion: what none can beat."""
    return None if line.semitones else figures(line, copier(audio.load(line.path)), scorers)


def conversion_figures(
    line: Line, job: Job, row: Row, converter: VoiceConverter, scorers: LineScorers
) -> dict[str, float] | None:
    """Of the conversion of a line as it was written."""
    if (line.semitones and converter.labels is None) or (row.on_real and not line.real):
        return None
    place = conversion_path(job, row, line)
    moves = {"transpose": line.semitones} if line.semitones else {}
    audio.save(place, converter.convert(audio.load(line.path), **moves), rate=converter.rate)
    return figures(line, audio.load(place), scorers) | high_figures(line, place, converter.vocoder.band)


def conversion_path(job: Job, row: Row, line: Line) -> Path:
    """Where the conversion of a line is written."""
    return job.gen / row.key / f"{line.path.parent.name}_{line.path.stem}{line.semitones:+.0f}.wav"


def _identity(job: Job, row: Row | None) -> dict:
    """What figures depend on: the lines, the vocoder, when the voice was trained, and the scorers."""
    vocoder = pipeline.vocoder_path(_config(job), job.dataset)
    about = {
        "lines": {
            of: [[line.path.name, line.semitones] for line in lines] for of, lines in job.lines.items()
        },
        "vocoder": file_format.weights_hash(vocoder) if vocoder else "",
        "scorers": scoring_packages(),
        "recordings": {
            place.as_posix(): sorted(path.name for path in paths) for place, paths in job.recordings().items()
        },
        "way": WAY,
    }
    if row is not None:
        voice = store.load(places.acoustic_path(row.voice(job.root, BANK)))["card"]
        about["voice"] = voice["created"]
        if cards.BREATH in voice:
            about[cards.BREATH] = voice[cards.BREATH]
    return about


def _converter(job: Job, row: Row) -> VoiceConverter:
    voice = row.voice(job.root, BANK)
    return VoiceConverter.load(voice, job.dataset, content=job.content, pitdyn=row.pitdyn)


def _copier(job: Job) -> Callable[[np.ndarray], np.ndarray]:
    config = _config(job)
    vocoder = pipeline.load_vocoder(config, job.dataset).at_16_khz()
    render = partial(copies.by_mel_and_f0, vocoder, config["labels"]["pit"]["tracker"])
    return partial(copies.copy_of, render, level_db=copies.level_of(vocoder, config))


def _config(job: Job) -> dict:
    return store.load(places.acoustic_path(ROWS[0].voice(job.root, BANK)))["config"]["toml"]
