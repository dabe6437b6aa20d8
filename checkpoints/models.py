"""Ready models from files of weights, ours or official ones, explained where a file does not fit.

A file of this project is {"format", "version", "kind", "model": state dict, "config": {"model": constructor
arguments, "toml": the whole preset}, "labels": dict or None, "card": see cards.py, and, where training can
be resumed from it, "training": {optimizer, step, best ...}}. The loaders take these and official files alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from acoustic.model import AcousticModel
from checkpoints import file_format, hashes, places, whole
from checkpoints.cards import require_match
from checkpoints.skip_init import without_initialisation
from common.cli import UserError
from hubert_pitdyn.heads import Head, TrunkHead
from hubert_pitdyn.model import Hubert
from vocoder import GENERATORS, Vocoder

HIGH = "high."  # begins the names of what a wide vocoder has above one of 16 kHz
TRUNKS = {"content": "hubert-soft", "pit": "hubert-pit"}  # what a light head may read, and its folder


def load_hubert(path: Path | str, checkpoint: dict | None = None) -> Hubert | TrunkHead:
    """HuBERT ready for use (eval mode, no gradients) from an official file or one of ours.

    Official: v0.1 (flat) or v0.2 (under "hubert"), with or without `module.`, base sizes, as many classes
    as its label embedding has. `.units` of pit and dyn models are soft labels, of all others `proj`.
    A light head of ours comes as a TrunkHead, on the model it was trained on.
    checkpoint: what `load(path)` returned, to spare a second reading; the model then shares its tensors.
    UserError if the file does not fit.
    """
    if checkpoint is None:
        checkpoint = file_format.read_for_use(Path(path), file_format.EXPECTED["hubert"])
    kind = checkpoint.get("kind") if file_format.is_ours(checkpoint) else None
    is_head = isinstance(kind, str) and file_format.FAMILIES.get(kind) == "head"
    if is_head and whole.field(path, checkpoint, "card.encoders", dict, {}):
        return _head_on_trunk(Path(path), checkpoint)
    found = file_format.contents(path, "hubert", checkpoint)
    sizes = found.sizes
    if sizes is None:
        embedding = found.state.get("label_embedding.weight")
        sizes = {} if embedding is None else {"classes": len(embedding)}
    unit_kind = "label" if found.kind in ("hubert-pits", "hubert-dyns") else "content"
    return _ready(_build(Hubert, {**sizes, "unit_kind": unit_kind}, found.state, path), found.state, path)


def _head_on_trunk(path: Path, data: dict) -> TrunkHead:
    """A light head set on its trunk, which lies where the card says, or beside it under its usual name."""
    role = trunk_role(path, data)
    trained = whole.field(path, data, f"card.encoders.{role}", dict)
    found = (Path(trained["name"]), places.best(path.parent.parent / TRUNKS[role]))
    trunk = next((place for place in found if place.is_file()), None)
    if trunk is None:
        raise UserError(f"{path} reads the model {trained['name']}, which does not exist")
    model = load_hubert(trunk)
    require_trunk(path, data, hashes.state_hash(model.state_dict()), trunk)
    return load_head(path, data, model)


def load_head(path: Path, checkpoint: dict, trunk: Hubert) -> TrunkHead:
    """A light head, read from `path`, on the model that it was trained on."""
    found = file_format.unwrap(checkpoint, path)
    head = _ready(_build(Head, found.sizes or {}, found.state, path), found.state, path)
    return TrunkHead(trunk, head.to(trunk.proj.weight.device)).eval()


def trunk_role(path: Path, data: dict) -> str:
    """Which model the head of a file reads, one of TRUNKS."""
    roles = whole.field(path, data, "card.encoders", dict).keys() & TRUNKS
    if len(roles) != 1:
        raise UserError(f"{path}: which model this head reads is damaged; {whole.REMEDY}")
    return roles.pop()


def require_trunk(path: Path, data: dict, found: str, trunk: Path) -> None:
    """UserError unless the model `trunk`, of hash `found`, is the one this head was trained on."""
    trained = whole.field(path, data, f"card.encoders.{trunk_role(path, data)}", dict)
    require_match(
        f"{path}: the trunk this head was trained on",
        f"{trained['hash']} ({trained['name']})",
        # The same weights may have moved to another path.
        f"{found} ({trained['name'] if found == trained['hash'] else trunk.as_posix()})",
        "give the one it was trained on, or train the head again",
    )


def load_acoustic(path: Path | str, checkpoint: dict | None = None) -> AcousticModel:
    """The same for an acoustic model, official (256 or 768 inputs) or ours; `.generate` is ready."""
    found = file_format.contents(path, "acoustic", checkpoint)
    sizes = found.sizes
    if sizes is None:
        prenet = found.state.get("encoder.prenet.net.0.weight")
        sizes = {} if prenet is None else {"prenet_dim": prenet.shape[0], "in_dim": prenet.shape[1]}
    model = _ready(_build(AcousticModel, sizes, found.state, path), found.state, path)
    model.level_db = found.level_db
    return model


def load_vocoder(path: Path | str, checkpoint: dict | None = None) -> Vocoder:
    """The same for a vocoder: HiFi-GAN, official or ours, its weight norm folded, or another of ours.

    {"generator": ...} of HiFi-GAN trainers is taken too, and weights saved with their norm folded.
    """
    found = file_format.contents(path, "hifigan", checkpoint)
    model = _build(GENERATORS[found.kind], found.sizes or {}, found.state, path)
    folded = "conv_pre.weight" in found.state
    if folded:
        model.remove_weight_norm()
    model = _ready(model, found.state, path)
    if not folded:
        model.remove_weight_norm()
    model.level_db = found.level_db
    return model.requires_grad_(False)


def fill_vocoder(model: nn.Module, path: Path | str) -> str:
    """Weights of a vocoder's file into one that is to be trained; a UserError where they do not fit.

    One of 16 kHz fills the lower half of a wide one, and a wide one gives it to one of 16 kHz; returns what
    the file does not have, in words.
    """
    found = file_format.contents(path, "hifigan", None)
    own = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(HIGH)}
    theirs = {name for name in found.state if name.startswith(HIGH)}
    state, fresh = found.state, ""
    if found.kind == "harmonic" and own and not theirs:
        state, fresh = {**state, **own}, "what lies above 8 kHz"
    elif found.kind == "harmonic" and theirs and not own:
        state = {name: tensor for name, tensor in state.items() if name not in theirs}
    _ready(model, state, path)
    model.train().requires_grad_(True)
    return fresh


def fill_discriminators(discriminators: nn.Module, path: Path | str) -> bool:
    """Take those that a vocoder's run has in a checkpoint that it can be resumed from; False where a file has
    none, or of other sizes."""
    data = file_format.read(Path(path), file_format.EXPECTED["hifigan"])
    place = "training.discriminators.model"
    state = whole.field(path, data, place, dict, {}) if file_format.is_ours(data) else {}
    own = discriminators.state_dict()
    fits = shapes(own) == shapes(state)
    if fits:
        discriminators.load_state_dict(state)
    return fits


def shapes(state: dict[str, Any]) -> dict[str, Any]:
    """Shape of each tensor of a state dict."""
    return {name: getattr(tensor, "shape", None) for name, tensor in state.items()}


def _build(
    model: type[nn.Module], sizes: dict[str, Any], state: dict[str, Tensor], path: Path | str
) -> nn.Module:
    """A model whose weights nobody has drawn: `_ready` puts the file's there."""
    whole.require_sizes(path, sizes, state)
    try:
        with without_initialisation():
            return model(**sizes)
    except whole.MISFIT as error:
        reason = file_format.first_line(error)
        raise UserError(f"{path} has sizes that {model.__name__} does not take ({reason})") from error


def _ready(model: nn.Module, state: dict[str, Tensor], path: Path | str) -> nn.Module:
    """Load strictly, either spelling of weight norm; eval mode, no gradients."""
    own = {hashes.canonical(name): (name, tensor) for name, tensor in model.state_dict().items()}
    given = {hashes.canonical(name): tensor for name, tensor in state.items()}
    both = [name for name in own if name in given and given[name].shape != own[name][1].shape]
    faults = [f"{name} of shape {list(given[name].shape)}, not {list(own[name][1].shape)}" for name in both]
    faults += [f"no {name}" for name in own if name not in given]
    faults += [f"an unknown {name}" for name in given if name not in own]
    if faults:
        more = f" and {len(faults) - 1} more differences" if len(faults) > 1 else ""
        raise UserError(f"{path} does not fit {type(model).__name__} of its sizes: it has {faults[0]}{more}")
    whole.require_finite(path, given)
    fitted = {name: given[key].to(tensor.dtype).contiguous() for key, (name, tensor) in own.items()}
    model.load_state_dict(fitted, assign=True)
    return model.eval().requires_grad_(False)
