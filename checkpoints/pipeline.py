"""Which file plays which stage: content encoder, heads, acoustic model and vocoder of a dataset and a voice.

Every part is looked for as a path given, then under out/, and official ones further in the cache and by
download (see official.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from checkpoints import cards, file_format, models, official, store
from common.cli import UserError
from hubert_pitdyn.heads import TrunkHead
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.tracker_models import TrackedLoudness, TrackedPitch
from hubert_pitdyn.units import ContentEncoder, PitDynEncoder
from vocoder.griffin_lim import GriffinLim

SHIPPED = "demo"  # out/demo holds the weights that come with the project
BEST = "model-best.pt"
PITDYN = {  # source of pitch and loudness
    "hubert": "the trained models",
    "tracker": "an F0 tracker and measured loudness, through the models' label embeddings",
    "none": "content units only, as in Soft-VC",
}


@dataclass(frozen=True)
class Part:
    """A loaded model, the file it came from, and what a voice card says of it."""

    model: Any
    path: Path
    checkpoint: dict | None  # of our label models

    @cached_property
    def card(self) -> dict:
        return {"name": self.path.as_posix(), "hash": file_format.state_hash(self.model.state_dict())}


def content_path(config: dict, dataset: str, given: Path | None = None, out: Path = Path("out")) -> Path:
    """The content encoder's file: given, out/<dataset>/hubert-soft, else what the preset's source says.

    That is the official one, or of a preset whose encoders are trained here the one that is shipped.
    """
    if given:
        return _existing(given, "content encoder")
    own = [out / name / "hubert-soft" / BEST for name in (dataset, SHIPPED)]
    if own[0].is_file():
        return own[0]
    if config["content"]["source"] == "official":
        return official.find("hubert-soft", out=out)
    if own[1].is_file():
        return own[1]
    raise UserError(
        f"{own[0]}: no content encoder; train one: python preprocess.py {dataset} --discrete, then "
        f"python train_hubert.py --embds_dn units data/{dataset} {own[0].parent} --config <the same preset>"
    )


def load_content(path: Path, device: Any = "cpu") -> Part:
    """A content encoder (official hubert-soft or ours)."""
    model = models.load_hubert(path)
    cards.require_match(
        f"{path}: units of the content encoder", "content", model.unit_kind, "give a hubert-soft as --content"
    )
    return Part(model.to(device), path, None)


def label_path(dataset: str, kind: str, out: Path = Path("out")) -> Path:
    """out/<dataset>/hubert-pit|dyn/model-best.pt; kind: pits or dyns."""
    path = out / dataset / f"hubert-{kind[:-1]}" / BEST
    if not path.is_file():
        raise UserError(
            f"{path}: no {kind[:-1]} model of dataset {dataset}; train it: "
            f"python train_hubert.py --embds_dn {kind} data/{dataset} {path.parent}"
        )
    return path


def load_label_model(path: Path, kind: str, content: Part) -> Part:
    """A whole label HuBERT, or a light head set on the content encoder it was trained with.

    Raises UserError when the file is of another kind, or the head was trained on another trunk.
    """
    checkpoint = store.load(path, state=False)
    if checkpoint["kind"] == f"head-{kind}":
        models.require_trunk(path, checkpoint, content.card["hash"], content.path)
        return Part(TrunkHead.from_checkpoint(checkpoint, content.model), path, checkpoint)
    cards.require_match(
        f"{path}: kind",
        f"hubert-{kind}",
        checkpoint["kind"],
        f"train it: python train_hubert.py --embds_dn {kind}",
    )
    model = models.load_hubert(path, checkpoint).to(content.model.proj.weight.device)
    return Part(model, path, checkpoint)


@dataclass(frozen=True)
class EncoderParts:
    """What turns a wav into [N, 768] for one dataset, with the label settings that read its classes."""

    encoder: Any  # hubert_pitdyn.units.PitDynEncoder, or ContentEncoder, which has no labels
    cards: dict[str, dict]  # content, pit, dyn: name and hash
    tables: dict[str, dict]  # pit and dyn label settings as the checkpoints hold them
    labels: Any = None  # (PitLabels, DynLabels)

    def prosody(self, analysis: Any) -> np.ndarray:
        """float32 [N, 2]: F0 in Hz (0 = unvoiced) and dB of arrays [N, K]; zeros without labels."""
        if self.labels is None:
            return np.zeros((len(analysis.content), 2), np.float32)
        pit, dyn = self.labels
        return np.stack([pit.decode_soft(analysis.pit)[0], dyn.decode_soft(analysis.dyn)], axis=1)


def load_encoder(
    config: dict,
    dataset: str,
    content: Path | None = None,
    out: Path = Path("out"),
    device: Any = "cpu",
    pitdyn: str = "hubert",
) -> EncoderParts:
    """Content encoder, pit and dyn models of `dataset`, ready on `device`.

    pitdyn: source of pitch and loudness; one of PITDYN.
    """
    if pitdyn == "none":
        base = load_content(content_path(config, dataset, content, out), device)
        return EncoderParts(ContentEncoder(base.model), {"content": base.card}, {})
    paths = {kind: label_path(dataset, kind, out) for kind in ("pits", "dyns")}
    base = load_content(content_path(config, dataset, content, out), device)
    pit, dyn = (load_label_model(paths[kind], kind, base) for kind in ("pits", "dyns"))
    tables = {"pit": pit.checkpoint["labels"]["pit"], "dyn": dyn.checkpoint["labels"]["dyn"]}
    models = (pit.model, dyn.model)
    if pitdyn == "tracker":
        models = (
            TrackedPitch(pit.model.label_embedding, tables["pit"]),
            TrackedLoudness(dyn.model.label_embedding, tables["dyn"]),
        )
    return EncoderParts(
        PitDynEncoder(base.model, *models),
        {"content": base.card, "pit": _head_card(pit), "dyn": _head_card(dyn)},
        tables,
        (PitLabels.from_config(tables["pit"]), DynLabels.from_config(tables["dyn"])),
    )


def _head_card(part: Part) -> dict:
    """Card of a label model; of a light head the head's own weights, the trunk has a card of its own."""
    model = getattr(part.model, "head", part.model)
    return {"name": part.path.as_posix(), "hash": file_format.state_hash(model.state_dict())}


