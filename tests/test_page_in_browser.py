"""The listening page in a real browser, from disk: as on a desk and on a phone, light and dark."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import browsers
import numpy as np
import pytest
from browsers import ALL, DESKTOP, PHONE
from checkpoint_files import tiny

import audio
from checkpoints import store
from conversion import headers
from listening.build import build
from listening.figures import Measures

SECONDS = 6.0

pytestmark = pytest.mark.slow
if not browsers.THERE:
    pytest.skip(browsers.INSTALL, allow_module_level=True)


def tone(hz: float, level_db: float) -> np.ndarray:
    """A sawtooth [S] whose pitch rises and falls by two semitones."""
    time = np.arange(int(SECONDS * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
    phase = np.cumsum(hz * 2 ** (np.sin(2 * time) / 6)) / audio.SAMPLE_RATE
    return audio.set_level((phase % 1 - 0.5).astype(np.float32), level_db)


def make_material(folder: Path) -> None:
    """Two sources, one of a name to stumble over; the other lacks a voice, which can be converted to."""
    odd = "0 録音 & 'q' #1 50%"
    for name, hz, level in (("a song", 220, -20), (odd, 150, -20)):
        audio.save(folder / "test" / f"{name}.wav", tone(hz, level))
        audio.save(folder / "gen" / f"{name}_alto.wav", tone(hz, level - 6), headers.comment({}, ["a note"]))
    audio.save(folder / "gen" / f"{odd}_bass.wav", tone(75, -20), headers.comment({"transpose": -12.0}, []))
    texts = f"path,text,kind,language\na song.wav,La la <b>la</b>,song; high,fr\n{odd}.wav,はい,speech,ja\n"
    (folder / "test" / "texts.csv").write_text(texts, encoding="utf-8")
    card = {"f0_hz": [60.0, 200.0], "dataset": "demo"}
    store.save(folder / "out" / "bass" / "acoustic" / "model-best.pt", {**tiny("acoustic")[0], "card": card})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The page and its sounds in a folder whose name has to be encoded."""
    folder = tmp_path_factory.mktemp("page") / "ü #1 %20"
    make_material(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(Measures, "scores", lambda self, path, voice: (0.81, 3.12))  # the widest table there is
        page, *_ = build(Path("test"), Path("gen"), Path("gen"), None, lambda voice: [])
    (folder / "gen" / "index.html").write_text(page, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def seen(folder) -> dict:
    """{way to look: what happened there}, by tests/browser/drive.js."""
    return browsers.drive("drive.js", folder / "gen" / "index.html")


@pytest.mark.parametrize("way", ALL)
def test_no_error_and_no_request_beyond_the_folder(seen, folder, way):
    assert seen[way]["troubles"] == []
    addresses = {address for address in seen[way]["requests"] if not address.startswith("data:")}
    files = {Path(url2pathname(urlsplit(address).path)) for address in addresses}
    assert {urlsplit(address).scheme for address in addresses} == {"file"}
    assert all(folder in path.parents and path.is_file() for path in files)
    assert {path.name for path in files} >= {"index.html", "a song.wav", "a song_alto.wav"}
    assert unquote("%E9%8C%B2") in "".join(path.name for path in files)


@pytest.mark.parametrize("way", ALL)
def test_every_voice_is_within_sight_and_big_enough_to_press(seen, way):
    layout = seen[way]["layout"]
    assert [voice[0] for voice in layout["voices"]] == ["", "alto", "bass"]
    for _, shown, left, right, height in layout["voices"]:
        assert shown and left >= 0 and right <= layout["width"] and height >= 36
    assert layout["unnamed"] == 0


@pytest.mark.parametrize("way", ALL)
def test_nothing_is_wider_than_the_screen(seen, way):
    layout = seen[way]["layout"]
    assert layout["width"] == (390 if way in PHONE else 1200)  # a phone's browser widens it for what is wider
    assert layout["scrollWidth"] <= layout["width"]
    assert (layout["wide"], layout["drag"]) == ([], [])


@pytest.mark.parametrize("way", ALL)
def test_text_stands_out_from_its_ground(seen, way):
    assert seen[way]["layout"]["faintest"][0] >= 4.5, seen[way]["layout"]["faintest"]
    paper = [int(part) for part in seen[way]["layout"]["paper"][4:-1].split(",")]
    assert (max(paper) < 60) == way.endswith("dark") and (min(paper) > 200) == way.endswith("light")


@pytest.mark.parametrize("way", ALL)
def test_the_picture_has_a_spectrum_a_dashed_source_and_conversions_that_differ(seen, way):
    layout = seen[way]["layout"]
    assert layout["ink"].startswith('url("data:image/png;base64')
    assert layout["curves"] == [[False, True], [True, True], [True, True]]  # two voices differ in dashes
    assert layout["marks"][0] == "8 kHz" and "C3" in layout["notes"]
    assert layout["times"] == ["0", "1", "2", "3", "4", "5", "s"]
    assert layout["key"] == [
        "F0 of the source",
        "of alto",
        "of bass",
        "spectrum: 58 to 0 dB below its loudest",
    ]


@pytest.mark.parametrize("way", ALL)
def test_another_voice_goes_on_at_the_same_instant_and_alone(seen, way):
    what = seen[way]
    assert [(item, track) for item, track, *_ in what["started"]] == [(0, 0)]
    for before, after in (what["switched"], what["backed"]):
        assert len(before) == len(after) == 1
        assert abs(after[0] - before[0]) < 0.05
    assert [(item, track) for item, track, *_ in what["afterSwitch"]] == [(0, 1)]
    before, after = what["otherItem"]
    assert before[0] > 0.4 and after == [0]
    assert [(item, track) for item, track, *_ in what["afterItem"]] == [(1, 1)]
    assert what["paused"] == []


@pytest.mark.parametrize("way", ALL)
def test_voices_are_as_loud_as_their_source(seen, way):
    source, alto = seen[way]["started"][0][3], seen[way]["afterSwitch"][0][3]
    assert 20 * np.log10(alto / source) == pytest.approx(6.0, abs=0.2)  # the conversion's wav is 6 dB softer
    assert source <= 1 and alto <= 1


@pytest.mark.parametrize("way", ALL)
def test_keys(seen, way):
    keys = seen[way]["keys"]
    assert [key for key, *_ in keys] == [
        "ArrowUp",
        "ArrowRight",
        "ArrowRight",
        "ArrowLeft",
        "2",
        "Space",
        "1",
        "0",
        "Space",
        "ArrowDown",
    ]
    voices = ["alto", "alto", "alto", "alto", "bass", "bass", "alto", "", "", ""]
    assert [current for _, current, *_ in keys] == [
        [0 if n < 9 else 1, voice] for n, voice in enumerate(voices)
    ]
    assert [sounds for *_, sounds in keys] == [0, 0, 0, 0, 1, 0, 1, 1, 0, 0]
    at = [seconds for _, _, seconds, _ in keys]
    assert at[:4] == [0.0, 1.0, 2.0, 1.0]
    assert all(1.0 <= seconds < SECONDS - 0.5 for seconds in at[4:9]) and at[9] == 0.0


@pytest.mark.parametrize("way", ALL)
def test_a_click_on_the_picture_moves_the_playhead_there(seen, way):
    assert seen[way]["sought"] == pytest.approx(SECONDS / 2, abs=0.1)
    assert float(seen[way]["slider"]) == seen[way]["sought"]
    assert seen[way]["head"] == pytest.approx(0.5, abs=0.02)
    assert seen[way]["ends"] == [SECONDS, 0.0]  # the keys End and Home on it


@pytest.mark.parametrize("way", ALL)
def test_filters_leave_the_kind_and_the_voice(seen, way):
    assert seen[way]["filters"] == {
        "song": [[1, ["", "alto", "bass"]]],
        "songOfBass": [],
        "nothing": True,
        "bass": [[0, ["", "bass"]]],
        "all": [[0, ["", "alto", "bass"]], [1, ["", "alto", "bass"]]],
    }


@pytest.mark.parametrize("way", ALL)
def test_a_missing_voice_shows_the_command_and_copies_it(seen, way):
    shown, line = seen[way]["command"]
    assert shown and line.startswith("python infer.py bass --dataset demo --input ")
    assert seen[way]["copied"] == line


@pytest.mark.parametrize("way", PHONE)
def test_on_a_phone_a_bar_with_the_voices_stays_at_the_bottom(seen, way):
    shown, bottom, height, voices = seen[way]["bar"]
    assert shown and bottom == height
    assert [voice for voice, _ in voices] == ["", "alto", "bass"]
    assert all(height >= 36 for _, height in voices)
    assert seen[way]["byBar"][0][1] == "alto" and seen[way]["byBar"][1] == 1
    assert seen[way]["pausedByBar"] == 0


@pytest.mark.parametrize("way", DESKTOP)
def test_on_a_desk_there_is_no_bar(seen, way):
    assert seen[way]["bar"][0] is False
