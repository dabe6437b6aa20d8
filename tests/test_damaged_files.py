"""Files damaged at random: every reader gives a result or one sentence with the file's name, and soon."""

import contextlib
import io
import json
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from checkpoint_files import tiny
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audio
from checkpoints import cards, models, store
from common import arrays
from common.cli import UserError
from common.presets import load_config
from common.tables import Table
from conversion import prosody_csv
from conversion.prosody import Curve, PitchRange
from evaluation import report
from preprocessing.data_folder import DataFolder

pytestmark = pytest.mark.slow  # twenty seconds of examples
SECONDS = 5.0  # that no reader takes for a small file, on a busy machine
some = settings(
    max_examples=40,
    deadline=None,  # measured below, in one place
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
WORDS = (
    b"\xff\xff\xff\xff",
    bytes(8),
    b"\xff\xfe",
    b"nan",
    b"-1",
    b"1e999",
    b'"',
    b"\r",
    b"\n[",
    b"=",
    b"{",
    b"\x1b[2J",
)


@st.composite
def damage(draw) -> list[tuple[str, int, bytes]]:
    """What happens to a file: bytes replaced, put in or lost, or all behind; places modulo its length."""
    bytes_ = st.one_of(st.sampled_from(WORDS), st.binary(min_size=1, max_size=6))
    step = st.tuples(st.sampled_from(("put", "insert", "cut", "drop")), st.integers(0, 1 << 20), bytes_)
    return draw(st.lists(step, min_size=1, max_size=4))


def damaged(content: bytes, steps: list[tuple[str, int, bytes]]) -> bytes:
    for kind, place, data in steps:
        at = place % (len(content) + 1)
        tail = {"put": at + len(data), "insert": at, "cut": len(content), "drop": at + 1}[kind]
        content = content[:at] + (data if kind in ("put", "insert") else b"") + content[tail:]
    return content


def held(path: Path, content: bytes, read) -> bool:
    """Whether `read` takes the content; a UserError has to be one sentence that names the file."""
    path.write_bytes(content)
    began = time.monotonic()
    try:
        read(path)
    except UserError as error:
        text = str(error)
        assert path.name in text and "\n" not in text and len(text) < 1000, text
        return False
    finally:
        assert time.monotonic() - began < SECONDS
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("声 damaged")
    soundfile.write(folder / "slow.wav", np.zeros(800), 8000)
    audio.load(folder / "slow.wav")  # what resamples takes seconds to load, which are not the reader's
    return folder


@cache
def wav(kind: str, subtype: str) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, 0.3 * np.sin(np.arange(3000) / 5), 16000, format=kind, subtype=subtype)
    return content.getvalue()


@pytest.mark.parametrize("suffix", [".wav", ".mp4"])
@given(
    damage(),
    st.sampled_from(
        [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("RF64", "PCM_24"), ("AIFF", "PCM_16"), ("AU", "ULAW")]
    ),
)
@some
def test_recordings(folder, suffix, steps, kind):
    assert held(folder / f"a{suffix}", wav(*kind), audio.load)
    # Most of a file are samples, and damage to them is sound: the header alone is damaged.
    head, tail = wav(*kind)[:80], wav(*kind)[80:]
    held(folder / f"a{suffix}", damaged(head, steps) + tail, audio.load)


