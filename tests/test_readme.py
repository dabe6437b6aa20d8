"""README's commands run as printed, in the order in which they stand; it stays the front page that it is."""

import re
import shlex
import shutil

import pytest
from conftest import ROOT, run_script

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 180
# What a command has in it that cannot be run here, and why.
LEFT_OUT = {
    "pip install": "it installs packages",
    "path/to/": "it takes recordings of the reader",
    "C:\\": "it takes recordings of the reader",
    "databaker": "it takes what was made of recordings of the reader",
    "hana": "it takes what was made of recordings of the reader",
}


def commands() -> list[str]:
    """Every line of README's code blocks that calls Python."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith(("python ", ".venv/bin/python "))]


def runnable() -> list[str]:
    return [line for line in commands() if not any(part in line for part in LEFT_OUT)]


def test_the_front_page_is_short():
    assert len(TEXT.splitlines()) <= MOST_LINES


def test_some_commands_can_be_run_here():
    scripts = {shlex.split(line)[1] for line in runnable()}
    assert {"infer.py", "evaluate.py"} <= scripts


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_quick_starts_in_other_languages_have_the_commands_and_numbers_of_this_one(language):
    text = (ROOT / f"README.{language}.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60 and f"README.{language}.md" in "\n".join(TEXT.splitlines()[:3])
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= 6 and set(lines) <= set(TEXT.splitlines())
    prose = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = set(re.findall(r"`([^`]+)`", prose))
    assert {code for code in inline if code not in TEXT} == set()
    assert set(re.findall(r"\d+(?:\.\d+)*(?: min| s\b)?", prose)) <= set(
        re.findall(r"\d+(?:\.\d+)*(?: min| s\b)?", TEXT)
    ) | {"12", "15", "2"}  # minutes and cores, which the other text has as words or without their unit


@pytest.mark.slow
def test_commands_run_as_printed(tmp_path):
    for folder in ("out", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    named = set(re.findall(r"\btest/[\w.]+", TEXT))  # a folder of these takes a minute, all of test/ ten
    (tmp_path / "test").mkdir()
    for name in named:
        shutil.copy(ROOT / name, tmp_path / name)
    for line in runnable():
        _, *arguments = shlex.split(line)
        done = run_script(*arguments, cwd=tmp_path)
        assert done.stdout.strip(), line
    assert list((tmp_path / "gen").glob("*.wav"))