def require_label_models(dataset: str, out: Path, advice: str) -> None:
    """UserError with the advice unless out/<dataset> has a pitch and a loudness model."""
    try:
        for kind in ("pits", "dyns"):
            label_path(dataset, kind, out)
    except UserError as error:  # it says how to train them, but the voice has a dataset already
        raise UserError(f"{out / dataset}: no pitch and loudness models; {advice}") from error


def require_encoders(path: Path, card: dict[str, Any], found: dict[str, dict]) -> None:
    """UserError unless the encoders found are those that the voice of a card was trained with."""
    for role, trained in card["encoders"].items():
        own = found[role]
        cards.require_match(
            f"the {role} encoder of {path}",
            f"{trained['hash']} ({trained['name']})",
            f"{own['hash']} ({trained['name'] if own['hash'] == trained['hash'] else own['name']})",
            f"give the dataset the voice was encoded with (--dataset {card['dataset']}), or encode and "
            f"train the voice again",
        )


def acoustic_path(vbank: str, out: Path = Path("out")) -> Path:
    """out/<vbank>/acoustic/model-best.pt."""
    path = out / vbank / "acoustic" / BEST
    if path.is_file():
        return path
    if not out.is_dir():
        raise UserError(f"{out}: no such folder in {Path.cwd()}; run it in the project's folder")
    known = sorted(p.parent.parent.name for p in out.glob(f"*/acoustic/{BEST}"))
    raise UserError(
        f"{path}: no voice of this name; voices here: {', '.join(known) or 'none'}; "
        f"train it: python train_acoustic.py data/{vbank} {path.parent}"
    )


def vocoder_path(
    config: dict, dataset: str, given: str | None = None, out: Path = Path("out")
) -> Path | None:
    """The file of the vocoder that `load_vocoder` takes; None for Griffin-Lim, which has no weights."""
    source = given or config["vocoder"]["source"]
    if source == "griffin_lim":
        return None
    if source == "official":
        return official.find("hifigan-hubert-soft", out=out)
    if given:
        return _existing(Path(given), "vocoder")
    own = [out / name / "hifigan" / BEST for name in (dataset, SHIPPED)]
    path = next((p for p in own if p.is_file()), None)
    if path is None:
        raise UserError(f"{own[0]}: no vocoder; give one with --vocoder FILE, or --vocoder griffin_lim")
    return path


def load_vocoder(config: dict, dataset: str, given: str | None = None, out: Path = Path("out"), device="cpu"):
    """The vocoder, [B,128,T] -> [B,1,160T]. given: a file, "griffin_lim" or "official".

    Otherwise as the preset says; see [vocoder] in configs/base.toml.
    """
    path = vocoder_path(config, dataset, given, out)
    if path is None:
        return GriffinLim().to(device)
    return models.load_vocoder(path).to(device)


def _existing(path: Path, what: str) -> Path:
    if not path.is_file():
        raise UserError(f"{path}: no such {what} file")
    return path
