"""A bank's zip becomes recordings with their own names; its texts say which are voice, and whose terms."""

import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import odd_bank
import pytest
from conftest import ROOT, run_script

from common.cli import UserError
from preprocessing import bank, bank_texts
from preprocessing.bank_zip import BankZip
from preprocessing.data_folder import DataFolder
from preprocessing.split import write_split

VOICED = {f"{folder}/{prompt}" for folder in ("ソフト", "強") for prompt in odd_bank.PROMPTS} | {"a R"}
TERMS = "利用規約 / 商用利用は許可が必要です。 / クレジットに「ハナ」と表記してください。"


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path / "data" / "hana")


def connected(folder, path, keep_noises=False):
    """As preprocess.py connects a data folder to a zip."""
    folder.connect(BankZip(folder, path).unpack())
    bank.note(folder, keep_noises)
    return folder


@pytest.fixture
def hana(tmp_path, folder):
    return connected(folder, odd_bank.make(tmp_path / "ハナ.zip", 0.1))


def test_a_zip_of_japanese_names_becomes_recordings_and_says_what_it_is_in_five_lines(hana, capsys):
    assert set(hana.files) == VOICED
    bank.note(hana, keep_noises=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{hana.root}: a bank, ハナ, by 誰か",
        "  texts: 3 oto.ini, a character file, prefix.map, read as Shift-JIS, UTF-8",
        lines[2],
        "  prompts: 8, of which all takes go to one side of the split; prefixes and suffixes: _S, _W",
        f"  terms: readme.txt: {TERMS}",
    ]
    voice, _, noises = lines[2].rpartition(": ")
    assert voice == "  voice: 15 of 19 recordings; left out as breath, noise or sample"
    assert set(noises.split(", ")) == {"サンプル.wav", "ノイズ.wav", "ref.wav", "息.wav"}


def test_all_colours_of_a_prompt_lie_on_one_side(hana):
    takes = hana.read_json("bank.json")["takes"]
    split = write_split(hana, 3, 0.4, 0.0, takes=takes)
    for prompt in odd_bank.PROMPTS:
        sides = {part for part in ("train", "val") for key in split[part] if key.endswith(f"/{prompt}")}
        assert len(sides) == 1, prompt
    assert len(split["val"]) > 1


def test_terms_and_names_go_into_the_voice_card(hana):
    about = bank.card_of(hana)
    assert about["name"] == "ハナ" and about["author"] == "誰か" and about["terms_file"] == "readme.txt"
    assert "商用利用は許可が必要です" in about["terms"] and about["web"] == "https://example.com/hana"


def test_breaths_are_kept_where_that_is_asked_for(tmp_path, folder):
    connected(folder, odd_bank.make(tmp_path / "b.zip", 0.1), keep_noises=True)
    assert len(folder.files) == 19


