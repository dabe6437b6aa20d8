"""What each recipe makes of a conversion: the same small acoustic model trained on its units of one voice."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

import audio
from checkpoints import models, pipeline, places, store
from conversion.converter import VoiceConverter
from conversion.files import target_paths
from evaluation import pair
from evaluation.report import read_figures
from evaluation.scorers import Scorers, scoring_packages
from experiments import runs
from experiments.ablation import scores
from experiments.ablation.labels import require_choice, share
from experiments.ablation.recipes import Recipe
from hubert_pitdyn.tracker_models import TrackedLoudness, TrackedPitch
from hubert_pitdyn.units import ContentEncoder, PitDynEncoder, encode_all
from preprocessing.data_folder import DataFolder
from vocoder.griffin_lim import GriffinLim

BATCH_SECONDS = 60


def recipe_of(row: str) -> Recipe:
    """The recipe whose models a row of the conversion table uses."""
    return Recipe("content-only" if row == "content only" else row)


def label_models(row: str, out: Path) -> dict[str, Path]:
    """{kind: file} of the models that predict pitch and loudness for a row."""
    if row == "content only":
        return {}
    return scores.model_files(out, recipe_of(row), seed=0)


def encoder(row: str, out: Path, content_file: Path, converting: bool):
    """Units as the row makes them; 2022 kept training mode at conversion time, not while preprocessing."""
    content, recipe = pipeline.load_content(content_file), recipe_of(row)
    content.model.positional_embedding.gelus = recipe.config["hubert"].get("pos_gelus", 1)
    if row == "content only":
        return ContentEncoder(content.model)
    (pit, pit_table), (dyn, dyn_table) = (
        scores.load(path, kind, content, recipe, converting) for kind, path in label_models(row, out).items()
    )
    if row == "tracker":
        pit = TrackedPitch(pit.label_embedding, pit_table)
        dyn = TrackedLoudness(dyn.label_embedding, dyn_table)
    return PitDynEncoder(content.model, pit, dyn)


def encode_voice(row: str, voice: DataFolder, root: Path, split: dict, out: Path, content: Path) -> None:
    """Units of a voice's recordings into the data folder `root`, with its mels linked."""
    folder = DataFolder(root)
    models = runs.identities({"content": content, **label_models(row, out)})
    if (known := folder.read_json("encoder.json")) is not None:
        require_choice(folder, split)
        return runs.require_same(root, known.get("models", {}), models)
    share(voice, folder, "prepared", "mels")
    keys = split["train"] + split["val"]
    sizes = {key: len(voice.prepared(key)) for key in keys}
    reader = encoder(row, out, content, converting=False)
    units = encode_all(
        reader,
        voice.prepared,
        sizes,
        BATCH_SECONDS * audio.SAMPLE_RATE,
    )
    for key, frames, _ in units:
        folder.save("units-pitdyn", key, frames.astype(np.float16))
    folder.write_json("split.json", split)
    folder.write_json(
        "encoder.json",
        {"dataset": row, "unit_dim": reader.unit_dim, "encoders": {}, "labels": {}, "models": models},
    )


def convert(row: str, voice_run: Path, out: Path, content: Path) -> VoiceConverter:
    """The converter of a row, with Griffin-Lim: a vocoder of no training treats all rows alike."""
    checkpoint = store.load(voice_run / places.BEST)
    acoustic = models.load_acoustic(voice_run / places.BEST, checkpoint)
    return VoiceConverter(
        encoder(row, out, content, converting=True), acoustic, GriffinLim(), checkpoint["card"]
    )


def measure(
    out: Path, content: Path, voice_root: Path, sources: dict[Path, str | None], row: str
) -> dict[str, dict[str, float]]:
    """{file: figures} of converting every source (with its text) as the row does; kept for equal models.

    The similarity is to the voice's validation recordings.
    """
    run = out / f"voice {row}"
    models = {"content": content, "voice": run / places.BEST, **label_models(row, out)}
    about = {
        "lines": {path.name: text for path, text in sources.items()},
        "models": runs.identities(models),
        "scorers": scoring_packages(),
    }
    make = partial(_measured, run, out, content, voice_root, sources, row)
    figures = runs.kept(run / "figures.json", about, make)
    return {name: read_figures(of_file) for name, of_file in figures.items()}


def _measured(
    run: Path, out: Path, content: Path, voice_root: Path, sources: dict[Path, str | None], row: str
) -> dict[str, dict[str, float]]:
    voice = DataFolder(voice_root)
    scorers = Scorers(print)
    target = scorers.target([voice.files[key] for key in voice.split("val", "f0")], voice.name)
    known, figures = pair.Known(scorers, print, target=target), {}
    converter = convert(row, run, out, content)
    for path, place in target_paths({path: Path(path.name) for path in sources}, row, run / "gen").items():
        wav = audio.load(path)
        audio.save(place, converter.convert(wav))
        figures[path.name], _ = pair.measure(wav, audio.load(place), replace(known, text=sources[path]))
    return figures


def mel_l1(voice_run: Path) -> float:
    """Validation loss of the acoustic model: mean absolute error of the log-mel, teacher-forced."""
    return store.load(voice_run / places.BEST)["card"]["metrics"]["loss"]
