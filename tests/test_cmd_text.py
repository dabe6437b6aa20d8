"""The text of the .cmd files: bytes, labels and jumps, no construct that interpreters take differently."""

from __future__ import annotations

import re

import pytest
from script_runner import ROOT, scripts

SCRIPTS = scripts(".cmd")


@pytest.mark.parametrize("name", SCRIPTS)
def test_bytes_are_ascii_with_crlf(name):
    # git may hand out LF where .gitattributes is not honoured, which breaks GOTO in cmd.exe.
    data = (ROOT / name).read_bytes()
    assert data.isascii()
    assert data.endswith(b"\r\n")
    assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")


def test_gitattributes_fix_line_endings():
    rules = (ROOT / ".gitattributes").read_text("utf-8").splitlines()
    assert {"*.cmd text eol=crlf", "*.sh text eol=lf", ".ci/run text eol=lf", "*.wav binary"} <= set(rules)


@pytest.mark.parametrize("name", SCRIPTS)
def test_labels_and_jumps_match(name):
    text = (ROOT / name).read_text("ascii")
    labels = re.findall(r"^:(\w+)", text, flags=re.M)
    jumps = re.findall(r"\b(?:GOTO |CALL :)(\w+)", text)
    assert set(jumps) == set(labels)
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_construct_that_differs_between_interpreters(name):
    text = (ROOT / name).read_text("ascii")
    assert not re.search(r"&&|\|\||IF ERRORLEVEL|CHCP|EnableDelayedExpansion", text)
    assert "SETLOCAL EnableExtensions DisableDelayedExpansion" in text