def test_a_folder_of_a_bank_is_understood_like_its_zip(tmp_path, folder):
    for name, data in odd_bank.contents(0.1).items():
        (tmp_path / "ハナ" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ハナ" / name).write_bytes(data)
    folder.connect(tmp_path / "ハナ")
    bank.note(folder, False)
    assert set(folder.files) == VOICED


def test_a_folder_of_wavs_without_texts_is_taken_as_it_is(tmp_path, folder):
    for name in ("br", "noise", "R", "speech"):
        (tmp_path / "wavs" / f"{name}.wav").parent.mkdir(exist_ok=True)
        (tmp_path / "wavs" / f"{name}.wav").write_bytes(odd_bank.wav_of(0.1, 1))
    folder.connect(tmp_path / "wavs")
    bank.note(folder, False)
    assert len(folder.files) == 4 and folder.read_json("bank.json") is None


def test_recordings_with_a_licence_alone_keep_its_terms_and_all_files(tmp_path, folder, capsys):
    for name in ("br.wav", "speech.wav"):
        (tmp_path / "wavs" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "wavs" / name).write_bytes(odd_bank.wav_of(0.1, 1))
    (tmp_path / "wavs" / "LICENSE").write_text("Some rights: CC BY 4.0, credit Someone", encoding="utf-8")
    folder.connect(tmp_path / "wavs")
    bank.note(folder, False)
    assert len(folder.files) == 2 and "CC BY 4.0" in bank.card_of(folder)["terms"]
    assert "terms: LICENSE: Some rights: CC BY 4.0, credit Someone" in capsys.readouterr().out


def test_nothing_is_unpacked_again_unless_the_zip_changed(tmp_path, folder, capsys):
    path = odd_bank.make(tmp_path / "b.zip", 0.1)
    place = BankZip(folder, path).unpack()
    mark = place / "強" / "あ.wav"
    mark.write_bytes(b"marked")
    for dated in (False, True):  # another date, and the same bytes
        os.utime(path, (1e9, 1e9)) if dated else None
        assert BankZip(folder, path).unpack() == place and mark.read_bytes() == b"marked"
    files = odd_bank.contents(0.1)
    files["強/あ.wav"] = odd_bank.wav_of(0.2, 99)
    del files["強/い.wav"]
    odd_bank.write_zip(path, files)
    folder.connect(BankZip(folder, path).unpack())
    assert mark.read_bytes() == files["強/あ.wav"] and not (place / "強" / "い.wav").exists()
    assert mark.with_name("う.wav").stat().st_mtime == mark.stat().st_mtime  # the zip's own date
    other = odd_bank.write_zip(tmp_path / "other.zip", {"x.wav": odd_bank.wav_of(0.1, 1)})
    with pytest.raises(UserError, match="its wavs are of .*b.zip, not .*other.zip; take another name"):
        BankZip(folder, other)


def test_only_recordings_and_texts_are_unpacked(hana):
    kinds = {path.suffix for path in (hana.root / "bank").rglob("*") if path.is_file()}
    assert kinds == {".wav", ".ini", ".txt", ".map"}


@pytest.mark.parametrize("name", ["../out.wav", "a/../../out.wav", "..\\out.wav"])
def test_a_name_that_leads_out_is_refused(tmp_path, folder, name):
    files = {name: odd_bank.wav_of(0.1, 1)}
    path = odd_bank.write_zip(tmp_path / "in" / "b.zip", files, top="")
    with pytest.raises(UserError, match="leads out of it"):
        BankZip(folder, path)
    assert not list(tmp_path.rglob("out.wav"))


@pytest.mark.parametrize("name", ["/etc/あ.wav", "C:\\x\\あ.wav", "con/nul.wav", "a?b:c.wav", "x /y..wav"])
def test_names_that_no_system_takes_become_ones_that_all_do(tmp_path, folder, name):
    path = odd_bank.write_zip(tmp_path / "in" / "b.zip", {name: odd_bank.wav_of(0.1, 1)}, top="")
    place = BankZip(folder, path).unpack()
    (found,) = [p.relative_to(place) for p in place.rglob("*.wav")]
    assert not set(found.as_posix()) & set('<>:"|?*\\')
    assert all(part[-1] not in ". " and part.split(".")[0] not in ("con", "nul") for part in found.parts)


def test_what_a_zip_claims_is_bounded(tmp_path, folder, monkeypatch):
    path = odd_bank.make(tmp_path / "b.zip", 0.1)
    monkeypatch.setattr("preprocessing.bank_zip.MOST_BYTES", 1000)
    with pytest.raises(UserError, match="expected at most 0 GB"):
        BankZip(folder, path)
    monkeypatch.setattr("preprocessing.bank_zip.MOST_FILES", 5)
    with pytest.raises(UserError, match="at most 5 files"):
        BankZip(folder, path)
    assert not folder.root.exists()


def test_a_damaged_zip_and_another_kind_of_file_are_refused_in_a_sentence(tmp_path, folder):
    path = odd_bank.make(tmp_path / "b.zip", 0.1)
    whole = bytearray(path.read_bytes())
    (tmp_path / "cut.zip").write_bytes(whole[:5000])
    (tmp_path / "b.rar").write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(99))
    for name in ("cut.zip", "b.rar"):
        with pytest.raises(UserError, match="expected a folder of wavs or a bank's zip.*unpack it by hand"):
            BankZip(folder, tmp_path / name)
    whole[3000:3100] = bytes(100)  # within a recording's packed bytes
    path.write_bytes(whole)
    with pytest.raises(UserError, match="cannot be read .*unpack it by hand"):
        BankZip(folder, path).unpack()
    assert not (folder.root / "bank").exists()


