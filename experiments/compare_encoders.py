"""Compare pitch encoders where pitch is hard: high, low and pressed notes, breath, whispers, acted speech.

    python -m experiments.compare_encoders data/corpus --pit out/demo/hubert-pit/model-best.pt --pit NEW

Sounds with exactly known F0 are made here by other seeds than those of tools/pitch_material.py, of a formant
singer and of the test recordings of the data folder, which no model was trained on. For the recordings
themselves the truth is what two trackers agree on. Errors are corrected as in conversion.

voicing: frames whose voicing is right; VDE is the rest. GPE: gross pitch errors of the frames voiced in both;
"worst semitone" is that of the worst one. RPA50: voiced frames predicted within 50 cents. With --pictures,
each model's F0 of high, belted and pressed notes and of a breath is drawn over the true one.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import audio
from common import cli, progress
from conversion import pitch_errors
from evaluation import metrics, trackers
from experiments import acted
from experiments.tables import markdown
from hubert_pitdyn import pitch, plots
from hubert_pitdyn.labels import PitLabels
from preprocessing import formant_singer as singer
from preprocessing import known_f0
from preprocessing.data_folder import DataFolder

SEED = 4321
VOWELS = ("a", "e", "i", "o", "u")
NOTE_SECONDS = 0.8
LOW, HIGH = 60.0, 1050.0  # Hz
EDGE = 2  # units at the borders of a voice that are nobody's fault
QUIET_DB = -55.0
ROUGH = 0.15  # depth by which every second period of the rough singer is weaker
OTHER_PITCHES = {
    "recordings on other pitches": known_f0.shifted,
    "… gliding over two octaves": acted.glided,
    "… shouted": acted.shouted,
    "… falling into creak": acted.creaked,
}
Sound = tuple[np.ndarray, np.ndarray]  # wav [320N] and its F0 [N] in Hz, 0 = unvoiced, NaN = not counted


class Row(NamedTuple):
    """One kind of sound. unvoiced: there is no voice in it, so false voicing is counted."""

    name: str
    sounds: Callable[[], Iterator[Sound]]
    unvoiced: bool = False


def notes(pressed: bool, rough: float = 0.0) -> Iterator[Sound]:
    """Held notes of a relaxed, a pressed or a rough singer: five vowels on each semitone."""
    for number in range(1 + int(12 * np.log2(HIGH / LOW))):
        hertz = LOW * 2 ** (number / 12)
        for vowel in VOWELS:
            rng = np.random.default_rng([SEED, number, *vowel.encode()])
            f0 = singer.tune([(0.0, 0.1), (hertz, NOTE_SECONDS), (0.0, 0.1)])
            f0 = singer.vibrato(f0, rng.uniform(5, 6.5), rng.uniform(5, 40))
            formants = singer.tract(vowel, float(np.clip(1.0 + 0.15 * np.log2(hertz / 130), 0.9, 1.5)), rng)
            if pressed:
                formants[0][0] = 2 * hertz
            wav = singer.voiced(f0, formants, rng, 0.6 if pressed else 1.0, rough=rough)
            yield on_units(wav, f0[:: int(known_f0.STEP * audio.SAMPLE_RATE)])


def examples() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, wav [320N], F0 [N] in Hz) of what is drawn: above all speech, the first formant on the second
    harmonic, the same with a narrower one, and noise alone."""
    for name, first, width, tilt, notes_hz in (
        ("high notes", 660.0, 80.0, 1.0, (784.0, 880.0, 988.0)),
        ("belted notes", 560.0, 80.0, 0.6, (270.0, 285.0, 262.0)),
        ("pressed notes", 560.0, 50.0, 0.6, (270.0, 285.0, 262.0)),
    ):
        rng = np.random.default_rng([SEED, *name.encode()])
        f0 = singer.tune([(0.0, 0.2), *((hertz, NOTE_SECONDS) for hertz in notes_hz), (0.0, 0.2)])
        formants = singer.tract("a", 1.2, rng)
        formants[0][0], formants[1][0] = first, width
        wav = singer.voiced(f0, formants, rng, tilt)
        yield name, *on_units(wav, f0[:: int(known_f0.STEP * audio.SAMPLE_RATE)])
    yield "breaths", *on_units(*known_f0.breathed(np.random.default_rng([SEED, 1])))


