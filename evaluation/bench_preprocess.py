"""How fast recordings become labels, mels, copies and units: seconds of audio for a CPU second, by stage."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import audio
from bands import LOW
from checkpoints import pipeline, places, store
from hubert_pitdyn import pitch
from hubert_pitdyn.units import length_buckets
from preprocessing import acoustic, labels, moved_copies, presets
from preprocessing.data_folder import DataFolder
from preprocessing.split import write_split

MATERIAL = Path(__file__).resolve().parent.parent / "test"
FILE_SECONDS = 6.0  # of each recording that is made of the material
WARM_UP = 12.0  # seconds of audio before the first round: libraries load, functions are compiled
COPIES = {"pitch": 12.0, "gain": 6.0, "copies": 1}  # one of each training recording


def recordings(folder: Path, seconds: float) -> None:
    """So many seconds of the demo's recordings, one after the other, as files of FILE_SECONDS."""
    folder.mkdir(parents=True)
    whole = np.concatenate([audio.load(path) for path in sorted(MATERIAL.glob("*.wav"))])
    size = int(FILE_SECONDS * audio.SAMPLE_RATE)
    whole = np.resize(whole, max(2 * size, int(seconds * audio.SAMPLE_RATE)))
    for number, start in enumerate(range(0, len(whole), size)):
        audio.save(folder / f"recording {number}.wav", whole[start : start + size])


class Encoder:
    """The preset of a voice and the encoder that it was made with."""

    def __init__(self, vbank: str) -> None:
        path = places.acoustic_path(vbank)
        self.config, _ = presets.of_file(path, presets.ENCODER_TABLES)
        self.parts = pipeline.load_encoder(self.config, store.about(path)["card"]["dataset"])


def stages(folder: DataFolder, encoder: Encoder) -> Iterator[tuple[str, Callable[[], Any], list[str]]]:
    """(name, what does it, keys of what it reads or makes) of each stage of preprocess.py."""
    keys, config = list(folder.files), encoder.config
    table = {**config["labels"], "pit": {**config["labels"]["pit"]}}
    table["pit"]["tracker"] = tracker = pitch.resolve(table["pit"]["tracker"])
    wanted = moved_copies.Settings(**COPIES, voicing=tracker)
    moved_copies.plan(folder, wanted)
    make = partial(moved_copies.make, wanted, partial(pitch.track, tracker=tracker), True, LOW)
    sizes: dict[str, int] = {}

    def each(work: Callable[[DataFolder, str], Any], some: list[str]) -> None:
        for key in some:
            work(folder.only(key), key)

    def encode() -> None:
        sizes.update({key: len(folder.prepared(key)) for key in keys})
        budget = acoustic.ENCODE_SECONDS["cpu"] * audio.SAMPLE_RATE
        for batch in length_buckets(sizes, budget):
            failed = acoustic.encode_batch(encoder.parts, folder, tuple((key, sizes[key]) for key in batch))
            assert not failed, failed

    yield "decode", partial(each, lambda own, key: own.prepared(key), keys), keys
    yield "pitdyn", partial(each, partial(labels.label_file, table), keys), keys
    yield "mel", partial(each, partial(acoustic.mel_file, config["audio"]["level_db"]), keys), keys
    yield "encode", encode, keys
    yield "copies", partial(each, make, list(folder.copies_of)), list(folder.copies)


def once(encoder: Encoder, seconds: float) -> dict[str, tuple[float, float]]:
    """{stage: (seconds of audio, CPU seconds)} of one run over new recordings."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        recordings(Path(place, "wavs"), seconds)
        folder = DataFolder(Path(place, "data"))
        folder.connect(Path(place, "wavs"))
        write_split(folder)
        for name, work, keys in stages(folder, encoder):
            began = time.process_time()
            work()
            found[name] = 3600 * folder.hours(keys), time.process_time() - began
    return found


def measure(vbank: str, lengths: list[float], rounds: int) -> dict[str, list[dict[str, float]]]:
    """{stage: for each length of the material the seconds of audio made, CPU seconds, and their ratio, rate}.

    Medians of the rounds, of which longer material than the shortest has one; slowest and fastest are the
    spread of the rate.
    """
    encoder = Encoder(vbank)
    once(encoder, WARM_UP)
    rows: dict[str, list[dict[str, float]]] = {}
    for seconds in lengths:
        found = [once(encoder, seconds) for _ in range(rounds if seconds == min(lengths) else 1)]
        for stage in found[0]:
            length = found[0][stage][0]
            spent = np.array([one[stage][1] for one in found])
            rates = length / spent
            row = {"seconds": length, "cpu": float(np.median(spent)), "rate": float(np.median(rates))}
            row |= {"slowest": float(rates.min()), "fastest": float(rates.max()), "material": seconds}
            rows.setdefault(stage, []).append(row)
    return rows


def lines(rows: dict[str, list[dict[str, float]]]) -> list[str]:
    """The figures as a table in Markdown."""
    out = ["", "| stage | seconds of audio | of these in a CPU second, median | slowest | fastest |"]
    out += ["| --- | ---: | ---: | ---: | ---: |"]
    for stage, some in rows.items():
        for row in some:
            rates = " | ".join(f"{row[name]:.1f}" for name in ("rate", "slowest", "fastest"))
            out.append(f"| {stage} | {row['seconds']:.0f} | {rates} |")
    return out