@pytest.mark.parametrize("encoding", ["gbk", "cp949", "cp437", "cp1252"])
def test_names_of_other_languages_are_read_as_they_were_meant(tmp_path, folder, encoding):
    names = {
        "gbk": ["啊", "吧", "吸气", "录音"],
        "cp949": ["가", "나", "다", "라", "마", "바", "사", "아", "자"],
        "cp437": ["été", "Müller"],
        "cp1252": ["Ação", "Müller"],
    }[encoding]
    files = {f"{name}.wav": odd_bank.wav_of(0.1, 1) for name in names}
    place = BankZip(folder, odd_bank.write_zip(tmp_path / "b.zip", files, encoding, top="")).unpack()
    assert {path.stem for path in place.rglob("*.wav")} == set(names)


def test_a_name_in_infozips_own_field_is_taken(tmp_path, folder):
    raw, name = b"?.wav", "歌.wav"
    field = b"\x01" + struct.pack("<I", zlib.crc32(raw)) + name.encode()
    info = zipfile.ZipInfo(raw.decode())
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr(info, odd_bank.wav_of(0.1, 1))
    place = BankZip(folder, tmp_path / "b.zip").unpack()
    assert [path.name for path in place.iterdir()] == [name]


@pytest.mark.parametrize(
    ("alias", "expected"),
    [("a R", True), ("R", False), ("r", True), ("息", False), ("息1", False), ("吸い", False), ("あ息", True)]
    + [("breath_01", False), ("br", False), ("bra", True), ("SP", False), ("・", True), ("息_S", False)]
    + [("吸气", False), ("숨소리", False), ("ＢＲ２", False), ("- か", True), ("01", True)],
)
def test_which_aliases_are_voice(alias, expected):
    texts = bank_texts.Texts(affixes={"_S"})
    texts.aliases["x"] = [alias]
    assert bank.is_voice(Path("x.wav"), texts) == expected


def test_a_recording_of_which_any_alias_is_voice_is_voice():
    texts = bank_texts.Texts()
    texts.aliases["x"] = ["息", "か"]
    assert bank.is_voice(Path("x.wav"), texts)


def test_an_openutau_character_file_says_name_and_colours(tmp_path):
    text = "name: 'Hana: V2'\nauthor: Someone\nsubbanks:\n- color: ''\n  prefix: ''\n  suffix: _P\n"
    (tmp_path / "character.yaml").write_text(text, encoding="utf-8")
    texts = bank_texts.read(tmp_path)
    assert texts.about == {"name": "Hana: V2", "author": "Someone"} and texts.affixes == {"_P"}
    for damaged in ("name: [", "- 1", "a: &a [*a]", "subbanks: 7"):
        (tmp_path / "character.yaml").write_text(damaged, encoding="utf-8")
        assert bank_texts.read(tmp_path).about == {}


@pytest.mark.slow
def test_from_a_zip_to_a_conversion(tmp_path):
    import shutil

    import soundfile

    for name in ("demo", "kathleen"):
        shutil.copytree(ROOT / "out" / name, tmp_path / "out" / name)
    (tmp_path / "data").mkdir()
    odd_bank.make(tmp_path / "ハナ.zip", 1.0)
    wide = ("--config", ROOT / "configs" / "wide.toml")

    def run(*arguments):
        return run_script(*arguments, cwd=tmp_path)

    made = run("preprocess.py", "hana", "--wavs", "ハナ.zip", "--mel", *wide, "--n_workers", 2)
    assert "a bank, ハナ, by 誰か" in made.stdout
    run("preprocess.py", "hana", "--encode", "demo", *wide)
    best = "out/kathleen/acoustic/model-best.pt"
    refine = ("--resume", best, "--refine", *wide, "--steps", 2, "--batch_size", 4, "--device", "cpu")
    run("train_acoustic.py", "data/hana", "out/hana/acoustic", *refine)
    source = tmp_path / "source.wav"
    soundfile.write(source, np.frombuffer(odd_bank.wav_of(1.0, 5)[44:], np.int16) / 32768, 16000)
    done = run("infer.py", "hana", "--input", source, "--device", "cpu")
    assert (tmp_path / "gen" / "source_hana.wav").is_file()
    assert "利用規約" in done.stderr