def draw(folder: Path, predictors: dict[Path, Callable]) -> None:
    """A picture of each of the examples, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, wav, f0 in examples():
        curves = {"true": f0} if np.nan_to_num(f0).any() else {}
        curves |= {path.as_posix(): predict(wav) for path, predict in predictors.items()}
        plots.save(plots.melodies(name, curves), folder / f"{name.replace(' ', '-')}.png")


def breaths() -> Iterator[Sound]:
    """Breaths and hisses."""
    return (on_units(*known_f0.breathed(np.random.default_rng([SEED, number]))) for number in range(60))


def of_recordings(folder: DataFolder, keys: list[str], make: Callable) -> Iterator[Sound]:
    """Sounds made of recordings, by the same functions as training known_f0."""
    for number, key in enumerate(keys):
        rng = np.random.default_rng([SEED, number])
        if (sound := make(known_f0.read(folder, key, rng), rng)) is not None:
            yield on_units(*sound)


def recorded(
    folder: DataFolder, keys: list[str], change: Callable[[np.ndarray, int], np.ndarray] | None = None
) -> Iterator[Sound]:
    """Recordings themselves, changed or not, where two trackers agree."""
    for number, key in enumerate(keys):
        wav = folder.prepared(key)
        found = trackers.agreement(wav)
        f0 = np.where(found.agreed, found.f0, np.nan)
        f0[trackers.differing(wav, found.f0, pitch.DEFAULT)] = np.nan
        yield (wav if change is None else change(wav, number)), f0


def quiet(wav: np.ndarray, _number: int) -> np.ndarray:
    """As a 16-bit file far below full scale holds it."""
    return np.round(audio.set_level(wav, QUIET_DB) * 32767).astype(np.float32) / 32767


def clicked(wav: np.ndarray, number: int) -> np.ndarray:
    """With three clicks 30 dB over the speech."""
    rng = np.random.default_rng([SEED, number])
    made = wav.copy()
    for at in rng.integers(0, len(wav), 3):
        made[at : at + 8] += 10 ** ((audio.level(wav) + 30) / 20)
    return made


def on_units(wav: np.ndarray, f0: np.ndarray) -> Sound:
    """A wav [S] and its F0 every known_f0.STEP seconds -> both by units, borders of the voice not counted."""
    wav = audio.on_grid(np.asarray(wav, dtype=np.float32))
    centres = (np.arange(len(wav) // audio.UNIT_HOP) + 0.5) / audio.UNIT_RATE
    track = f0[np.minimum((centres / known_f0.STEP + 0.5).astype(int), len(f0) - 1)].astype(float)
    border = np.flatnonzero(np.diff((track > 0).astype(int)))
    for at in border:
        track[max(0, at + 1 - EDGE) : at + 1 + EDGE] = np.nan
    return wav, track


def predictor(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """wav [320N] -> F0 [N] in Hz, 0 = unvoiced, by a pitch model."""
    import torch

    from checkpoints import models, store

    checkpoint = store.load(path, state=False)
    model, labels = models.load_hubert(path, checkpoint), PitLabels.from_config(checkpoint["labels"]["pit"])

    @torch.inference_mode()
    def predict(wav: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(audio.encoder_input(wav))[None, None]
        distribution = model.distribution(batch)[0].numpy()
        return labels.decode_soft(pitch_errors.correct(distribution, labels, wav))[0]

    return predict


def figures(sounds: list[Sound], predict: Callable, unvoiced: bool) -> dict[str, float]:
    """Figures of a row, in per cent."""
    pairs, by_note = [], defaultdict(list)
    for wav, f0 in sounds:
        counted = ~np.isnan(f0)
        pairs.append((f0[counted], predict(wav)[counted]))
        if (pairs[-1][0] > 0).any():
            by_note[round(12 * np.log2(np.median(pairs[-1][0][pairs[-1][0] > 0])))].append(pairs[-1])
    together = tuple(np.concatenate(part) for part in zip(*pairs, strict=True))
    if unvoiced:
        return {"falsely voiced": 100 * float((together[1] > 0).mean())}
    worst = [metrics.gpe(*(np.concatenate(p) for p in zip(*note, strict=True))) for note in by_note.values()]
    return {
        "voicing": 100 * (1 - metrics.vde(*together)),
        "RPA50": 100 * metrics.rpa(*together),
        "GPE": 100 * metrics.gpe(*together),
        "worst semitone": 100 * float(np.nanmax(worst)),
        "RMSE, cents": metrics.f0_rmse_cents(*together),
    }


def rows_of(folder: DataFolder, most: int) -> list[Row]:
    """All rows: of formulas, of the test recordings, and of what is made of these."""
    keys = (folder.read_json("split.json") or {}).get("test", [])
    keys = [key for key in keys if known_f0.is_tracked(folder, key)]
    groups: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        groups[key.rpartition("/")[0] or "all"].append(key)
    few = {name: group[:: max(1, len(group) // most)][:most] for name, group in groups.items()}
    some = [key for group in few.values() for key in group][:: max(1, sum(map(len, few.values())) // 60)]
    spoken = [Row(name, lambda k=group: recorded(folder, k)) for name, group in sorted(few.items())]
    return [
        Row("singer, five vowels", lambda: notes(False)),
        Row("singer, pressed", lambda: notes(True)),
        Row("singer, rough", lambda: notes(False, ROUGH)),
        Row("breaths", breaths, True),
        Row("whispered recordings", lambda: of_recordings(folder, some, known_f0.whispered), True),
        *(Row(name, lambda m=make: of_recordings(folder, some, m)) for name, make in OTHER_PITCHES.items()),
        *spoken,
        Row(f"at {QUIET_DB:.0f} dB", lambda: recorded(folder, some, quiet)),
        Row("with clicks", lambda: recorded(folder, some, clicked)),
    ]


def main() -> int:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("data", type=cli.path, help="data folder with labels, whose test recordings are used")
    parser.add_argument("--pit", type=cli.path, action="append", required=True, help="may be repeated")
    parser.add_argument("--most", type=int, default=20, help="recordings of a folder (default: %(default)s)")
    parser.add_argument("--pictures", type=cli.path, help="folder for pictures of some sounds")
    args = parser.parse_args()
    predictors = {path: predictor(path) for path in args.pit}
    if args.pictures:
        draw(args.pictures, predictors)
    lines: dict[Path, list[list[str]]] = {path: [] for path in predictors}
    for row in progress.each(rows_of(DataFolder(args.data), args.most), "kinds of sound"):
        sounds = list(row.sounds())
        frames = sum(int((~np.isnan(f0)).sum()) for _, f0 in sounds)
        for path, predict in predictors.items():
            found = figures(sounds, predict, row.unvoiced)
            shown = [f"{found[name]:.1f}" if name in found else "" for name in COLUMNS]
            lines[path].append([row.name, str(frames), *shown])
            progress.write(" | ".join(map(str, (path, *lines[path][-1]))))
    for path, table in lines.items():
        print(f"\n{path}\n")
        print(markdown(["", "frames", *COLUMNS], table))
    return cli.DONE


COLUMNS = ("voicing", "RPA50", "GPE", "worst semitone", "RMSE, cents", "falsely voiced")

if __name__ == "__main__":
    sys.exit(cli.run(main))
