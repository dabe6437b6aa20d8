"""--mel with a preset of more than 16 kHz: waves at its rate, their bandwidth, and the mel above 8 kHz.

Beside what a 16 kHz preset makes, which stays as it is; and such a preset leaves what is here alone.
"""

from __future__ import annotations

from functools import partial

import numpy as np

import audio
from bands import Band, bandwidth, high_mel, same_span
from common import decoding
from common.cluster import Cluster
from common.workers import Pool
from preprocessing.bookkeeping import commit, each_key, invalidate, todo
from preprocessing.data_folder import DataFolder
from preprocessing.wide_folder import WideFolder, level_gain


def invalidate_waves(folder: DataFolder, band: Band, force: bool = False) -> None:
    """What was made at another rate goes (all with force)."""
    before, kinds = folder.read_json("wide.json"), ["wide", "bandwidth", "highs"]
    invalidate(folder, "wide.json", kinds, before, {"rate": band.rate}, force)


def make_highs(
    folder: DataFolder, band: Band, level_db: float, workers: int | Pool | Cluster, force: bool = False
) -> tuple[list[str], list[tuple[str, str]]]:
    """wide/, bandwidth/ and highs/ of all recordings and of the copies that are there; what is there stays.

    Returns the keys whose mel above 8 kHz was made, and (key, reason) of those that failed.
    """
    about = {"level_db": level_db, **band.sizes}
    invalidate(folder, "highs.json", ["highs"], folder.read_json("highs.json"), about, force)
    waves = todo(folder, folder.files, ["wide", "bandwidth"])
    _, failures = each_key(partial(wave_file, band), folder, waves, workers, "waves")
    failed = {key for key, _ in failures}
    left = [key for key in todo(folder, folder.with_copies, ["highs"]) if key not in failed]
    made, more = each_key(partial(high_file, band, level_db), folder, left, workers, "high mels")
    commit(folder, "wide.json", {"rate": band.rate})
    commit(folder, "highs.json", about)
    return list(made), failures + more


def wave_file(band: Band, folder: DataFolder, key: str) -> None:
    """A recording at the band's rate, of the same span and as loud as its prepared wav, and its bandwidth."""
    path = folder.files[key]
    samples, rate = decoding.read(path)
    low = audio.prepare(audio.to_mono(samples, rate, audio.SAMPLE_RATE, path))
    if not folder.has("prepared", key):
        folder.save_prepared(key, low.wav)
    whole = audio.to_mono(samples, rate, band.rate, path, lambda _: None)  # what it has to say was said above
    wav = same_span(low, whole, band.rate)
    peak = float(np.abs(low.wav).max(initial=0.0)) or 1.0
    WideFolder(folder, band).save(key, wav * (audio.PEAK_LIMIT / peak), bandwidth(wav, band.rate))


def high_file(band: Band, level_db: float, folder: DataFolder, key: str) -> None:
    """Log-mel above 8 kHz [high_bands, T] of one wav, by the gain that the mel below has."""
    gain = level_gain(folder.prepared(key), level_db)
    wav = WideFolder(folder, band).crop(key) * np.float32(gain)
    folder.save("highs", key, high_mel(wav, band).numpy())
