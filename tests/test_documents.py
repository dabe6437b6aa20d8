"""docs/: the messages of troubleshooting.md are messages of the code, and links lead somewhere."""

import ast
import re

import pytest
from conftest import ROOT

PAGES = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")])
OTHERS = (
    "flite: not found",
    "espeak-ng: not found",
    "Could not load this library",
    "_torchaudio",
    "unrecognized arguments",
    "CUDA out of memory",
)
SOURCES = [p for p in ROOT.glob("**/*.py") if not {"tests", ".venv"} & set(p.relative_to(ROOT).parts)]


def strings() -> str:
    """All text constants of the code, one a line; f-strings are cut at their values."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_every_message_that_is_explained_is_one_of_the_code():
    rows = re.findall(r"^\| (`[^|]*) \|", (ROOT / "docs/troubleshooting.md").read_text("utf-8"), re.M)
    assert len(rows) > 50
    known, unknown = strings(), []
    for row in rows:
        for message in re.findall(r"`([^`]+)`", row):
            parts = [part.strip(" '():") for part in message.split("…")]
            for part in (p for p in parts if len(p) > 5 and p not in OTHERS):
                pieces = re.split(r"\.venv| N, dim", part)  # values that the message has
                unknown += [part for piece in pieces if piece.strip() not in known]
    assert unknown == []


def anchors(text: str) -> set[str]:
    """Anchors of a page: those of its headings, as GitHub makes them, and those it sets itself."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)"', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_anchors_resolve(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        other = (page.parent / target).resolve() if target else page
        assert other.exists(), f"{link}: no such file"
        if anchor:
            assert anchor in anchors(other.read_text(encoding="utf-8")), f"{link}: no such heading"
