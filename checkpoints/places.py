"""Where voices and datasets lie below out/, known by name: nothing here waits for torch."""

from __future__ import annotations

from pathlib import Path

from common.cli import UserError, nearest
from common.names import checked

SHIPPED = "demo"  # out/demo holds the weights that come with the project
BEST = "model-best.pt"


def acoustic_path(vbank: str, out: Path = Path("out")) -> Path:
    """out/<vbank>/acoustic/model-best.pt; UserError with the nearest name of a voice."""
    path = out / checked(vbank, "voice") / "acoustic" / BEST
    if path.is_file():
        return path
    _require_out(out, vbank)
    known = sorted(p.parent.parent.name for p in out.glob(f"*/acoustic/{BEST}"))
    raise UserError(
        f"{path}: no voice of this name{nearest(vbank, known)}; voices here: {', '.join(known) or 'none'}; "
        f"train it: python train_acoustic.py data/{vbank} {path.parent}"
    )


def require_dataset(dataset: str, out: Path = Path("out")) -> None:
    """UserError with the nearest name unless there is a folder out/<dataset>."""
    if (out / checked(dataset, "dataset")).is_dir():
        return
    _require_out(out, dataset)
    known = sorted({p.parent.parent.name for p in out.glob(f"*/hubert-*/{BEST}")})
    raise UserError(
        f"{out / dataset}: no dataset of this name{nearest(dataset, known)}; datasets here: "
        f"{', '.join(known) or 'none'}"
    )


def label_path(dataset: str, kind: str, out: Path = Path("out")) -> Path:
    """out/<dataset>/hubert-pit|dyn/model-best.pt; kind: pits or dyns."""
    path = out / checked(dataset, "dataset") / f"hubert-{kind[:-1]}" / BEST
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