@given(damage(), st.sampled_from([("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]))
@some
def test_compressed_recordings(folder, steps, kind):
    held(folder / "a.flac", damaged(wav(*kind), steps), audio.load)


PRESET = (ROOT / "configs" / "base.toml").read_bytes()


@given(damage())
@some
def test_presets(folder, steps):
    held(folder / "mine.toml", damaged(PRESET, steps), load_config)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value, before=()):
    """Paths to everything inside nested tables and lists."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*before, key)
        yield from places(part, (*before, key))


def changed(value, path: tuple, other):
    """A copy with another value at a path; Ellipsis takes it away."""
    if not path:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    if other is ... and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(copy[path[0]], path[1:], other)
    return copy


@given(st.data())
@some
def test_values_of_presets(folder, data):
    config = load_config()
    path = data.draw(st.sampled_from(list(places(config))))
    value = data.draw(
        st.one_of(st.just(...), st.booleans(), st.integers(-2, 10**12), st.floats(), st.text(max_size=5))
    )
    lines = []
    for name, table in flat(changed(config, path, value)).items():
        lines += [f"[{name}]" if name else ""]
        lines += [f"{json.dumps(key)} = {toml(item)}" for key, item in table.items()]
    held(folder / "mine.toml", "\n".join(lines).encode(), load_config)


def flat(config: dict, name: str = "") -> dict[str, dict]:
    tables = {name: {key: value for key, value in config.items() if not isinstance(value, dict)}}
    for key, value in config.items():
        if isinstance(value, dict):
            tables |= flat(value, f"{name}.{key}".lstrip("."))
    return tables


def toml(value) -> str:
    return str(value) if isinstance(value, float) else json.dumps(value)


SPLIT = {"seed": 1234, "val_share": 0.05, "test_share": 0.0, "train": ["a", "b"], "val": ["c"], "test": []}
STATS = {"labels": {"pit": {"bins": 99}, "dyn": {"bins": 64}}, "hours": 1.0}
COPIES = {
    "settings": {"pitch": 12.0, "gain": 0.0, "copies": 4, "seed": 1, "voicing": ""},
    "of": {"a~moved1": "a"},
}
FIGURES = {"voice": "x", "conditions": {"mcd": None}, "files": {"a.wav": {"gpe": 0.5, "wer": None}}}


def in_folder(path: Path):
    DataFolder(path.parent).read_json(path.name)


def compared(path: Path):
    content = report.read_voice_json(path)
    with contextlib.suppress(UserError):  # none of their files is in both
        report.differences(content, FIGURES)
    report.other_conditions(content, FIGURES)


JSONS = [
    ("split.json", SPLIT, in_folder),
    ("stats.json", STATS, in_folder),
    ("copies.json", COPIES, in_folder),
    ("figures.json", FIGURES, compared),
]


@pytest.mark.parametrize(("name", "value", "read"), JSONS, ids=[name for name, *_ in JSONS])
@given(st.data())
@some
def test_json(folder, name, value, read, data):
    assert held(folder / name, json.dumps(value).encode(), read)
    held(folder / name, damaged(json.dumps(value).encode(), data.draw(damage())), read)
    path = data.draw(st.sampled_from(list(places(value))))
    other = changed(value, path, data.draw(st.one_of(st.just(...), VALUES)))
    held(folder / name, json.dumps(other).encode(), read)


@pytest.mark.parametrize("mapped", [False, True])
@given(damage())
@some
def test_arrays(folder, mapped, steps):
    content = io.BytesIO()
    np.save(content, np.arange(60, dtype=np.float32).reshape(20, 3))
    held(
        folder / "a.npy",
        damaged(content.getvalue(), steps),
        lambda path: arrays.read(path, "remake it", mapped),
    )


@given(damage())
@some
def test_tables(folder, steps):
    rows = 'path,text\r\na/1.wav,one\r\n"b/2.wav","two, and"\r\n'

    def read(path: Path):
        assert isinstance(Table(path, "text").values(Path("a/1.wav")), list)

    held(folder / "t.csv", damaged(rows.encode("utf-8-sig"), steps), read)


@given(damage())
@some
def test_prosody(folder, steps):
    curve = Curve(np.full(9, 200.0), np.ones(9, bool), np.zeros(9))
    prosody_csv.write(folder / "c.csv", curve)
    held(
        folder / "c.csv",
        damaged((folder / "c.csv").read_bytes(), steps),
        lambda path: prosody_csv.read(path, 9),
    )


CARD = {
    **{"created": "now", "dataset": "demo", "pitdyn": "hubert", "step": 3, "hours": 1.0, "voice": "x"},
    **{"f0_hz": [80.0, 400.0], "f0_percentiles_hz": {"50": 150.0}, "loudness_db": [-30.0, 5.0]},
    **{"encoders": {"content": {"name": "c", "hash": "h"}}, "metrics": {"loss": 0.5}},
}


@cache
def checkpoint() -> dict:
    return {
        "format": "hubert-pitdyn",
        "version": 1,
        **tiny("acoustic", card=CARD, labels={"pit": {"bins": 9}})[0],
    }


def load_voice(path: Path):
    data = store.load(path)
    cards.describe(data)
    PitchRange.from_card(data["card"])
    models.load_acoustic(path, data)


@given(damage())
@some
def test_bytes_of_checkpoints(folder, steps):
    content = io.BytesIO()
    torch.save(checkpoint(), content)
    held(folder / "m.pt", damaged(content.getvalue(), steps), load_voice)


@given(st.data())
@some
def test_fields_of_checkpoints(folder, data):
    whole = {**checkpoint(), "model": dict(checkpoint()["model"])}
    path = data.draw(st.sampled_from(list(places(whole))))
    content = io.BytesIO()
    torch.save(changed(whole, path, data.draw(st.one_of(st.just(...), VALUES))), content)
    held(folder / "m.pt", content.getvalue(), load_voice)
