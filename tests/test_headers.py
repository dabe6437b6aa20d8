"""The header of a conversion: what it says comes back, whatever is in the notes."""

from __future__ import annotations

import argparse
from types import SimpleNamespace

import numpy as np
import pytest

import audio
from conversion import headers
from conversion.files import BatchFile, convert_file, planned
from conversion.headers import COMMENT, Header

TONE = 0.1 * np.sin(np.arange(16000) / 10).astype(np.float32)


def kept(path, *about) -> Header | None:
    audio.save(path, TONE, headers.comment(*about))
    return headers.read(path)


def test_options_notes_and_start_come_back(tmp_path):
    options = {
        "transpose": 5.0,
        "auto_pitch": False,
        "pitch_scale": 1.0,
        "dyn_from": TONE,
        "prosody_in": None,
    }
    found = kept(tmp_path / "a.wav", options, ["nötig: 3 of 9", "音"], 0.25)
    assert found == Header({"transpose": 5.0, "dyn_from": True}, ("nötig: 3 of 9", "音"), 0.25)


def test_notes_beyond_the_room_of_a_header_go_and_the_rest_stays(tmp_path):
    found = kept(tmp_path / "a.wav", {"transpose": 1.0}, ["音" * 100, "b" * 1500, "c"])
    assert found == Header({"transpose": 1.0}, ("音" * 100,))


def test_other_recordings_have_none_and_an_older_conversion_an_empty_one(tmp_path):
    for name, comment in (
        ("a", ""),
        ("b", "made by hand"),
        ("c", COMMENT),
        ("d", f"{COMMENT}\n[1"),
        ("e", f"{COMMENT}\n[]"),
    ):
        audio.save(tmp_path / f"{name}.wav", TONE, comment)
    assert headers.read(tmp_path / "a.wav") is headers.read(tmp_path / "b.wav") is None
    assert headers.read(tmp_path / "nowhere.wav") is None
    assert [headers.read(tmp_path / f"{name}.wav") for name in "cde"] == [Header()] * 3


@pytest.mark.parametrize(
    ("options", "semitones"),
    [
        ({}, 0.0),
        ({"transpose": -12.0, "dyn_gain": 3.0, "dyn_scale": 2.0, "dyn_from": True}, -12.0),
        ({"transpose": 2.0, "auto_pitch": True}, None),
        ({"prosody_in": True}, None),
    ],
)
def test_the_transposition_is_known_unless_the_melody_was_edited_otherwise(options, semitones):
    assert Header(options).transposition() == semitones


@pytest.mark.parametrize("trim", [False, True])
def test_a_batch_writes_it_and_knows_its_conversions_by_it(tmp_path, trim):
    audio.save(tmp_path / "a.wav", TONE)
    edited = SimpleNamespace(
        source=audio.Prepared(TONE, 800, 16000, 16800), notes=("a note",), replaced=False
    )
    converter = SimpleNamespace(
        analyse=lambda wav, _: wav,
        edit=lambda *a, **k: edited,
        render=lambda *a: TONE,
        shortfall=lambda *a: (),
        rate=16000,
        card={"mix": {"mai": {"share": 0.5, "terms": ""}}},
    )
    target = tmp_path / "gen" / "a_hana.wav"
    file = BatchFile(tmp_path / "a.wav", target, None, None)
    assert convert_file(converter, file, {"transpose": 3.0}, trim, False) == ("a note",)
    said = {"transpose": 3.0, "mix": {"mai": 0.5}}
    assert headers.read(target) == Header(said, ("a note",), 0.05 if trim else 0.0)
    names = ("prosody_in", "prosody_out", "pitch_from", "dyn_from", "plot", "report")
    naming = {"name_pattern": "{source}_{voice}", "format": "wav", "bits": None}
    more = {**dict.fromkeys(names), **naming, "mix": []}
    args = argparse.Namespace(vbank="hana", input=tmp_path, out_path=tmp_path / "gen", **more)
    assert [file.source.name for file in planned(args)] == ["a.wav"]
