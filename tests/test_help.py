"""--help of every script and tool: examples that use options there are, and groups where these are many."""

import re
from functools import cache

import pytest
from conftest import ROOT, run_script

MOST_UNGROUPED = 8


def with_parser(folder):
    """Modules below a folder that are run by themselves."""
    runs = [p for p in sorted((ROOT / folder).rglob("*.py")) if "\nif __name__ ==" in p.read_text("utf-8")]
    names = [p.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for p in runs]
    return [name.removesuffix(".__main__") for name in names]


SCRIPTS = [p.name for p in sorted(ROOT.glob("*.py")) if "\nif __name__ ==" in p.read_text("utf-8")]
ALL = [*SCRIPTS, *with_parser("tools"), *with_parser("experiments")]


@cache
def called(*words):
    return run_script(*words, "--help", cwd=ROOT, COLUMNS="110", PYTHONPROFILEIMPORTTIME="1")


def help_of(*words):
    return called(*words).stdout


def commands_of(script):
    found = re.search(r"^ {2}\{([\w,]+)\}$", help_of(script), re.MULTILINE)
    return found[1].split(",") if found else []


def test_all_scripts_are_found():
    assert {"infer.py", "app.py", "evaluate.py", "tools.voice", "tools.make_venv"} < set(ALL)
    assert {"experiments.ablation", "experiments.compare_movers"} < set(ALL) and len(ALL) >= 22


@pytest.mark.parametrize("script", ALL)
def test_help_has_examples_whose_options_there_are(script):
    examples = help_of(script).partition("\nexamples:\n")[2].replace("\\\n", " ")
    own = script if script.endswith(".py") else f"-m {script}"
    calls = [
        line.split("  #")[0].split()
        for line in examples.splitlines()
        if re.match(rf" +python ({re.escape(own)}|{script.replace('.', '/')}\.py)( |$)", line)
    ]
    assert calls
    names = commands_of(script)
    for call in calls:
        command = [word for word in call if word in names][:1]
        known = help_of(script, *command) if command else help_of(script)
        for option in (word for word in call if word.startswith("--")):
            assert re.search(rf"^ {{2}}(-\w, )?.*{option}\b", known, re.MULTILINE), option


@pytest.mark.parametrize("script", ALL)
def test_many_options_are_in_groups(script):
    for text in [help_of(script), *(help_of(script, name) for name in commands_of(script))]:
        body = text.partition("\nexamples:\n")[0]
        groups = re.split(r"^(?=\S.*:$)", body, flags=re.MULTILINE)
        counts = [len(re.findall(r"^ {2}-", group, re.MULTILINE)) for group in groups]
        headed = [count for count in counts if count]
        assert sum(counts) <= MOST_UNGROUPED or len(headed) >= 3, (script, counts)


@pytest.mark.parametrize("script", ALL)
def test_every_script_can_be_quiet(script):
    assert "--quiet" in help_of(script)


@pytest.mark.parametrize("script", ALL)
def test_help_waits_for_no_model(script):
    imported = {line.rpartition("|")[2].strip() for line in called(script).stderr.splitlines()}
    assert "argparse" in imported and not {"torch", "librosa", "matplotlib", "gradio"} & imported
