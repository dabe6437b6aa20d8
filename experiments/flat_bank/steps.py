"""The steps of the flat-bank experiment: voices, lines, figures, and the facts that its document names."""

from __future__ import annotations

import argparse
from functools import partial
from math import log2
from pathlib import Path

import numpy as np

import audio
from common import progress
from common.workers import each_file
from conversion.files import find_sources
from evaluation import trackers
from evaluation.report import write_json
from experiments import runs
from experiments.flat_bank import measure, report
from experiments.flat_bank.measure import Line, median_hertz
from experiments.flat_bank.rows import (
    BANK,
    MODELS,
    PITCHES,
    RICH,
    ROWS,
    Materials,
    made_rows,
    prepared,
    trained,
)
from hubert_pitdyn import pitch
from preprocessing.data_folder import DataFolder

STEPS = {"rich": 1000, "bank": 1000}
REAL = 16  # of the held-out lines whose recordings on another note are converted
OWN = 8  # of the bank's own lines, held out and learnt: what a conversion loses without moving
QUICK_STEPS = {"rich": 30, "bank": 20}
MOVES = (-9, -4, 4, 9)  # semitones around the bank's note, for the lines that go over two octaves
MOVED = 16  # of the spoken lines
DOCUMENT = Path("docs/flat-bank.md")
OUT = Path("out")
SPEECH = "Speech"
ANOTHER_NOTE = "The singer's own lines on another note ({})"
SHOWN = 0  # which of the spoken lines the picture shows


def chosen(args: argparse.Namespace) -> tuple:
    """The rows of the tables."""
    if args.voice:
        return made_rows(args.voice)
    return (*ROWS, *MODELS) if args.models else ROWS


def own_lines(args: argparse.Namespace, part: str) -> list[Path]:
    """The bank's recordings in a part of the split that its voices were trained by."""
    bank = DataFolder(args.data or Path("data") / ROWS[0].data_name(args.name, BANK))
    return [bank.files[key] for key in bank.split(part, "mels") if key in bank.files]


def make_voices(args: argparse.Namespace) -> None:
    """Data and both trainings of every row."""
    folders = (args.rich, args.bank, args.real[0], args.prompts)
    materials = Materials(*folders, args.dataset, args.config, args.content, args.name, args.data)
    rows, steps = chosen(args), QUICK_STEPS if args.quick else STEPS
    for role in (RICH, BANK):
        for row in progress.each(prepared(rows, role), f"preprocess {role}"):
            if role == BANK:
                materials.share_split(row)
            for call in materials.preprocess(row, role):
                progress.write(" ".join(("preprocess.py", *call)))
                runs.call("preprocess.py", *call)
        runs.together([materials.train(row, role, steps[role]) for row in trained(rows, role)], args.jobs)


def choose_lines(args: argparse.Namespace) -> dict[str, list]:
    """{set: lines}: the held-out lines on both notes, speech as it is and over two octaves, songs."""
    own, learnt = own_lines(args, "test"), own_lines(args, "train")
    names = {path.stem for path in own}
    note = median_hertz(own)
    speech, songs = (list(find_sources(folder)) for folder in (args.lines, args.songs))
    places = {p: onto(p, note) for p in (*spread(speech, MOVED), *songs)}
    over = [Line(p, places[p] + move) for p in places if p not in songs for move in MOVES]
    return {
        **{
            ANOTHER_NOTE.format(folder.name): [
                Line(p, real=True)
                for p in spread([path for path in find_sources(folder) if path.stem in names], REAL)
            ]
            for folder in args.real
        },
        f"The singer's own lines on the bank's note ({args.bank.name})": [
            Line(p, real=True) for p in spread(own, OWN)
        ],
        "The same, of the lines it was trained on": [Line(p, real=True) for p in spread(learnt, OWN)],
        SPEECH: [Line(p) for p in speech],
        "Speech, transposed over two octaves": over,
        "Song": [Line(p) for p in songs],
        "Song, transposed onto the bank's note": [Line(p, places[p]) for p in songs],
    }


def spread(paths: list[Path], count: int) -> list[Path]:
    """At least so many of them, if there are, at even distances."""
    return paths[:: max(1, len(paths) // count)]


def onto(path: Path, note: float) -> float:
    """Whole semitones from a recording's median to a note in Hz."""
    return float(round(12 * log2(note / median_hertz([path]))))


def measure_all(args: argparse.Namespace, sets: dict[str, list]) -> tuple[dict, dict]:
    """({set: {row: figures of its lines}}, {row: conversion of the line that the picture shows})."""
    rows = chosen(args)
    given = (args.name, args.dataset, args.content, sets, args.bank, Path("gen") / args.name)
    job = measure.Job(*given, rows)
    titles = [*(row.title for row in rows), *measure.WITHOUT_VOICE]
    done, failures = each_file(partial(measure.row_figures, job), titles, args.jobs, "conversions")
    if failures:
        raise RuntimeError(f"{failures[0][0]}: {failures[0][1]}")
    figures = {
        of: {title: done[title][of] for title in titles if 0 < len(lines) == len(done[title][of])}
        for of, lines in sets.items()
    }
    write_json(OUT / args.name / "figures.json", figures)
    line = sets[SPEECH][SHOWN]
    pictured = [row for row in rows if not row.on_real]
    shown = {row.title: audio.load(measure.conversion_path(job, row, line)) for row in pictured}
    return figures, shown


def facts(args: argparse.Namespace, sets: dict[str, list]) -> dict[str, object]:
    """What the document says of the materials."""
    train = own_lines(args, "train")
    tracks = np.concatenate([pitch.track(audio.prepare(path).wav, trackers.tracker(print)) for path in train])
    steps = QUICK_STEPS if args.quick else STEPS
    real = {folder.name: sets[ANOTHER_NOTE.format(folder.name)] for folder in args.real}
    return {
        "tracker": trackers.tracker(print),
        "rich": args.rich.name,
        "bank": args.bank.name,
        "voice": args.voice or "",
        "rich_steps": steps["rich"],
        "bank_steps": steps["bank"],
        "rich_moves": PITCHES[RICH],
        "bank_moves": PITCHES[BANK],
        "bank_median": float(np.median(tracks[tracks > 0])),
        "bank_range": measure.semitone_range(tracks),
        "real": args.real[0].name,
        "notes": ", ".join(
            f"{name}: {measure.median_hertz([line.path for line in lines]):.0f} Hz, {len(lines)} lines"
            for name, lines in real.items()
        ),
    }


def draw(args: argparse.Namespace, sets: dict[str, list], converted: dict) -> Path:
    """The picture of one spoken line and its conversions, beside the document; returns where it is."""
    line = sets[SPEECH][SHOWN].path
    image = args.doc.parent / "images" / f"{args.doc.stem}.png"
    wavs = {"source": audio.load(line), **converted}
    report.picture(line.name, wavs, image, trackers.tracker(print))
    return image
