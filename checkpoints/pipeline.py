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

from checkpoints import cards, hashes, models, official, store, whole
from checkpoints.bundle import Bundle
from checkpoints.places import SHIPPED, best, label_path
from common.cli import UserError, nearest
from common.names import checked
from hubert_pitdyn.labels import DynLabels, PitLabels
from hubert_pitdyn.tracker_models import TrackedLoudness, TrackedPitch
from hubert_pitdyn.units import ContentEncoder, PitDynEncoder
from vocoder.griffin_lim import GriffinLim

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
        return {"name": self.path.as_posix(), "hash": hashes.state_hash(self.model.state_dict())}


def content_path(config: dict, dataset: str, given: Path | None = None, out: Path = Path("out")) -> Path:
    """The content encoder's file: given, out/<dataset>/hubert-soft, else what the preset's source says.

    That is the official one, or of a preset whose encoders are trained here the one that is shipped.
    """
    if given:
        return _existing(given, "content encoder")
    own = [best(out / checked(name, "dataset") / "hubert-soft") for name in (dataset, SHIPPED)]
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


def load_content(path: Path, device: Any = "cpu", checkpoint: dict | None = None) -> Part:
    """A content encoder (official hubert-soft or ours), of a file or of what was read of one."""
    model = models.load_hubert(path, checkpoint)
    cards.require_match(
        f"{path}: units of the content encoder", "content", model.unit_kind, "give a hubert-soft as --content"
    )
    return Part(model.to(device), path, None)


def load_label_model(
    path: Path, kind: str, content: Part, checkpoint: dict | None = None, pit: Part | None = None
) -> Part:
    """A whole label HuBERT, or a light head set on the model it was trained on: content or pit.

    checkpoint: what was read of the file, where it was. Raises UserError when the file is of another kind,
    or the head was trained on another trunk.
    """
    checkpoint = checkpoint or store.load(path, state=False)
    if checkpoint["kind"] == f"head-{kind}":
        trunk = pit if models.trunk_role(path, checkpoint) == "pit" else content
        if trunk is None:
            raise UserError(f"{path}: expected a pitch model of its own, found a head on one; train it again")
        models.require_trunk(path, checkpoint, trunk.card["hash"], trunk.path)
        return Part(models.load_head(path, checkpoint, trunk.model), path, checkpoint)
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
    own: Bundle | None = None,
) -> EncoderParts:
    """Content encoder, pit and dyn models of `dataset`, ready on `device`.

    pitdyn: source of pitch and loudness; one of PITDYN. own: a voice that was handed on, whose encoders are
    taken in place of those of `dataset` where it brings them along.
    """
    brought = own.parts if own else {}
    given = None if content else brought.get("content")
    heads = {kind: brought.get(kind[:-1]) for kind in ("pits", "dyns")} if pitdyn != "none" else {}
    paths = {kind: own.path if head else label_path(dataset, kind, out) for kind, head in heads.items()}
    place = own.path if given else content_path(config, dataset, content, out)
    base = load_content(place, device, given)
    if pitdyn == "none":
        return EncoderParts(ContentEncoder(base.model), {"content": base.card}, {})
    pit = load_label_model(paths["pits"], "pits", base, heads["pits"])
    dyn = load_label_model(paths["dyns"], "dyns", base, heads["dyns"], pit)
    parts = {"pit": pit, "dyn": dyn}
    tables = {n: whole.field(part.path, part.checkpoint, f"labels.{n}", dict) for n, part in parts.items()}
    labels = (_labels(PitLabels, pit, tables["pit"]), _labels(DynLabels, dyn, tables["dyn"]))
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
        labels,
    )


def _labels(kind: type[PitLabels | DynLabels], part: Part, table: dict) -> PitLabels | DynLabels:
    """What the classes of a label model mean; UserError where its table is damaged or of other classes."""
    try:
        labels = kind.from_config(table)
    except (TypeError, ValueError) as error:
        raise UserError(f"{part.path}: what its labels mean is damaged ({error}); {whole.REMEDY}") from error
    if labels.classes != (found := len(part.model.label_embedding.weight)):
        raise UserError(
            f"{part.path}: expected as many classes as its labels have, {labels.classes}, found {found}; "
            f"{whole.REMEDY}"
        )
    return labels


def _head_card(part: Part) -> dict:
    """Card of a label model; of a light head the head's own weights, the trunk has a card of its own."""
    model = getattr(part.model, "head", part.model)
    about = {"name": part.path.as_posix(), "hash": hashes.state_hash(model.state_dict())}
    others = part.checkpoint["card"].get(cards.STANDS_IN_FOR)
    return {**about, cards.STANDS_IN_FOR: others} if others else about


def require_encoders(path: Path, card: dict[str, Any], found: dict[str, dict]) -> None:
    """UserError unless the encoders found are those that the voice of a card was trained with, or stand in
    for them."""
    encoders = whole.field(path, {"card": card}, "card.encoders", dict)
    roles = (" ".join(sorted(names)) or "none" for names in (encoders, found))
    cards.require_match(f"{path}: encoders it was made with", *roles, whole.REMEDY)
    for role, trained in encoders.items():
        own = found[role]
        if trained["hash"] in own.get(cards.STANDS_IN_FOR, ()):
            continue
        cards.require_match(
            f"the {role} encoder of {path}",
            f"{trained['hash']} ({trained['name']})",
            f"{own['hash']} ({trained['name'] if own['hash'] == trained['hash'] else own['name']})",
            f"give the dataset the voice was encoded with (--dataset {card['dataset']}), or encode and "
            f"train the voice again",
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
        if not Path(given).is_file():
            raise UserError(f"{given}: no such vocoder file{nearest(given, ('griffin_lim', 'official'))}")
        return Path(given)
    own = [best(out / checked(name, "dataset") / "hifigan") for name in (dataset, SHIPPED)]
    path = next((p for p in own if p.is_file()), None)
    if path is None:
        raise UserError(f"{own[0]}: no vocoder; give one with --vocoder FILE, or --vocoder griffin_lim")
    return path


def vocoder_is_here(config: dict, out: Path = Path("out")) -> bool:
    """Whether `load_vocoder` of a preset would need no download."""
    if config["vocoder"]["source"] != "official":
        return True
    try:
        return official.find("hifigan-hubert-soft", out=out, download=False).is_file()
    except UserError:
        return False


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
