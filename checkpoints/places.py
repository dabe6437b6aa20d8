"""Where voices and datasets lie below out/, known by name: nothing here waits for torch."""

from __future__ import annotations

import re
from pathlib import Path

from common.cli import UserError, nearest
from common.names import checked

SHIPPED = "demo"  # out/demo holds the weights that come with the project
BEST = "model-best.pt"
SAFE = "model-best.safetensors"  # the same as it is handed out: no training writes it
WEIGHTS, CONFIG = "model.safetensors", "config.json"  # of a voice that is handed on, see bundle.py
MOST_CONFIG, MOST_WEIGHTS = 4 << 20, 2 << 30  # bytes
ADDRESS = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)  # on the hub


def best(folder: Path) -> Path:
    """The best model of a folder: model-best.pt, which a training here has written, else
    model-best.safetensors; the former where neither is there."""
    trained, given = folder / BEST, folder / SAFE
    return given if given.is_file() and not trained.is_file() else trained


def newest(run: Path) -> Path | None:
    """The newest model-<step>.pt in the folder of a run, which can be resumed from it."""
    found = [path for path in run.glob("model-*.pt") if path.stem.rpartition("-")[2].isdecimal()]
    return max(found, key=lambda path: int(path.stem.rpartition("-")[2]), default=None)


def folders(out: Path, kind: str) -> set[Path]:
    """The folders out/*/<kind> that hold a model; kind may be a pattern."""
    return {path.parent for name in (BEST, SAFE) for path in out.glob(f"*/{kind}/{name}")}


def acoustic_path(vbank: str, out: Path = Path("out")) -> Path:
    """`best` of out/<vbank>/acoustic; UserError with the nearest name of a voice."""
    path = best(out / checked(vbank, "voice") / "acoustic")
    if path.is_file():
        return path
    _require_out(out, vbank)
    known = sorted(folder.parent.name for folder in folders(out, "acoustic"))
    raise UserError(
        f"{path}: no voice of this name{nearest(vbank, known)}; voices here: {', '.join(known) or 'none'}; "
        f"train it: python train_acoustic.py data/{vbank} {path.parent}"
    )


def voice_name(given: str) -> str:
    """What a voice is called in names of files: hana of out/hana, hana.zip, a folder hana, user/hana@v2."""
    if _is_path(given):
        return Path(given).resolve().name.removesuffix(".zip").removesuffix(".ZIP")
    return given.partition("@")[0].rpartition("/")[2] if ADDRESS.fullmatch(given) else given


def voice_path(given: str, out: Path = Path("out")) -> Path:
    """Where a voice lies: the model in out/<given>/acoustic, or a zip or folder that was handed on.

    What is neither may be one on the hub, user/repo, which is fetched. Raises UserError.
    """
    if _is_path(given):
        return Path(given)
    if ADDRESS.fullmatch(given) and not (out / given).is_dir():
        from checkpoints import hub  # noqa: PLC0415  it takes names from here

        return hub.fetch(given)
    return acoustic_path(given, out)


def _is_path(given: str) -> bool:
    path = Path(given)
    return path.suffix.lower() == ".zip" or (given not in ("", ".") and (path / CONFIG).is_file())


def is_model(voice: Path) -> bool:
    """Whether what `voice_path` gave is one file of weights, not a voice that was handed on whole."""
    return voice.name in (BEST, SAFE)


def require_dataset(dataset: str, out: Path = Path("out")) -> None:
    """UserError with the nearest name unless there is a folder out/<dataset>."""
    if (out / checked(dataset, "dataset")).is_dir():
        return
    _require_out(out, dataset)
    known = sorted({folder.parent.name for folder in folders(out, "hubert-*")})
    raise UserError(
        f"{out / dataset}: no dataset of this name{nearest(dataset, known)}; datasets here: "
        f"{', '.join(known) or 'none'}"
    )


def require_data(folder: Path) -> None:
    """UserError with the nearest name unless there is this folder of preprocessed recordings, data/<name>."""
    if folder.is_dir():
        return
    near = nearest(folder.name, [p.name for p in folder.parent.glob("*") if p.is_dir()])
    raise UserError(
        f"{folder}: no data folder of this name{near}; make it: preprocess_hubert-pitdyn {folder.name} "
        f"<wavs>, or preprocess_acoustic {folder.name} <wavs> <dataset>"
    )


def label_path(dataset: str, kind: str, out: Path = Path("out")) -> Path:
    """`best` of out/<dataset>/hubert-pit|dyn; kind: pits or dyns."""
    path = best(out / checked(dataset, "dataset") / f"hubert-{kind[:-1]}")
    if not path.is_file():
        raise UserError(
            f"{path}: no {kind[:-1]} model of dataset {dataset}; train it: "
            f"python train_hubert.py --embds_dn {kind} data/{dataset} {path.parent}"
        )
    return path


def require_label_models(dataset: str, out: Path, advice: str) -> None:
    """UserError with the advice unless out/<dataset> has a pitch and a loudness model."""
    try:
        for kind in ("pits", "dyns"):
            label_path(dataset, kind, out)
    except UserError as error:  # it says how to train them, but the voice has a dataset already
        raise UserError(f"{out / dataset}: no pitch and loudness models; {advice}") from error


def _require_out(out: Path, name: str) -> None:
    if not out.is_dir():
        raise UserError(
            f"{out}: no such folder in {Path.cwd()}, so no {name}; run it in the project's folder"
        )
