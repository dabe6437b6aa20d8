"""demo.ipynb: a valid notebook without outputs, which runs from its first cell to its last."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from conftest import run_script

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
    assert len(set(ids)) == len(ids) == 18
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


@pytest.mark.parametrize("name", ["audio", "VoiceConverter", "curve_edits", "plots"])
def test_attributes_exist(name):
    used = {n.attr for n in ast.walk(TREE) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == name}
    assert used
    owner = resolve(*imports()[name])
    assert [attribute for attribute in used if not hasattr(owner, attribute)] == []


def test_every_cell_has_a_sentence_before_it_and_is_short():
    kinds = [cell["cell_type"] for cell in NOTEBOOK["cells"]]
    assert kinds == ["markdown", "code"] * 9
    assert all(len(cell["source"]) <= 22 for cell in CODE)


def test_the_source_is_in_the_repository():
    assert (ROOT / re.search(r'SOURCE = Path\("(.+)"\)', PROGRAM)[1]).is_file()


def set_up(monkeypatch, folder, colab, repository):
    """What the first cell runs, in `folder`; colab: whether Google's package is there."""
    (folder / "google" / ("colab" if colab else "protobuf")).mkdir(parents=True)
    (folder / "google" / ("colab" if colab else "protobuf") / "__init__.py").touch()
    calls = []

    def run(command, check):
        calls.append([str(word) for word in command])
        (folder / "hubert-pitdyn").mkdir(exist_ok=True)

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr("subprocess.run", run)
    for name in [name for name in sys.modules if name.split(".")[0] == "google"]:
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()
    code = "".join(CODE[0]["source"]).replace('REPOSITORY = ""', f"REPOSITORY = {repository!r}")
    exec(compile(code, "set-up", "exec"), {})
    return calls


def test_the_first_cell_clones_and_installs_on_colab(monkeypatch, tmp_path):
    clone, install = set_up(monkeypatch, tmp_path, True, "https://example.org/hubert-pitdyn")
    assert clone[:2] == ["git", "clone"] and clone[-2] == "https://example.org/hubert-pitdyn"
    assert install[-2:] == ["-r", "requirements.txt"] and Path.cwd() == tmp_path / "hubert-pitdyn"


def test_the_first_cell_asks_for_the_repository_on_colab(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match="REPOSITORY: expected the address"):
        set_up(monkeypatch, tmp_path, True, "")


@pytest.mark.parametrize("colab", [False, True])
def test_the_first_cell_does_nothing_in_a_checkout(monkeypatch, tmp_path, colab):
    if colab:
        (tmp_path / "hubconf.py").touch()
    assert set_up(monkeypatch, tmp_path, colab, "") == [] and Path.cwd() == tmp_path


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """What the notebook needs of a checkout, and a page made of two conversions."""
    folder = tmp_path_factory.mktemp("checkout")
    for place in ("out/demo", "out/kathleen", "out/scottpoid", "out/dorodoro", "out/kumi"):
        shutil.copytree(ROOT / place, folder / place)
    for kind in ("test", "gen"):
        (folder / kind).mkdir()
    shutil.copy(ROOT / "test" / "slt_clear.wav", folder / "test")
    for voice in ("kathleen", "scottpoid"):
        shutil.copy(ROOT / "test" / "slt_clear.wav", folder / "gen" / f"slt_clear_{voice}.wav")
    return folder


@pytest.mark.slow
def test_it_runs_without_a_warning_and_leaves_the_page_alone(project, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="pip install -r requirements-dev.txt")
    import nbformat

    run_script("make_index.py", cwd=project)
    page = (project / "gen" / "index.html").read_bytes()
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.reads(json.dumps(NOTEBOOK), 4)
    where = {"metadata": {"path": str(project)}}
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    said = [one for found in outputs.values() for one in found if one.output_type == "stream"]
    assert {one.name for one in said} == {"stdout"} and not any("arning" in one.text for one in said)
    shown = [(name, one.data) for name, found in outputs.items() for one in found if "data" in one]
    players = [name for name, data in shown if "<audio" in data.get("text/html", "")]
    pictures = [name for name, data in shown if "image/png" in data]
    assert len(players) == 9 and pictures == ["plot", "edit"] and outputs["set-up"] == []
    assert (project / "gen" / "notebook" / "slt_clear_kathleen.wav").is_file()
    run_script("make_index.py", cwd=project)
    assert (project / "gen" / "index.html").read_bytes() == page
