"""Items of the listening page: texts and kinds of sources, and commands for missing conversions."""

from __future__ import annotations

import shlex
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

import audio
from common.cli import UserError
from listening import items
from tools.make_test_audio import SPEECH

ROOT = Path(__file__).resolve().parent.parent


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.save(path, np.zeros(1600, np.float32))


def table(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "texts.csv").write_text(text, encoding="utf-8")
    return folder / "texts.csv"


def test_texts_kinds_and_languages_come_from_the_table_beside_the_sources(tmp_path):
    for name in ("a", "はな", "c"):
        write(tmp_path / "test" / f"{name}.wav")
    table(tmp_path / "test", 'path,text,kind,language\na.wav,"One, two.",speech; low,en\nはな.wav,花,,ja\n')
    one, three, two = items.collect(tmp_path / "test", tmp_path / "gen")
    assert (one.text, one.kinds, one.language) == ("One, two.", ("speech", "low"), "en")
    assert (two.text, two.kinds, two.language) == ("花", (), "ja")
    assert (three.text, three.about, three.kinds) == ("", "", ())


def test_a_table_of_texts_alone_is_enough_and_none_is_named_as_such(tmp_path):
    write(tmp_path / "test" / "a.wav")
    texts = table(tmp_path / "other", "path,text\nsomewhere/a.flac,Hello.\n")
    assert items.collect(tmp_path / "test", tmp_path / "gen", texts)[0].text == "Hello."
    with pytest.raises(UserError, match="expected columns path and text"):
        items.collect(tmp_path / "test", tmp_path, table(tmp_path / "bad", "name,words\na,b\n"))
    with pytest.raises(UserError, match=r"none\.csv"):
        items.collect(tmp_path / "test", tmp_path / "gen", tmp_path / "none.csv")


@pytest.mark.skipif(sys.platform == "win32", reason="takes the line apart as a shell of Linux does")
@pytest.mark.parametrize(
    ("sources", "input", "out"),
    [
        (["it's $HOME.wav"], "test/it's $HOME.wav", "gen"),
        (["sub dir/はな.wav"], "test/sub dir/はな.wav", "gen/sub dir"),
        (["a.wav", "a.flac"], "test", "gen"),
    ],
)
def test_the_command_converts_to_where_the_page_looks(tmp_path, monkeypatch, sources, input, out):
    from conversion.files import find_sources, target_paths

    monkeypatch.chdir(tmp_path)
    for source in sources:
        write(Path("test", source))
    item = items.collect(Path("test"), Path("gen"))[0]
    line = shlex.split(items.command(item, "hana", "demo", Path("test"), Path("gen")))
    expected = ["python", "infer.py", "hana", "--dataset", "demo", "--input", input, "--out_path", out]
    assert line == expected
    for target in target_paths(find_sources(Path(line[6])), "hana", Path(line[8])).values():
        write(target)
    found = items.collect(Path("test"), Path("gen"))
    assert all(item.conversions.keys() == {"hana"} for item in found) and len(found) == len(sources)


def test_a_file_that_looks_like_an_option_stays_one():
    item = items.Item(Path("-x.wav"), {}, "", "", (), "", True)
    assert shlex.split(items.command(item, "v", "demo", Path("-x.wav"), Path("gen")))[6].endswith("-x.wav")
    assert "--input -x" not in items.command(item, "v", "demo", Path(), Path("gen"))


def test_every_source_of_the_repository_has_its_text_and_kind():
    found = items.collect(ROOT / "test", ROOT / "nowhere")
    assert all(item.kinds and (item.text or item.about) for item in found)
    texts = {item.source.stem: item.text for item in found}
    for name, (_, options, text) in SPEECH.items():
        if "cmn" not in options and "ja" not in options:  # those are written as they sound
            assert texts[name] == text
    (song,) = [item for item in found if "song" in item.kinds]
    assert song.source.name == "sung_melody.wav"


def test_sources_are_what_the_models_expect():
    total = 0
    for path in sorted((ROOT / "test").glob("*.wav")):
        with wave.open(str(path), "rb") as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000), path.name
            assert 2.0 <= file.getnframes() / 16000 <= 5.0, path.name
        total += path.stat().st_size
    assert total < 1_500_000
    assert any(not path.name.isascii() for path in (ROOT / "test").glob("*.wav"))
