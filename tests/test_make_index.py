"""gen/index.html: which conversion goes with which source, and links that lead to the files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import wave
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import make_index
from common.cli import UserError
from listening import items

ROOT = Path(__file__).resolve().parent.parent
# What a file system, HTML or an address could trip over. Windows has no quotes, < or > in names.
HOSTILE = ["こんにちは", "two words", "a#b", "50% off", "q&a", "it's", "50%25", "c;d=e+f,g", "[x] {y}"]
if sys.platform != "win32":
    HOSTILE += ['say "hi"', "<b>bold</b>".replace("/", "_"), "what?", "a:b", "back\\slash"]


class Page(HTMLParser):
    """names: of the items; rows: per item the addresses of its players, {voice: address}, "" the source's;
    voices: those in the legend; text: all that can be read; external: tags that would fetch something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[dict[str, str]] = []
        self.names: list[str] = []
        self.voices: list[str] = []
        self.text: list[str] = []
        self.external: list[str] = []
        self.players: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.text = [" ".join(part.split()) for part in self.text if part.strip()]

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        if tag == "article":
            self.rows.append({})
            self.players = []
            self.names.append("")
        if "data-track" in values and tag == "button":
            self.rows[-1][values["data-voice"]] = values["data-track"]
        if tag == "audio":
            voice = next(voice for voice, at in self.rows[-1].items() if at == values["data-track"])
            self.rows[-1][voice] = values["src"]
        if tag in ("link", "img", "iframe", "object") or {"href", "srcset", "poster"} & set(values):
            self.external.append(tag)
        if "src" in values and tag != "audio":
            self.external.append(tag)

    def handle_data(self, data):
        tag = self.tags[-1] if self.tags else ""
        if tag == "h2":
            self.names[-1] += data
        if tag == "b" and "article" not in self.tags:
            self.voices.append(data)
        if tag not in ("script", "style"):
            self.text.append(data)

    def handle_endtag(self, tag):
        self.tags.append("")

    def links(self) -> list[list[str]]:
        """Addresses of each item, the source's first."""
        return [list(row.values()) for row in self.rows]


