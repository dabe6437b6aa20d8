"""Models built without drawing weights, which a file's weights replace at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import init

NAMES = tuple(name for name in vars(init) if name.endswith("_") and not name.startswith("_"))
_lock = threading.Lock()  # the functions are those of the whole process


@contextmanager
def without_initialisation() -> Iterator[None]:
    """Models built inside have weights that nobody has filled: numbers without meaning, maybe NaN.

    Random numbers afterwards are what they would have been.

    Building them on torch's device "meta", as torch.nn.utils.skip_init does, loads its compiler, which takes
    longer than all models together; and torch's trunc_normal_ draws again until its numbers fit, in such
    memory for ever. So torch.nn.init's functions do nothing for a while.
    """
    with _lock:
        kept, state = {name: getattr(init, name) for name in NAMES}, torch.get_rng_state()
        try:
            for name in NAMES:
                setattr(init, name, _left_alone)
            yield
        finally:
            torch.set_rng_state(state)
            for name, function in kept.items():
                setattr(init, name, function)


def _left_alone(tensor: Tensor, *_args: object, **_options: object) -> Tensor:
    return tensor
