"""--pitdyn and --show_qt: pitch and loudness classes, their statistics, and pictures of them."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

import audio
from common import cli, progress
from common.files import atomic_path
from hubert_pitdyn import agreed, pitch, plots
from hubert_pitdyn.labels import DynLabels, PitLabels, track_options
from preprocessing import given_f0
from preprocessing.bookkeeping import commit, each_key, finish, invalidate, todo
from preprocessing.data_folder import DataFolder
from preprocessing.stats import Stats


def label_file(labels: dict, folder: DataFolder, key: str) -> None:
    """Raw F0 and loudness of one wav, and their classes."""
    pit, dyn = labels["pit"], labels["dyn"]
    wav = folder.prepared(key)
    given = given_f0.read(folder.files[key], len(wav), lambda: folder.in_recording(key)[1])
    f0, doubtful = given or tracked(wav, pit)
    db = audio.loudness(wav, centred=dyn["centred"])
    if dyn["scale"] == "linear_rms":  # absolute amplitudes, of a recording at its own level
        db = db + folder.own_level_db(key)
    folder.save("f0", key, f0)
    folder.save("doubtful", key, doubtful)
    folder.save("loudness", key, db)
    folder.save("pits", key, PitLabels.from_config(pit).encode(f0).astype(np.uint8))
    folder.save("dyns", key, DynLabels.from_config(dyn).encode(db, audio.active_level(db)).astype(np.uint8))


def tracked(wav: np.ndarray, pit: dict) -> tuple[np.ndarray, np.ndarray]:
    """F0 float32 [N] of a wav [320N] in Hz, 0 = unvoiced, and where that is doubtful, bool [N]."""
    f0 = pitch.track(wav, **track_options(pit))
    if not (pit["voicing"] and pit["centred"]):  # the labels of 2022, whose errors are part of them
        return f0, np.zeros(len(f0), dtype=bool)
    return agreed.corrected(wav, f0, pit["tracker"], pit["f_min"], pit["f_max"])


def make_labels(folder: DataFolder, args: argparse.Namespace, config: dict) -> int:
    """--pitdyn: labels, and statistics of all of them."""
    labels = config["labels"]
    labels["pit"]["tracker"] = pitch.resolve(labels["pit"]["tracker"], print)
    before = (folder.read_json("stats.json") or {}).get("labels")
    kinds = ["f0", "doubtful", "loudness", "pits", "dyns"]
    references = ["reference-*"] if args.force else []  # of evaluate.py heads: F0 too, by other trackers
    invalidate(folder, "stats.json", [*kinds, *references], before, labels, args.force)
    keys = todo(folder, folder.files, kinds)
    made, failures = each_key(partial(label_file, labels), folder, keys, args.n_workers, "labels")
    write_stats(folder, labels)
    return finish(folder, len(folder.files), "labels", len(made), failures)


def write_stats(folder: DataFolder, labels: dict) -> None:
    """stats.json, which the code reads, and stats.txt, for people."""
    stats = Stats(PitLabels.from_config(labels["pit"]), DynLabels.from_config(labels["dyn"]))
    for key in progress.each(folder.have("pits"), "statistics", unit="file"):
        db = folder.read("loudness", key)
        stats.add(folder.read("f0", key), db, audio.active_level(db))
    commit(folder, "stats.json", {"labels": labels, **stats.to_dict()})
    with atomic_path(folder.root / "stats.txt") as part:
        part.write_text(stats.to_text(), encoding="utf-8")
    print(stats.to_text(), end="")


def show_labels(folder: DataFolder, args: argparse.Namespace, config: dict) -> int:
    """--show_qt: quantised labels over the spectrogram of a few files, as pictures."""
    labels = folder.stats()["labels"]
    pit, dyn = PitLabels.from_config(labels["pit"]), DynLabels.from_config(labels["dyn"])
    keys = folder.have("pits")
    chosen = keys[:: max(1, len(keys) // args.count)][: args.count]
    for key in progress.each(chosen, "pictures", unit="file"):
        f0, level = pit.decode(folder.read("pits", key)), dyn.decode(folder.read("dyns", key))
        figure = plots.labels_over_spectrogram(key, folder.prepared(key), f0, level)
        path = folder.root / "show_qt" / f"{key}.png"
        plots.save(figure, path)
        progress.write(str(path))
        if args.window:
            plots.show(path)
    return cli.DONE
