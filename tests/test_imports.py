"""Who may import whom: one table. Rooms look one way; nothing imports a script, an experiment or a tool."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODELS = {"hubert_pitdyn", "acoustic", "vocoder"}
BASE = {"audio", "bands", "common"}
MAY_IMPORT = {
    "common": set(),
    "audio": {"common"},
    "bands": {"audio", "common"},
    "hubert_pitdyn": BASE,
    "acoustic": BASE,
    "vocoder": BASE,
    "checkpoints": BASE | MODELS,
    "preprocessing": BASE | {"checkpoints", "hubert_pitdyn"},
    "conversion": BASE | MODELS | {"checkpoints"},
    "training": BASE | MODELS | {"checkpoints", "preprocessing"},
    "evaluation": BASE | MODELS | {"checkpoints", "conversion", "preprocessing"},
    "listening": BASE | {"checkpoints", "conversion", "evaluation", "hubert_pitdyn"},
    "workshop": BASE | {"checkpoints", "conversion", "hubert_pitdyn", "listening", "preprocessing"},
}
ROOMS = set(MAY_IMPORT)
SCRIPTS = {
    "preprocess",
    "train_hubert",
    "train_acoustic",
    "train_vocoder",
    "infer",
    "evaluate",
    "make_index",
    "app",
    "hubconf",
}
ENDS = SCRIPTS | {"experiments", "tools"}  # nothing imports these; they may import every room
STRICTER = {"preprocessing/data_folder.py": BASE}  # shared by rooms that need no model


def modules() -> list[Path]:
    """Every Python file of the project but its tests."""
    places = [*ROOT.glob("*.py"), *(p for room in ROOMS | ENDS for p in (ROOT / room).rglob("*.py"))]
    return sorted(places)


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports_of(path: Path) -> set[str]:
    """Top names of what a file imports, wherever in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) if node.module]
    return {name.split(".")[0] for name in names}


def test_every_python_file_lies_in_a_room_or_is_a_script():
    found = {room_of(p) for p in ROOT.glob("*/**/*.py") if not {"tests", ".venv"} & set(p.parts)}
    assert found | {p.stem for p in ROOT.glob("*.py")} == ROOMS | ENDS


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_one_way(path):
    room = room_of(path)
    allowed = STRICTER.get(path.relative_to(ROOT).as_posix(), MAY_IMPORT.get(room, ROOMS))
    used = imports_of(path) & (ROOMS | ENDS) - {room}
    assert used <= allowed, f"{room} must not import {sorted(used - allowed)}"


def test_the_table_has_no_cycle():
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        free = [r for r in MAY_IMPORT if r not in order and MAY_IMPORT[r] <= set(order)]
        assert free, f"a cycle among {sorted(ROOMS - set(order))}"
        order += free


def test_no_package_is_named_like_one_of_torch_hub():
    # A local package "hubert" shadowed the one of torch.hub in 2022, and its weights ran in another network.
    # bshall's acoustic-model has a package "acoustic", as this project has to: load that one in a process of
    # its own.
    assert not {"hubert", "hifigan"} & {p.name for p in ROOT.iterdir() if p.is_dir()}
