"""Labels of each recipe for one and the same choice of recordings, in data folders of their own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

import audio
from common.workers import each_file
from evaluation.heads import speaker
from experiments import runs
from hubert_pitdyn import pitch
from hubert_pitdyn.labels import DynLabels, PitLabels
from preprocessing import discrete
from preprocessing.data_folder import DataFolder
from preprocessing.wavs_link import make_link

EARLY = "f0-early"  # F0 of our labels' tracker, 10 ms early as those of 2022


def choose(base: DataFolder, minutes: float, validation: int) -> dict[str, list[str]]:
    """Training keys up to so many minutes, speaker by speaker in turn, and `validation` validation keys."""
    chosen = {"train": [], "val": _in_turn(base.split("val", "f0"))[:validation], "test": []}
    seconds = 0.0
    for key in _in_turn(base.split("train", "f0")):
        if seconds >= 60 * minutes:
            break
        chosen["train"].append(key)
        seconds += len(base.read("f0", key)) / audio.UNIT_RATE
    chosen["train"].sort()  # in the order of a folder, which 2022 did not shuffle
    return chosen


def _in_turn(keys: list[str]) -> list[str]:
    """One key of each speaker after another, each speaker's in an arbitrary but fixed order."""
    rng = np.random.default_rng(0)
    places: dict[str, int] = {}
    ranked = []
    for key in (keys[i] for i in rng.permutation(len(keys))):
        name = speaker(key)
        places[name] = places.get(name, 0) + 1
        ranked.append((places[name], name, key))
    return [key for *_, key in sorted(ranked)]


def share(base: DataFolder, folder: DataFolder, *kinds: str) -> None:
    """Let `folder` use the recordings of `base`, and what was made of them."""
    folder.connect(base.wavs)
    for kind in kinds:
        if not (folder.root / kind).exists():
            make_link(folder.root / kind, (base.root / kind).resolve())


def require_choice(folder: DataFolder, split: dict[str, list[str]]) -> None:
    """Raises UserError where a data folder was made of other recordings than are chosen now."""
    runs.require_same(folder.root, folder.read_json("split.json") or {}, split)


def make(base: DataFolder, root: Path, kind: str, table: dict, split: dict, workers: int) -> None:
    """Labels of one kind with the settings `table`, for the keys of `split`, into the data folder `root`."""
    folder = DataFolder(root)
    if folder.read_json("stats.json") is not None:
        return require_choice(folder, split)
    share(base, folder, "prepared")
    keys = split["train"] + split["val"]
    table = dict(table)
    if table.pop("range_from_data", False):
        table["low_db"], table["high_db"] = rms_range(base, keys)
    work = partial(label_file, base.root, root, kind, table)
    _, failures = each_file(work, keys, workers, root.name)
    if failures:
        raise RuntimeError(f"{failures[0][0]}: {failures[0][1]}")
    folder.write_json("split.json", split)
    folder.write_json("stats.json", {"labels": {"pit" if kind == "pits" else "dyn": table}})


def make_content(base: DataFolder, root: Path, split: dict, workers: int, clusters: int = 100) -> None:
    """k-means classes of MFCC for the content encoder that all recipes share, into the data folder `root`."""
    folder = DataFolder(root)
    if folder.read_json("units-discrete.json") is not None:
        return require_choice(folder, split)
    share(base, folder, "prepared")
    keys = split["train"] + split["val"]
    features, _ = each_file(partial(mfcc_file, base.root), keys, workers, root.name)
    pool = np.concatenate([features[key] for key in split["train"]])
    centres = discrete.fit(pool, clusters, seed=0)
    for key in keys:
        folder.save("units-discrete", key, discrete.assign(features[key], centres).astype(np.int16))
    folder.write_json("split.json", split)
    folder.write_json("units-discrete.json", {"features": "mfcc", "clusters": clusters, "seed": 0})


def mfcc_file(base_root: Path, key: str) -> np.ndarray:
    """MFCC [N,39] of one recording."""
    return discrete.mfcc(DataFolder(base_root).prepared(key)).astype(np.float32)


def rms_range(base: DataFolder, keys: list[str]) -> tuple[float, float]:
    """Lowest and highest RMS amplitude of the recordings, at their own levels."""
    loudest = max(base.read("loudness", key).max() + base.own_level_db(key) for key in keys)
    return 0.0, float(10 ** (loudest / 20))


def label_file(base_root: Path, root: Path, kind: str, table: dict, key: str) -> None:
    """Classes, and raw F0 or loudness, of one recording."""
    base, folder = DataFolder(base_root), DataFolder(root)
    wav = base.prepared(key)
    if kind == "pits":
        f0 = label_f0(base, key, wav, table)
        folder.save("f0", key, f0)
        folder.save("pits", key, PitLabels.from_config(table).encode(f0).astype(np.uint8))
    else:
        db = audio.loudness(wav, centred=table["centred"])
        labels = DynLabels.from_config(table)
        if labels.scale == "linear_rms":
            db = db + base.own_level_db(key)
        folder.save("dyns", key, labels.encode(db, audio.active_level(db)).astype(np.uint8))


def label_f0(base: DataFolder, key: str, wav: np.ndarray, table: dict) -> np.ndarray:
    """F0 [N] as `table` wants it; a voicing decision is always that of our own labels.

    The faults of YIN's pitch and of its missing voicing can so be repaired one without the other.
    """
    options = {name: table[name] for name in ("tracker", "f_min", "f_max", "centred", "assumed_rate")}
    if table["tracker"] != "yin" and table["voicing"]:
        return own_f0(base, key, wav, table["centred"])
    f0 = pitch.track(wav, **options, voicing=False)
    return np.where(own_f0(base, key, wav, table["centred"]) > 0, f0, 0) if table["voicing"] else f0


def own_f0(base: DataFolder, key: str, wav: np.ndarray, centred: bool) -> np.ndarray:
    """F0 [N] of the repaired labels, on HuBERT's centres or 10 ms early."""
    if centred:
        return base.read("f0", key)
    if not base.has(EARLY, key):
        base.save(EARLY, key, pitch.track(wav, base.stats()["labels"]["pit"]["tracker"], centred=False))
    return base.read(EARLY, key)
