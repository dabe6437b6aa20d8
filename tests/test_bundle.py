"""Voices as zips: the same conversion, bit for bit; what is damaged or made to do damage is refused."""

import hashlib
import io
import json
import struct
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import pytest
import torch
from checkpoint_files import tiny
from conftest import ROOT, run_script

from checkpoints import bundle, models, places
from common.cli import UserError
from tools import model_card

WORDS = SimpleNamespace(
    voice="ハナ", zip=ROOT / "ハナ.zip", license=None, terms=None, credit=None, language="ja"
)


def parts():
    """Small checkpoints of a voice and its vocoder."""
    made = {"acoustic": tiny("acoustic")[0], "vocoder": tiny("hifigan")[0]}
    bank = {"name": "ハナ", "author": "誰か", "terms": "規約: 商用利用は許可が必要です。"}
    made["acoustic"]["card"] = {"hours": 0.2, "f0_hz": [97.0, 390.0], "bank": bank, "metrics": {"loss": 0.5}}
    return made


def packed(path, **texts):
    bundle.write(path, "ハナ", parts(), texts)
    return path


def rewritten(path, **changed):
    """The zip with other contents of some files; None leaves one out."""
    with zipfile.ZipFile(path) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    files |= changed
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def config_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def test_a_voice_comes_back_as_it_was_from_a_zip_and_from_a_folder(tmp_path):
    path = packed(tmp_path / "ハナ.zip")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "ハナ")
    for place in (path, tmp_path / "ハナ"):
        found = bundle.read(place)
        assert found.name == "ハナ" and set(found.parts) == {"acoustic", "vocoder"}
        for part, own in parts().items():
            assert found.parts[part]["card"] == (own.get("card") or {})
            assert all(torch.equal(found.parts[part]["model"][k], t) for k, t in own["model"].items())
        assert models.load_acoustic(place, found.parts["acoustic"]).kind
        assert places.voice_path(str(place)) == place and places.voice_name(str(place)) == "ハナ"


def test_the_same_voice_gives_the_same_bytes(tmp_path):
    one, other = packed(tmp_path / "a.zip", README="x"), packed(tmp_path / "b.zip", README="x")
    assert one.read_bytes() == other.read_bytes()


def test_a_zip_packed_anew_by_a_file_manager_is_read(tmp_path):
    path = rewritten(packed(tmp_path / "a.zip"))
    assert bundle.read(path).name == "ハナ"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "b.zip", "w") as nested:
        for name in ("config.json", "model.safetensors"):
            nested.writestr(f"ハナ/{name}", archive.read(name))
    assert bundle.read(tmp_path / "b.zip").name == "ハナ"


def _longer(config):
    config["parts"]["acoustic"]["config"]["model"]["lstm_dim"] = 1 << 30
    return config


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: {**c, "sha256": "0" * 64}, "damaged or another file .SHA-256"),
        (lambda c: {**c, "version": 9}, "has version 9, expected at most 1: update"),
        (lambda c: {**c, "format": "x"}, "expected a voice of this project"),
        (lambda c: {**c, "parts": {}}, "expected a voice of this project"),
        (lambda c: {**c, "parts": {"acoustic": c["parts"]["acoustic"]}}, "does not know the part"),
        (lambda c: {**c, "parts": {**c["parts"], "evil": c["parts"]["vocoder"]}}, "expected a voice"),
        (lambda c: [c], "config.json: it is damaged"),
        (_longer, "sizes that no model of ours has"),
        (lambda c: {**c, "parts": {**c["parts"], "vocoder": {"kind": "x", "config": {}}}}, "of kind 'x'"),
    ],
)
def test_a_config_that_cannot_be_is_refused(tmp_path, edit, message):
    path = packed(tmp_path / "a.zip")
    rewritten(path, **{"config.json": json.dumps(edit(config_of(path)))})
    with pytest.raises(UserError, match=message) as error:
        models.load_acoustic(path, bundle.read(path).parts["acoustic"])
    assert "\n" not in str(error.value)


def test_weights_that_are_none_are_refused(tmp_path):
    header = json.dumps({"acoustic.x": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}).encode()
    pickled = io.BytesIO()
    torch.save({"x": torch.zeros(1)}, pickled)
    for weights in (
        b"",
        pickled.getvalue(),
        struct.pack("<Q", 1 << 60),
        struct.pack("<Q", len(header)) + header,
    ):
        path = packed(tmp_path / "a.zip")
        config = {**config_of(path), "sha256": hashlib.sha256(weights).hexdigest()}
        rewritten(path, **{"model.safetensors": weights, "config.json": json.dumps(config)})
        with pytest.raises(UserError, match="model.safetensors is damaged"):
            bundle.read(path)


