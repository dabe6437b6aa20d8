"""A small bank of 44.1 kHz recordings for tests, and a data folder made of it with no encoder."""

from argparse import Namespace

import numpy as np
import soundfile
import soxr
from conftest import micro_config
from small_acoustic import random

from bands import Band
from common.presets import load_config
from preprocessing import acoustic
from preprocessing.data_folder import DataFolder
from preprocessing.split import write_split

OPTIONS = {
    "force": False,
    "n_workers": 1,
    **dict.fromkeys(("augment_pitch", "augment_gain", "augment_copies")),
}
BAND = Band(44100, 8)
HIGHS = {"rate": 44100, "high_bands": 8, "high_hz": [8000.0, 20000.0], "high_n_fft": 2048}


def sound(number: int, rate: int = 44100, seconds: float = 0.5) -> np.ndarray:
    """Pulses of a voice, then a hiss, up to half the rate; float [S]."""
    rng, count = np.random.default_rng(number), round(seconds * rate)
    times = np.arange(count) / rate
    pulses = sum(np.cos(2 * np.pi * h * 180 * times) for h in range(1, rate // 2 // 180)) / 40
    wav = np.concatenate([0.1 * rng.normal(size=count), 0.3 * pulses * np.sin(np.pi * times / seconds)])
    return wav.astype(np.float32)


def bank(place, narrow: tuple[int, ...] = (), count: int = 4) -> DataFolder:
    """`count` recordings of 44.1 kHz; those of numbers `narrow` are of 16 kHz, written at 48 kHz."""
    (place / "wavs").mkdir(parents=True)
    for number in range(count):
        wav, rate = sound(number), 44100
        if number in narrow:
            wav, rate = soxr.resample(sound(number, 16000), 16000, 48000), 48000
        soundfile.write(place / "wavs" / f"歌{number}.wav", wav, rate)
    folder = DataFolder(place / "data" / "x")
    folder.connect(place / "wavs")
    write_split(folder)
    return folder


def preset(place, wide: bool = True) -> dict:
    """The small preset of all tests, at 44.1 kHz or at 16."""
    config = load_config(micro_config(place))
    config["audio"] |= HIGHS if wide else {}
    return config


def make_mels(folder: DataFolder, config: dict, **given) -> int:
    """--mel as a new process runs it."""
    return acoustic.make_mels(DataFolder(folder.root), Namespace(**{**OPTIONS, **given}), config)


def with_units(folder: DataFolder, dim: int = 24) -> DataFolder:
    """Units of an encoder that nobody has."""
    for key in folder.files:
        count = len(folder.prepared(key)) // 320
        folder.save("units-pitdyn", key, random(count, dim, seed=len(key)).numpy().astype(np.float16))
    encoders = {"content": {"name": "c", "hash": "1"}}
    about = {"encoders": encoders, "unit_dim": dim, "dataset": "songs", "labels": None}
    folder.write_json("encoder.json", about)
    return folder
