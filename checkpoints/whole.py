"""Whether a checkpoint of ours is whole: fields of the right kinds, possible sizes, finite weights.

Whoever loads it afterwards can take its fields for what they are called.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from audio import N_MELS
from common.cli import UserError

MOST_VALUES = 20_000  # in config, labels and card together; a preset has some hundreds
DEEPEST = 12  # tables in tables
LARGEST_SIZE = 1 << 16  # of a layer
LONGEST_LIST = 12  # of sizes, such as the rates of a vocoder
REPEATED = ("layers", "blocks", "depth")  # sizes that count layers, each of which has weights of its own
GIVEN = {"n_mels": N_MELS}  # by the grid
# What torch and the models raise for sizes and weights that do not go together.
MISFIT = (RuntimeError, ValueError, TypeError, ArithmeticError, AssertionError, LookupError, AttributeError)
REMEDY = "take another copy of it, or train it again"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _span(value: Any) -> bool:
    """[low, high], or nothing where there was nothing to measure."""
    pair = isinstance(value, list | tuple) and len(value) == 2 and all(map(_number, value))
    return value is None or (pair and all(map(math.isfinite, value)))


def _numbers(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(map(_number, value.values())))


def _encoders(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_named, value.values()))


def _named(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("name", "hash"))


def _list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


CARD: dict[str, tuple[Callable[[Any], bool], str]] = {  # fields that are read again
    "created": (_text, "text"),
    "dataset": (_text, "a name"),
    "pitdyn": (("hubert", "tracker", "none").__contains__, "hubert, tracker or none"),
    "refined_from": (_text, "text"),
    "stands_in_for": (_list_of_texts, "hashes"),
    "bank": (_texts, "a table of texts"),
    "step": (_number, "a number"),
    "hours": (_number, "a number"),
    "rate": (_number, "a number"),
    "high": (_number, "a number"),
    "f0_hz": (_span, "two numbers"),
    "loudness_db": (_span, "two numbers"),
    "f0_percentiles_hz": (_numbers, "a table of numbers"),
    "metrics": (_numbers, "a table of numbers"),
    "encoders": (_encoders, "names and hashes"),
    "vocoder": (lambda value: value is None or _named(value), "a name and a hash"),
}


def require(path: Path | str, data: dict) -> None:
    """UserError naming the file and the field of a checkpoint of ours that has no possible value."""
    for name in ("labels", "card", "training"):
        if not isinstance(data.get(name), dict | None):
            raise UserError(f"{path}: {name} is {_kind(data[name])}, expected a table; {REMEDY}")
    described = [data["config"], data.get("labels"), data.get("card")]
    if not _is_plain(described):
        raise UserError(
            f"{path}: expected texts and numbers in its config, labels and card, found other values; {REMEDY}"
        )
    for name, value in (data.get("card") or {}).items():
        fits, words = CARD.get(name, (lambda _: True, ""))
        if not fits(value):
            raise UserError(f"{path}: {name} of its card is {_kind(value)}, expected {words}; {REMEDY}")
    field(path, data, "config.model", dict, {})


def field(path: Path | str, data: dict, name: str, kind: type, otherwise: Any = None) -> Any:
    """A field of a checkpoint by its dotted name, `otherwise` where it is missing and that is not None.

    UserError naming the file where it is missing or of another kind.
    """
    value: Any = data
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None and otherwise is not None:
        return otherwise
    if not isinstance(value, kind):
        words = "missing" if value is None else _kind(value)
        raise UserError(f"{path}: expected {name} in it, which is {words}; {REMEDY}")
    return value


def require_sizes(path: Path | str, sizes: dict[str, Any], state: dict[str, Tensor]) -> None:
    """UserError for sizes that no model has, so that none is built of them: it could take for ever."""
    for name, value in sizes.items():
        parts, least = (value, 1) if isinstance(value, list | tuple) else ([value], 0)
        most = len(state) if name in REPEATED else LARGEST_SIZE
        possible = all(not _number(n) or least <= n <= most for n in parts) and len(parts) <= LONGEST_LIST
        if not possible or GIVEN.get(name, value) != value:
            raise UserError(f"{path} has sizes that no model of ours has ({name} is {value!r:.40}); {REMEDY}")


def require_tensors(path: Path | str, state: dict[str, Tensor]) -> None:
    """UserError for tensors that claim more numbers than the file holds, or are none of plain numbers."""
    for name, tensor in state.items():
        plain = tensor.layout == torch.strided and not tensor.is_quantized and tensor.device.type != "meta"
        if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise UserError(f"{path}: {name} claims more numbers than the file holds; {REMEDY}")


def require_finite(path: Path | str, state: dict[str, Tensor]) -> None:
    """UserError where weights are NaN or infinite: whatever they computed would be silence or noise."""
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(f"{path}: {name} holds weights that are NaN or infinite; {REMEDY}")


def _is_plain(value: Any) -> bool:
    """Whether nested tables and lists hold texts and numbers only, and not endlessly many."""
    count, level = 0, [value]
    for _ in range(DEEPEST):
        nested = []
        for part in level:
            if isinstance(part, dict):
                nested += [*part, *part.values()]
            elif isinstance(part, list | tuple):
                nested += part
            elif not isinstance(part, str | int | float | None):
                return False
            count += 1
            if count + len(nested) > MOST_VALUES:
                return False
        if not (level := nested):
            return True
    return False


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return f"{value!r:.40}" if isinstance(value, str | int | float) else f"a {type(value).__name__}"