def test_what_a_file_claims_is_bounded(tmp_path):
    path = rewritten(packed(tmp_path / "a.zip"), **{"model.safetensors": bytes(200 << 20)})
    with pytest.raises(UserError, match="claims 209715200 bytes, which no voice has"):
        bundle.read(path)
    rewritten(path, **{"config.json": b" " * (5 << 20)})
    with pytest.raises(UserError, match="config.json claims"):
        bundle.read(path)


def test_another_zip_and_a_cut_one_are_refused(tmp_path):
    path = packed(tmp_path / "a.zip")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="cannot be read"):
        bundle.read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(UserError, match="with config.json in it"):
        bundle.read(path)


def test_the_readme_is_a_model_card(tmp_path):
    import yaml

    made = parts()
    texts = model_card.texts(WORDS, made["acoustic"]["card"], made)
    _, front, body = texts["README.md"].split("---\n", 2)
    assert yaml.safe_load(front) == {
        "license": "other",
        "license_name": "terms-of-the-recordings",
        "license_link": "TERMS.txt",
        "language": "ja",
        "library_name": "hubert-pitdyn",
        "pipeline_tag": "audio-to-audio",
        "tags": ["voice-conversion", "singing-voice-conversion", "safetensors"],
    }
    assert "Data: 0.20 hours" in body and "97 to 390 Hz" in body and "loss 0.5" in body
    assert "商用利用は許可が必要です" in body and "Name in what you publish: ハナ, 誰か." in body
    assert "synthetic" in body and "商用" in texts["TERMS.txt"] and "Whisper" in texts["NOTICE"]


def test_a_voice_without_terms_is_not_packed():
    with pytest.raises(UserError, match="terms of its recordings are not known; give them by --terms"):
        model_card.texts(WORDS, {}, {})


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with the shipped voice kathleen, packed to kathleen.zip."""
    import shutil

    root = tmp_path_factory.mktemp("share")
    for name in ("demo", "kathleen"):
        shutil.copytree(ROOT / "out" / name, root / "out" / name)
    run_script("tools.voice", "pack", "kathleen", "kathleen.zip", "--language", "en", cwd=root)
    return root


def converted(project, voice, folder="a", **environment):
    run_script(
        "infer.py", voice, "--input", ROOT / "test" / "slt_high.wav", "--out_path", folder, "--device", "cpu",
        cwd=project, **environment,
    )  # fmt: skip
    (made,) = (project / folder).glob("*.wav")
    return made.read_bytes()


@pytest.mark.slow
def test_a_packed_and_an_unpacked_voice_convert_byte_for_byte(project, tmp_path):
    expected = converted(project, "kathleen", "own")
    assert (project / "own" / "slt_high_kathleen.wav").is_file()
    assert converted(project, "kathleen.zip", "packed") == expected
    (tmp_path / "out").mkdir()  # a clone without any weights
    assert converted(tmp_path, project / "kathleen.zip", "gen") == expected
    run_script("tools.voice", "unpack", project / "kathleen.zip", cwd=tmp_path)
    assert {p.name for p in (tmp_path / "out" / "kathleen").iterdir()} >= {
        "hifigan",
        "hubert-pit",
        "TERMS.txt",
    }
    assert converted(tmp_path, "kathleen", "gen2") == expected
    again = run_script("tools.voice", "unpack", project / "kathleen.zip", cwd=tmp_path, expect=2)
    assert "give another --name" in again.stderr
    run_script("tools.voice", "unpack", project / "kathleen.zip", "--name", "k2", cwd=project)
    assert {p.name for p in (project / "out" / "k2").iterdir() if p.is_dir()} == {"acoustic"}


@pytest.mark.slow
def test_torch_hub_gives_a_converter(tmp_path):
    code = (
        "import sys, torch, numpy as np\n"
        f"voice = torch.hub.load({str(ROOT)!r}, 'voice', 'kathleen', source='local', trust_repo=True)\n"
        "wav = voice.convert(np.sin(np.arange(16000) / 20).astype(np.float32), 16000, transpose=5)\n"
        "print(wav.shape, wav.dtype)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.stdout.strip().endswith("(44100,) float32"), done.stderr
