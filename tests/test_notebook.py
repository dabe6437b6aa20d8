"""demo.ipynb: a valid notebook without outputs, whose code compiles and calls what there is."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = json.loads((ROOT / "demo.ipynb").read_text("utf-8"))
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
PROGRAM = "\n".join("".join(cell["source"]) for cell in CODE)
TREE = ast.parse(PROGRAM)
JUPYTER_ONLY = {"IPython"}  # comes with Jupyter, is not in requirements.txt


def imports() -> dict[str, tuple[str, str | None]]:
    """{name in the notebook: (module, attribute or None)}."""
    found = {}
    for node in ast.walk(TREE):
        if isinstance(node, ast.Import):
            found.update({alias.asname or alias.name: (alias.name, None) for alias in node.names})
        if isinstance(node, ast.ImportFrom):
            found.update({alias.asname or alias.name: (node.module, alias.name) for alias in node.names})
    return found


def resolve(module: str, attribute: str | None):
    if (ROOT / f"{module}.py").is_file() or importlib.util.find_spec(module.split(".")[0]):
        loaded = importlib.import_module(module)
        if attribute and not hasattr(loaded, attribute):
            return importlib.import_module(f"{module}.{attribute}")
        return getattr(loaded, attribute) if attribute else loaded
    if module.split(".")[0] in JUPYTER_ONLY:
        pytest.skip(f"{module} is not installed: pip install notebook")
    pytest.fail(f"the notebook imports {module}, which does not exist")


def test_format():
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(ids)) == len(ids) == 12
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in ids)
    for cell in NOTEBOOK["cells"]:
        keys = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == keys | ({"execution_count", "outputs"} if cell["cell_type"] == "code" else set())
        assert all(line.endswith("\n") for line in cell["source"][:-1])


def test_no_outputs():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CODE)


@pytest.mark.parametrize("index", range(len(CODE)))
def test_cells_compile(index):
    compile("".join(CODE[index]["source"]), CODE[index]["id"], "exec")


@pytest.mark.parametrize("name", imports())
def test_imported_names_exist(name):
    assert resolve(*imports()[name]) is not None


@pytest.mark.parametrize("name", ["audio", "VoiceConverter"])
def test_attributes_exist(name):
    used = {n.attr for n in ast.walk(TREE) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == name}
    assert used
    owner = resolve(*imports()[name])
    assert [attribute for attribute in used if not hasattr(owner, attribute)] == []


@pytest.mark.parametrize(
    ("call", "method"), [("VoiceConverter.load", "load"), ("converter.convert", "convert")]
)
def test_calls_fit_the_converter(call, method):
    calls = [n for n in ast.walk(TREE) if isinstance(n, ast.Call) and ast.unparse(n.func) == call]
    assert len(calls) == 1
    function = getattr(resolve("conversion.converter", "VoiceConverter"), method)
    given = [None] * len(calls[0].args)
    owner = [] if inspect.ismethod(function) else [None]
    inspect.signature(function).bind(*owner, *given, **{k.arg: None for k in calls[0].keywords})


def test_the_source_is_in_the_repository():
    assert (ROOT / re.search(r'SOURCE = Path\("(.+)"\)', PROGRAM)[1]).is_file()
