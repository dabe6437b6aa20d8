"""A checkpoint as one .safetensors file: its weights, and in the header's metadata what it says of itself.

Reading it never runs code. A training cannot be resumed from it: it holds no state of one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from checkpoints import whole
from checkpoints.hashes import state_hash
from common.cli import UserError
from common.readers import parse_json

SUFFIX = ".safetensors"
KEY = "hubert-pitdyn"  # of the metadata
HASH = "hash"  # in it, `state_hash` of the weights: the format itself has no checksum
MOST_HEADER = 1 << 20  # bytes
REMEDY = "take another copy of it"


def write(path: Path, checkpoint: dict[str, Any]) -> None:
    """All of a checkpoint into the file `path`; the same one gives the same bytes.

    Raises ValueError for one that a training resumes from.
    """
    import safetensors.torch  # noqa: PLC0415  of few runs

    if "training" in checkpoint:
        raise ValueError("a state of training does not go into a .safetensors")
    state = {name: t.detach().cpu().contiguous().clone() for name, t in checkpoint["model"].items()}
    said = {key: value for key, value in checkpoint.items() if key != "model"} | {HASH: state_hash(state)}
    text = json.dumps(said, ensure_ascii=False, sort_keys=True)
    path.write_bytes(safetensors.torch.save(dict(sorted(state.items())), {KEY: text}))


def read(path: Path, expected: str) -> dict[str, Any]:
    """What `write` wrote, with lists for tuples.

    UserError for a file that is damaged, or of another program.
    """
    import safetensors  # noqa: PLC0415
    import safetensors.torch  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if length > MOST_HEADER:
            raise UserError(f"{path} is damaged or no file of weights, expected {expected}; {REMEDY}")
        with safetensors.safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            if text is None:
                raise UserError(f"{path} is a file of another program, expected {expected}")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dict
    except UserError:
        raise
    except (safetensors.SafetensorError, OSError, *whole.MISFIT) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path} cannot be read ({reason}), expected {expected}; {REMEDY}") from error
    said = parse_json(text.encode(), f"{path}: what it says of itself", {"format": str, HASH: str}, REMEDY)
    if said.pop(HASH) != state_hash(state):
        raise UserError(f"{path} is damaged: its weights are not those that it was written with; {REMEDY}")
    return {**said, "model": state}
