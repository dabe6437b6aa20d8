"""Weights on disk and ready models: `load_hubert(path)`, `load_acoustic(path)` and `load_vocoder(path)`."""

from importlib import import_module

LOADERS = ("load_acoustic", "load_hubert", "load_vocoder")


def __getattr__(name: str):
    # On demand: what only names files, such as the help of a script, must not wait for torch.
    if name in LOADERS:
        return getattr(import_module("checkpoints.models"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
