"""What data/<name>/ holds for a voice of more than 16 kHz: wide/, bandwidth/ and highs/.

Apart from data_folder.py, which a voice of 16 kHz is made of alone.
"""

from __future__ import annotations

import numpy as np

import audio
from bands import Band
from common.cli import UserError
from preprocessing.data_folder import DataFolder, as_16_bit


def level_gain(wav: np.ndarray, level_db: float) -> float:
    """What brings a prepared wav [S] to an active level, or less where it would clip there."""
    loudest = int(np.abs(wav).argmax())
    levelled = audio.limit_peak(audio.set_level(wav, level_db))
    return float(levelled[loudest]) / float(wav[loudest]) if wav[loudest] else 1.0


class WideFolder:
    """The arrays above 8 kHz of one data folder, for one Band.

    wide/: int16 [U], U = band.unit·N, the span of the prepared wav at band.rate. bandwidth/: float64 [2], up
    to which Hz the recording goes, and the value of which 32767 stands for in wide/. highs/: float32
    [high_bands, T].
    """

    def __init__(self, folder: DataFolder, band: Band) -> None:
        self.folder, self.band = folder, band

    def has(self, key: str) -> bool:
        """Whether a recording's wave and bandwidth are there, and whole."""
        return self.folder.has("wide", key) and self.folder.has("bandwidth", key)

    def save(self, key: str, wav: np.ndarray, bandwidth: float) -> None:
        """Keep a wave [U] that is as loud as the prepared wav; it may be above full scale."""
        full = float(np.abs(wav).max(initial=0.0)) / audio.PEAK_LIMIT or 1.0
        self.folder.save("wide", key, as_16_bit(wav))
        self.folder.save("bandwidth", key, np.array([bandwidth, full]))

    def crop(self, key: str, start: int = 0, units: int | None = None) -> np.ndarray:
        """float32 [band.unit·units] from unit `start` on (all with None), as loud as `DataFolder.crop`.

        May be above 1. Raises UserError where it is missing, damaged or made at another rate.
        """
        kept, unit = self.folder.read("wide", key, mapped=True), self.band.unit
        wanted = len(self.folder.read("prepared", key, mapped=True)) // audio.UNIT_HOP * unit
        self._require("wide", key, kept.shape, (wanted,))
        stop = None if units is None else (start + units) * unit
        full = self._about(key)[1]
        return kept[start * unit : stop].astype(np.float32) * np.float32(full / 32767)

    def bandwidth(self, key: str) -> float:
        """Up to which Hz a recording goes, as measured."""
        return float(self._about(key)[0])

    def rows(self, key: str) -> int:
        """How many of the rows above 8 kHz a recording's bandwidth holds whole."""
        return self.band.rows(self.bandwidth(key))

    def highs(self, key: str, mapped: bool = False) -> np.ndarray:
        """Log-mel above 8 kHz, float32 [high_bands, T]; rows beyond `rows` say nothing of the voice.

        Raises UserError where it is missing, damaged or made with other bands.
        """
        found = self.folder.read("highs", key, mapped)
        self._require("highs", key, found.shape[:1], (self.band.high_bands,))
        return found

    def _about(self, key: str) -> np.ndarray:
        found = self.folder.read("bandwidth", key)
        self._require("bandwidth", key, found.shape, (2,))
        return found

    def _require(self, kind: str, key: str, found: tuple, wanted: tuple) -> None:
        if found != wanted:
            raise UserError(
                f"{self.folder.path(kind, key)}: expected an array of {wanted} at {self.band.rate} "
                f"Hz, found {found}; make it again: python preprocess.py {self.folder.name} --mel --force, "
                "with the preset of that rate"
            )
