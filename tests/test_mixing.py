"""A mixture lies between its voices, frame by frame, whatever pieces its models work in."""

import argparse
from copy import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from small_acoustic import PARALLEL, SMALL, build, random
from small_voice import CARD, recording, voice

import audio
from acoustic.blend import Blend
from common.cli import UserError
from conversion import arguments, headers, mixing, pieces
from conversion.mixing import Share

UNITS = random(1, 60, PARALLEL["in_dim"])


def constant(*values):
    return lambda times: np.outer(values, np.ones(len(times)))


def models():
    return build(0, **PARALLEL), build(1, **{**PARALLEL, "blocks": 5})


def decibels(found, wanted):
    assert found.shape == wanted.shape
    return 20 * np.log10(np.linalg.norm(found - wanted) / np.linalg.norm(wanted) + 1e-12)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_mels_are_shared(share):
    one, other = models()
    found = Blend([one, other], constant(share)).generate(UNITS)
    wanted = (1 - share) * one.generate(UNITS) + share * other.generate(UNITS)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_three_voices_share_the_whole():
    made = [build(seed, **PARALLEL) for seed in range(3)]
    found = Blend(made, constant(0.2, 0.5)).generate(UNITS)
    wanted = sum(w * m.generate(UNITS) for w, m in zip((0.3, 0.2, 0.5), made, strict=True))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_shares_change_from_frame_to_frame_from_where_the_units_begin():
    one, other = models()
    share = Share("b", np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    blend = Blend([one, other], lambda times: share.at(times)[None]).since(0.9)
    found = blend.generate(UNITS)
    a, b = one.generate(UNITS), other.generate(UNITS)
    weights = ((found - a) / (b - a)).median(dim=-1).values[0]
    times = 0.9 + 0.01 * (np.arange(120) + 0.5)
    np.testing.assert_allclose(weights, np.clip(times - 1, 0, 1), atol=1e-3)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("sizes", [{"blocks": 5}, {**SMALL, "decoder": "autoregressive"}])
def test_pieces_give_the_whole_though_the_models_reach_differently_far(sizes, live):
    own, other = build(0, **PARALLEL), build(1, **{**PARALLEL, **sizes})
    blend = Blend([own, other], lambda times: (times / 2)[None])
    parts, read = UNITS.split([20, 7, 33], dim=1), []

    def arriving():
        read.append(1)
        yield from parts

    found = list(blend.generate_pieces(arriving, live=live))
    assert len(read) == 1 if live else len(found) > 1
    torch.testing.assert_close(torch.cat(found, dim=1), blend.generate(UNITS), atol=1e-4, rtol=0)


def mixed(share, monkeypatch, card=CARD, **sizes):
    """The small voice mixed with one of other weights."""
    converter = voice()
    other = build(7, **{**PARALLEL, **sizes})
    monkeypatch.setattr(mixing, "_voice", lambda *_: (other, card))
    return converter, other, mixing.mixed(converter, [share])


def test_a_conversion_lies_between_those_of_its_voices(monkeypatch):
    own, other, between = mixed(Share("b", np.zeros(1), np.array([0.4])), monkeypatch)
    wav = recording(3)
    edited = own.edit(own.analyse(wav))
    units = own.encoder.embed(edited.analysis)
    made = list(between.acoustic.generate_pieces(lambda: [units]))[0]
    wanted = 0.6 * own.acoustic.generate(units) + 0.4 * other.generate(units)
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=0)
    plain = own.convert(wav)
    assert -60 < decibels(between.convert(wav), plain) < 3
    nothing = mixed(Share("b", np.zeros(1), np.zeros(1)), monkeypatch)[2]
    assert decibels(nothing.convert(wav), plain) < -60


def test_a_mixture_with_a_voice_of_another_rate_ends_at_8_khz_and_says_so(monkeypatch, capsys):
    share, wide = Share("b", np.zeros(1), np.array([0.4])), {"rate": 44100, "high": 8}
    sizes = {"rate": 44100, "high_bands": 8}
    own, _, between = mixed(share, monkeypatch, {**CARD, **wide}, **sizes)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "with b ends at 8 kHz" in said
    assert not wide.keys() & between.card.keys()
    assert len(between.convert(recording(3))) == len(own.convert(recording(3)))
    mixed(share, monkeypatch)
    assert not capsys.readouterr().err


