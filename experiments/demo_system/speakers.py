"""Which recordings train what, and which of them become voices."""

from __future__ import annotations

from dataclasses import dataclass

# Data folders: of the content encoder, of pitch and loudness, of the vocoder.
CORPUS, PITCH, SOUND = "corpus", "pitch", "sound"
SEED = "1234"
SPLIT = ("--seed", SEED, "--val_share", "0.04", "--test_share", "0.04")  # a prompt is on one side everywhere
MORE_HELD_OUT = (*SPLIT[:-1], "0.15")  # of banks whose other pitches measure a voice: docs/flat-bank.md


@dataclass(frozen=True)
class Voice:
    """A voice that ships. folder: its recordings below WAVS; copies: of each recording, within ± semitones;
    begins: the voice that it is refined from; split: its own options in the place of SPLIT."""

    folder: str
    semitones: str
    copies: str
    hours: float
    begins: str = ""
    split: tuple[str, ...] = SPLIT


@dataclass(frozen=True)
class Speaker:
    """Recordings of one row. folders: below WAVS; trains: data folders that they are in."""

    folders: tuple[str, ...]
    trains: tuple[str, ...]
    voice: Voice | None = None


FIRST = "kathleen"  # the voice that others begin from, and on whose mels the vocoder is finetuned
EVERYTHING = (CORPUS, PITCH, SOUND)
SPEAKERS = {
    FIRST: Speaker((FIRST,), EVERYTHING, Voice(FIRST, "15", "2", 2.5)),
    "nathalie": Speaker(("nathalie",), EVERYTHING),
    "flemishguy": Speaker(("flemishguy",), EVERYTHING),
    "kerstin": Speaker(("kerstin",), EVERYTHING),
    "dorodoro": Speaker(("dorodoro",), EVERYTHING, Voice("dorodoro", "20", "6", 0.6, FIRST)),
    "scottpoid": Speaker(
        ("scottpoid/G3",), EVERYTHING, Voice("scottpoid/G3", "20", "6", 0.6, FIRST, MORE_HELD_OUT)
    ),
    "kumi": Speaker(("kumi/A3",), EVERYTHING, Voice("kumi/A3", "20", "6", 0.6, FIRST, MORE_HELD_OUT)),
    "kumi-higher": Speaker(
        tuple(f"kumi/{part}" for part in ("D4", "A4", "D5", "strong_low", "whisper_low")), (PITCH,)
    ),
    "yuki": Speaker(("yuki",), EVERYTHING),
    "martin": Speaker(("martin",), EVERYTHING),
}
