"""A batch side by side: the same conversions, in threads of their own, and long files in turn."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_voice import recording, voice

import audio
from common import decoding
from common.devices import at_most_threads
from conversion import batch
from conversion.files import BatchFile, convert_file


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def files(names):
    return [BatchFile(Path(name), Path("gen", name), None, None) for name in names]


@pytest.fixture
def lengths(monkeypatch):
    """Names say how many seconds a recording has."""
    monkeypatch.setattr(decoding, "seconds", lambda path: float(path.stem))


def test_short_files_share_the_threads_and_long_ones_follow_with_all(two_threads, lengths):
    found = batch.groups(files(["3.wav", "900.wav", "60.wav", "5.wav"]))
    assert [([f.source.name for f in g.files], g.count, g.threads) for g in found] == [
        (["3.wav", "60.wav", "5.wav"], 2, 1),
        (["900.wav"], 1, 2),
    ]


@pytest.mark.parametrize("names", [["3.wav"], ["900.wav", "3.wav"], ["900.wav", "800.wav"]])
def test_one_short_file_has_all_threads(two_threads, lengths, names):
    (group,) = batch.groups(files(names))
    assert ([f.source.name for f in group.files], *group[1:]) == (names, 1, 2)


def test_pictures_go_in_turn_and_one_thread_does_so_anyway(lengths):
    both = files(["3.wav", "4.wav"])
    with at_most_threads(1):
        assert batch.groups(both) == [(both, 1, 1)]
    assert batch.groups(both, together=False)[0].count == 1


def test_threads_are_as_before_afterwards_and_as_few_within(two_threads, lengths):
    def work(file, advance):
        if file.source.name == "2.wav":
            raise ValueError("no two")
        advance(0.5)
        return torch.get_num_threads()

    found = sorted(batch.outcomes(work, files(["1.wav", "2.wav", "3.wav", "99.wav"])))
    assert [(file.source.name, result, reason) for file, result, reason in found] == [
        ("1.wav", 1, ""),
        ("2.wav", None, "no two"),
        ("3.wav", 1, ""),
        ("99.wav", 2, ""),
    ]
    assert torch.get_num_threads() == 2


def test_conversions_side_by_side_are_those_of_single_files(two_threads, tmp_path):
    converter, made = voice(), {}
    for number in range(5):
        audio.save(tmp_path / f"{number}.wav", recording(1 + 0.3 * number, seed=number))
    for way in ("alone", "together"):
        todo = [BatchFile(tmp_path / f"{n}.wav", tmp_path / way / f"{n}.wav", None, None) for n in range(5)]

        def work(file, advance):
            return convert_file(converter, file, {"transpose": 7.0}, False, False, advance=advance)

        with at_most_threads(1 if way == "alone" else 2):
            assert not any(reason for *_, reason in batch.outcomes(work, todo))
        made[way] = [file.target.read_bytes() for file in todo]
    assert made["alone"] == made["together"]  # one thread for each file, both times
    with at_most_threads(2):
        whole = [converter.convert(audio.load(tmp_path / f"{n}.wav"), transpose=7.0) for n in range(5)]
    for number, wanted in enumerate(whole):
        off = audio.load(tmp_path / "together" / f"{number}.wav") - wanted
        assert 20 * np.log10(np.linalg.norm(off) / np.linalg.norm(wanted)) < -60
