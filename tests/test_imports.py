"""Who may import whom. No cycles; the three packages stay apart; nothing imports a script."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = {
    "preprocess",
    "train_hubert",
    "train_acoustic",
    "train_vocoder",
    "infer",
    "evaluate",
    "run_ablation",
    "run_flat_bank",
    "make_index",
}
ALLOWED = {
    "cli": set(),
    "cards": {"cli"},
    "config": {"cli"},
    "audio": {"cli"},
    "convnext": set(),
    "batches": {"cli"},
    "datafolder": {"audio", "cli"},
    "prompts": {"cli"},
    "batch": {"audio", "cli"},
    "parallel": set(),
    "stale": {"audio", "cli", "datafolder", "parallel"},
    "plots": {"audio", "hubert_pitdyn"},
    "hubert_pitdyn": {"audio", "cli", "datafolder"},
    "acoustic": {"audio", "cli", "convnext", "datafolder"},
    "vocoder": {"audio", "convnext", "datafolder"},
    "evaluation": {"audio", "cli", "datafolder", "hubert_pitdyn"},
    "official": {"cli"},
    "weight_files": {"cli"},
    "checkpoints": {"cards", "cli", "weight_files", "hubert_pitdyn", "acoustic", "vocoder"},
    "stages": {"cards", "cli", "checkpoints", "official", "weight_files", "hubert_pitdyn", "vocoder"},
    "devices": {"cli"},
    "features": {"audio", "checkpoints", "cli", "datafolder", "devices", "hubert_pitdyn", "weight_files"},
    "interrupts": set(),
    "training": {"batches", "cards", "cli", "config", "checkpoints", "devices", "interrupts"},
    "adversarial": {"training"},
    "converter": {"audio", "cards", "checkpoints", "cli", "stages", "hubert_pitdyn", "vocoder"},
    "experiments": {
        "audio",
        "batch",
        "checkpoints",
        "cli",
        "config",
        "converter",
        "datafolder",
        "evaluation",
        "hubert_pitdyn",
        "parallel",
        "plots",
        "stages",
        "vocoder",
        "weight_files",
    },
}


def rooms() -> dict[str, list[Path]]:
    """{module or package at the root: its files}."""
    found = {p.stem: [p] for p in ROOT.glob("*.py")}
    packages = [p.parent for p in ROOT.glob("*/__init__.py") if p.parent.name != "tests"]
    return found | {p.name: sorted(p.rglob("*.py")) for p in packages}


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) if node.module]
    return {name.split(".")[0] for name in names}


def test_every_module_is_a_script_or_has_its_arrows():
    assert set(rooms()) == SCRIPTS | set(ALLOWED)


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_arrows(room):
    ours = set(rooms())
    used = set().union(*(imports_of(p) for p in rooms()[room])) & ours - {room}
    assert used <= ALLOWED[room], f"{room} must not import {sorted(used - ALLOWED[room])}"


def test_nothing_imports_a_script():
    for room, files in rooms().items():
        for path in files:
            assert not (imports_of(path) & SCRIPTS - {room}), path


def test_allowed_arrows_have_no_cycle():
    order: list[str] = []
    while len(order) < len(ALLOWED):
        free = [r for r in ALLOWED if r not in order and ALLOWED[r] <= set(order)]
        assert free, f"a cycle among {sorted(set(ALLOWED) - set(order))}"
        order += free


def test_no_package_is_named_like_one_of_torch_hub():
    # A local package "hubert" shadowed the one of torch.hub in 2022, and ran its weights in another network.
    assert not {"hubert", "hifigan", "acoustic_model"} & set(rooms())