def make_wav(path: Path, seconds: float = 0.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(int(seconds * 32000)))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "make_index.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture
def page_of(tmp_path, monkeypatch):
    """Calls make_index.py in tmp_path, and reads the page."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, out: str = "gen/index.html") -> Page:
        monkeypatch.setattr(sys, "argv", ["make_index.py", *arguments])
        assert make_index.main() == 0
        return Page((tmp_path / out).read_text("utf-8"))

    return call


def target(folder: Path, source: str) -> Path:
    """The file that a browser fetches for a relative address in a page in `folder`."""
    parts = urlsplit(source)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    return folder / unquote(parts.path, errors="strict")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("voice", ["hana", 'はな & "co" #1' if sys.platform != "win32" else "はな & #1"])
def test_hostile_names_link_to_their_files(tmp_path, page_of, name, voice):
    make_wav(tmp_path / "test" / f"{name}.wav")
    make_wav(tmp_path / "gen" / f"{name}_{voice}.wav")
    page = page_of()
    assert page.names == [f"{name}.wav"]
    assert page.voices == [voice] and list(page.rows[0]) == ["", voice]
    source, conversion = page.links()[0]
    assert target(tmp_path / "gen", source).samefile(tmp_path / "test" / f"{name}.wav")
    assert target(tmp_path / "gen", conversion).samefile(tmp_path / "gen" / f"{name}_{voice}.wav")


def test_each_conversion_stands_under_its_voice(tmp_path, page_of):
    for name in (
        "test/a",
        "test/a_b",
        "test/sub/a",
        "gen/a_v",
        "gen/a_b_v",
        "gen/sub/a_w",
        "gen/a_",
        "gen/.a_v.part",
    ):
        make_wav(tmp_path / f"{name}.wav")
    make_wav(tmp_path / "gen" / "stray_v.wav")
    (tmp_path / "gen" / "a_v.txt").write_text("no audio", encoding="utf-8")
    page = page_of()
    assert page.names == ["a.wav", "a_b.wav", "sub/a.wav"]
    assert page.voices == ["v", "w"]
    assert page.rows == [
        {"": "../test/a.wav", "v": "a_v.wav"},
        {"": "../test/a_b.wav", "v": "a_b_v.wav"},
        {"": "../test/sub/a.wav", "w": "sub/a_w.wav"},
    ]


def test_sources_of_equal_stem_keep_their_conversions_apart(tmp_path, page_of):
    for name in ("test/a.wav", "test/a.flac", "gen/a.wav_v.wav", "gen/a.flac_v.wav"):
        make_wav(tmp_path / name)
    assert page_of().links() == [
        ["../test/a.flac", "a.flac_v.wav"],
        ["../test/a.wav", "a.wav_v.wav"],
    ]


@pytest.mark.parametrize("make_gen", [True, False])
def test_page_without_conversions_says_how_to_make_some(tmp_path, page_of, make_gen):
    make_wav(tmp_path / "test" / "a.wav", 1.25)
    if make_gen:
        (tmp_path / "gen").mkdir()
    page = page_of()
    text = (tmp_path / "gen" / "index.html").read_text("utf-8")
    assert page.links() == [["../test/a.wav"]]
    assert "make_infer_test.cmd" in text and "bash demo.sh" in text
    assert "1.2 s" in text


def test_page_in_another_folder_links_back(tmp_path, page_of):
    make_wav(tmp_path / "in" / "a.wav")
    make_wav(tmp_path / "made" / "a_v.wav")
    page = page_of("--test", "in", "--gen", "made", "--out", "site/p.html", out="site/p.html")
    assert page.links()[0] == ["../in/a.wav", "../made/a_v.wav"]


def test_the_page_lies_beside_the_conversions_and_nowhere_else(tmp_path, page_of):
    make_wav(tmp_path / "in" / "a.wav")
    make_wav(tmp_path / "made" / "a_v.wav")
    (tmp_path / "index.html").write_text("tracked", encoding="utf-8")
    page = page_of("--test", "in", "--gen", "made", out="made/index.html")
    assert page.links()[0] == ["../in/a.wav", "a_v.wav"]
    assert (tmp_path / "index.html").read_text("utf-8") == "tracked"
    assert not (tmp_path / "gen").exists()


def test_a_single_source_has_a_page_of_its_own(tmp_path, page_of):
    for name in ("in/a", "in/b", "gen/a_v", "gen/b_v"):
        make_wav(tmp_path / f"{name}.wav")
    page = page_of("--test", "in/a.wav")
    assert page.names == ["a.wav"] and page.links()[0] == ["../in/a.wav", "a_v.wav"]


def test_a_page_is_no_folder(tmp_path):
    make_wav(tmp_path / "test" / "a.wav")
    (tmp_path / "a.html").mkdir()
    ran = run(tmp_path, "--out", "a.html")
    assert ran.returncode == 2
    assert ran.stderr == "error: a.html: expected a file to write the page to, found a folder\n"


def test_same_input_gives_the_same_page_without_outside_assets(tmp_path, page_of):
    for name in ("b", "a", "c"):
        make_wav(tmp_path / "test" / f"{name}.wav")
    first = page_of()
    text = (tmp_path / "gen" / "index.html").read_bytes()
    page_of()
    assert (tmp_path / "gen" / "index.html").read_bytes() == text
    assert first.external == []
    assert not re.search(rb"https?:|@import", text)
    assert set(re.findall(rb"url\(.{9}", text)) == {b'url("${one.pi'}  # a data: URI of the page's own
    assert b"\r" not in text and b'<meta charset="utf-8">' in text
    assert first.names == ["a.wav", "b.wav", "c.wav"]


def test_other_formats_and_broken_wavs_are_listed(tmp_path, page_of):
    make_wav(tmp_path / "test" / "a.wav")
    (tmp_path / "test" / "b.wav").write_bytes(b"not a wav")
    (tmp_path / "test" / "c.FLAC").write_bytes(b"")
    (tmp_path / "test" / "notes.txt").write_text("", encoding="utf-8")
    assert page_of().names == ["a.wav", "b.wav", "c.FLAC"]


def test_missing_test_folder_is_wrong_usage(tmp_path):
    ran = run(tmp_path, "--test", "nowhere")
    assert ran.returncode == 2
    last = ran.stderr.splitlines()[-1]
    assert last == "error: nowhere: expected a folder of source wavs, found none; name it with --test"
    assert not (tmp_path / "gen").exists()
    with pytest.raises(UserError):
        items.find_sources(tmp_path / "nowhere")


def test_help_names_the_folder_of_conversions(tmp_path):
    assert "--gen" in run(tmp_path, "--help").stdout


def test_the_page_lists_the_sources_of_the_repository(tmp_path, page_of):
    page = page_of("--test", str(ROOT / "test"))
    assert page.names == [path.as_posix() for path in items.find_sources(ROOT / "test")]
    assert len(page.names) >= 12
    for source, *_ in page.links():
        assert target(tmp_path / "gen", source).is_file()


def test_the_page_at_the_root_leads_to_the_one_in_gen():
    text = (ROOT / "index.html").read_text("utf-8")
    assert re.findall(r'href="([^"]*)"', text) == ["gen/index.html"]
    assert "bash demo.sh" in text and "demo.cmd" in text
    assert "<audio" not in text and not re.search(r"https?:|@import|url\(|src=", text)


def test_conversions_are_looked_up_and_not_compared_with_every_source(tmp_path):
    """Three sources that share a stem, stems that begin others, and voices with underscores."""
    names = ["song.wav", "song.mp3", "song.mp3.wav", "a.wav", "a_b.wav", "sub/a.wav", "_x_.wav"]
    for name in names:
        make_wav(tmp_path / "test" / name)
    made = [
        "song.wav_v",
        "song.mp3_v",
        "song.mp3.wav_v",
        "a_v_w",
        "a_b_v_w",
        "sub/a_b_v",
        "_x__v",
        "b_v",
        "a_",
    ]
    for name in made:
        make_wav(tmp_path / "gen" / f"{name}.wav")
    found = items.find_conversions(items.find_sources(tmp_path / "test"), tmp_path / "gen")
    voices = {
        source.as_posix(): {voice: path.stem for voice, path in of.items()} for source, of in found.items()
    }
    assert voices == {
        "song.wav": {"v": "song.wav_v"},
        "song.mp3": {"v": "song.mp3_v"},
        "song.mp3.wav": {"v": "song.mp3.wav_v"},
        "a.wav": {"v_w": "a_v_w"},
        "a_b.wav": {"v_w": "a_b_v_w"},
        "sub/a.wav": {"b_v": "a_b_v"},
        "_x_.wav": {"v": "_x__v"},
    }


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are Unicode")
def test_names_that_are_not_utf8_are_shown_readably_and_linked_exactly(tmp_path, page_of):
    name = os.fsdecode("かソき".encode("cp932"))
    make_wav(tmp_path / "test" / f"{name}.wav")
    make_wav(tmp_path / "gen" / f"{name}_v.wav")
    page = page_of()
    assert page.names == ["かソき.wav"] and "%82%A9%83%5C%82%AB_v.wav" in page.links()[0][-1]