def test_shares_over_time_are_of_the_recording_trimmed_or_not(monkeypatch):
    """Until 2 s the voice alone, from 2.02 s the other: a second of silence before changes nothing of it."""
    share = Share("b", np.array([2.0, 2.02]), np.array([0.0, 1.0]))
    own, other, between = mixed(share, monkeypatch)
    wav = np.concatenate([np.zeros(16000, np.float32), recording(3)])
    found, plain = (c.convert(wav) for c in (between, own))
    alone = copy(own)
    alone.acoustic = other
    level = np.linalg.norm(found[17000:31000]) / np.linalg.norm(plain[17000:31000])  # one gain for the whole
    assert decibels(found[17000:31000], level * plain[17000:31000]) < -30
    rest = alone.convert(wav)[33600:]
    level = np.linalg.norm(found[33600:]) / np.linalg.norm(rest)
    assert decibels(found[33600:], level * rest) < -30


def test_a_mixture_of_any_length_and_a_stream_of_it(monkeypatch):
    between = mixed(Share("b", np.zeros(1), np.array([0.4])), monkeypatch, blocks=5)[2]
    wav = recording(14)
    whole = between.convert(wav)
    monkeypatch.setattr(pieces, "PIECE", 100)
    assert decibels(between.convert(wav), whole) < -60
    blocks = (wav[first : first + 9000] for first in range(0, len(wav), 9000))
    found = np.concatenate(list(between.stream(blocks, audio.level(audio.on_grid(wav)))))
    assert decibels(found, whole) < -20  # its pauses are measured by what has come


def test_the_card_of_a_mixture_has_the_range_of_all_and_their_terms():
    own = {"f0_hz": [100.0, 400.0], "f0_percentiles_hz": {"50": 100.0}, "dataset": "demo"}
    other = {"f0_hz": [60.0, 300.0], "f0_percentiles_hz": {"50": 200.0}, "bank": {"name": "Hana"}}
    card = mixing.card_of(own, [other], [Share("b", np.arange(2.0), np.array([0.0, 1.0]))])
    assert card["f0_hz"] == [100.0, 300.0] and card["dataset"] == "demo"
    assert card["f0_percentiles_hz"]["50"] == pytest.approx(100 * 2**0.5)
    assert card["mix"] == {"b": {"share": 0.5, "terms": "Hana"}}
    assert mixing.card_of(own, [{}], [Share("b", np.zeros(1), np.ones(1))])["f0_hz"] == own["f0_hz"]


def test_what_is_given_as_a_share():
    assert arguments.share("kathleen:0.3") == ("kathleen", 0.3)
    assert arguments.share("kathleen:morph.csv") == ("kathleen", Path("morph.csv"))
    for wrong in ("", ":", ":1.1", ":-0.1", ":nan", ":much"):
        with pytest.raises(argparse.ArgumentTypeError):
            arguments.share(f"kathleen{wrong}")


def test_a_path_of_windows_has_a_colon_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(arguments, "voice_or_file", str)
    assert arguments.share(r"C:\voices\hana.zip:0.3") == (r"C:\voices\hana.zip", 0.3)


def test_shares_of_a_spreadsheet(tmp_path):
    file = tmp_path / "m.csv"
    file.write_text("sep=;\ntime_s;share\n0,5;0\n;\n2;0,8\n", "utf-8")
    (found,) = mixing.read([("b", file)])
    np.testing.assert_allclose(found.at(np.array([0.0, 1.25, 3.0])), [0, 0.4, 0.8])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", "found none"),
        ("0,1.5\n", "line 2: expected a share from 0 to 1, found 1.5"),
        ("1,0\n1,1\n", "line 3: expected times that grow"),
        ("0,x\n", "line 2: share: expected a number"),
    ],
)
def test_shares_that_are_none(tmp_path, rows, said):
    file = tmp_path / "m.csv"
    file.write_text("time_s,share\n" + rows, "utf-8")
    with pytest.raises(UserError, match=said):
        mixing.read([("b", file)])


def test_more_than_the_whole_is_refused(tmp_path):
    file = tmp_path / "m.csv"
    file.write_text("time_s,share\n0,0\n4,0.6\n", "utf-8")
    mixing.read([("b", file), ("c", 0.4)])
    with pytest.raises(UserError, match="1.1 in all at 4 s"):
        mixing.read([("b", file), ("c", 0.5)])


def test_files_are_named_by_all_voices_and_say_the_shares():
    assert mixing.name_of("hana", []) == "hana"
    assert mixing.name_of("hana", [("kathleen", 0.3), ("user/mai", 0.1)]) == "hana+kathleen+mai"
    assert '"mix": {"kathleen": 0.3}' in headers.comment({"mix": {"kathleen": 0.3}}, [])
    assert headers.Header({"mix": {"kathleen": 0.3}}).transposition() == 0.0
