"""The workshop in a real browser, from loopback: as on a desk and on a phone, light and dark."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

import browsers
import numpy as np
import pytest
import soundfile
from browsers import ALL, PHONE
from conftest import ROOT, sing

import audio
from hubert_pitdyn import pitch

pytestmark = pytest.mark.slow
if not browsers.THERE:
    pytest.skip(browsers.INSTALL, allow_module_level=True)
if find_spec("gradio") is None:
    pytest.skip("needs gradio: pip install -r requirements-app.txt", allow_module_level=True)
NAME = "歌 & <b>1.wav"
SECONDS = 90  # in which the page is there


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> dict[str, Path]:
    """A recording with a name to stumble over, a text, a folder of two, one of many, and a long one."""
    folder = tmp_path_factory.mktemp("in")
    wav = sing(180, 260, 1.6, 3)
    for place in (NAME, "two/a.wav", "two/b.wav", *(f"many/{k}.wav" for k in range(40))):
        (folder / place).parent.mkdir(exist_ok=True)
        soundfile.write(folder / place, wav, 16000)
    soundfile.write(folder / "long.wav", np.tile(wav, 80), 16000)
    (folder / "text.wav").write_text("words and no sound", encoding="utf-8")
    places = {"recording": NAME, "text": "text.wav", "folder": "two", "many": "many", "long": "long.wav"}
    return {what: folder / place for what, place in places.items()}


@pytest.fixture(scope="module")
def address():
    """Where app.py serves the page; it ends as Ctrl-C ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "app.py"), "--no-browser", "--port", str(port), "--device", "cpu"]
    app = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    place, until = f"http://127.0.0.1:{port}/", time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            urlopen(place).close()
            break
        except OSError:
            assert app.poll() is None, "app.py has ended"
            time.sleep(0.3)
    yield place
    app.send_signal(signal.SIGTERM)
    assert app.wait(60) == 0


@pytest.fixture(scope="module")
def seen(address, material) -> dict:
    """{way to look: what happened there}, by tests/browser/workshop.js."""
    shots = [os.environ["WORKSHOP_SHOTS"]] if "WORKSHOP_SHOTS" in os.environ else []
    return browsers.drive("workshop.js", address, *material.values(), *shots)


def fetched(place: str, folder: Path) -> np.ndarray:
    """A result of the page at 16 kHz, whatever rate its voice has."""
    with urlopen(place) as answer:
        path = folder / "result.wav"
        path.write_bytes(answer.read())
    return audio.load(path)


def semitones(wav: np.ndarray) -> np.ndarray:
    """Of F0 [N] re A4, NaN where it is unvoiced."""
    f0 = pitch.track(audio.on_grid(wav))
    return np.where(f0 > 0, 12 * np.log2(np.maximum(f0, 1) / 440), np.nan)


@pytest.mark.parametrize("way", ALL)
def test_no_error_and_no_request_beyond_this_machine(seen, address, way):
    assert seen[way]["troubles"] == []
    origins = {origin for origin in seen[way]["requests"] if origin != "null"}  # data: and blob: have none
    assert origins == {address.rstrip("/")}


@pytest.mark.parametrize("way", ALL)
def test_nothing_is_wider_than_the_screen_and_text_stands_out(seen, way):
    for layout in (seen[way]["layout"], seen[way]["layoutOfCurve"]):
        assert layout["width"] == (390 if way in PHONE else 1280)
        assert layout["scrollWidth"] <= layout["width"] and layout["wide"] == []
        assert layout["faintest"][0] >= 4.5, layout["faintest"]
        assert layout["unnamed"] == 0 and layout["small"] == []
        assert layout["fonts"].startswith("system-ui")
    paper = [int(part) for part in seen[way]["layout"]["paper"][4:-1].split(",")]
    assert (max(paper) < 60) == way.endswith("dark") and (min(paper) > 200) == way.endswith("light")


@pytest.mark.parametrize("way", ALL)
def test_every_tab_is_as_wide_as_the_page(seen, way):
    for main, all_of_it, window in seen[way]["widths"]:
        assert window - 40 <= main <= window and all_of_it <= window


@pytest.mark.parametrize("way", ALL)
def test_what_cannot_be_read_is_the_terminal_s_sentence(seen, way):
    assert (
        seen[way]["error"] == "text.wav: expected audio, found text; give a recording, such as a wav or mp3"
    )


@pytest.mark.parametrize("way", ALL)
def test_the_live_line_follows_the_controls(seen, way):
    assert "voiced frames lie within the voice's range" in seen[way]["live"]
    assert "lie outside its range" in seen[way]["outside"] and "--transpose" in seen[way]["outside"]


@pytest.mark.parametrize("way", ALL)
def test_a_recording_is_converted(seen, way, tmp_path):
    made = fetched(seen[way]["converted"], tmp_path)
    assert len(made) == pytest.approx(1.85 * audio.SAMPLE_RATE, abs=400) and np.abs(made).max() > 0.01


@pytest.mark.parametrize("way", ALL)
def test_the_other_sound_goes_on_at_the_same_instant_and_alone(seen, way):
    what = seen[way]
    assert len(what["started"]) == len(what["afterSwitch"]) == 1
    assert what["started"][0][0] != what["afterSwitch"][0][0]
    before, after = what["switched"]
    assert len(before) == len(after) == 1 and abs(before[0] - after[0]) < 0.05
    assert what["paused"] == []


@pytest.mark.parametrize("way", ALL)
def test_what_is_drawn_is_sung(seen, way, tmp_path):
    """A straight line at three tenths from the top, over a glide that crosses it."""
    before = semitones(fetched(seen[way]["converted"], tmp_path))
    drawn = semitones(fetched(seen[way]["drawn"]["result"], tmp_path))
    middle = slice(int(0.36 * len(drawn)), int(0.64 * len(drawn)))
    assert np.isfinite(drawn[middle]).mean() > 0.9
    assert np.nanstd(drawn[middle]) < 0.5 < np.nanstd(before[middle])
    assert "synthesised in" in seen[way]["drawn"]["said"]


@pytest.mark.parametrize("way", ALL)
def test_tabs_have_their_names_after_one_has_opened_another(seen, way):
    assert seen[way]["tabs"] == ["Convert", "Curve", "Batch", "Train"]


@pytest.mark.parametrize("way", ALL)
def test_undo_redo_keys_and_notes(seen, way, tmp_path):
    what = seen[way]
    assert what["undo"] is True and what["undone"][:2] == [False, True]
    original, undone = (fetched(place, tmp_path) for place in (what["converted"], what["undone"][2]))
    assert (original == undone).all()
    drawn, redone = (fetched(place, tmp_path) for place in (what["drawn"]["result"], what["redone"]))
    assert (drawn == redone).all()
    assert "41 frames selected" in what["selected"]
    assert (fetched(what["snapped"], tmp_path) != redone).any()


def test_a_batch_is_converted_and_another_is_stopped(seen):
    what = seen["desktop light"]
    assert what["batch"] == ["2 of 2 converted", 2, True]
    done = int(what["stopped"].split()[0])
    assert 1 <= done < 40 and what["stopped"].endswith("stopped")


def test_a_long_recording_has_a_bar_with_the_time_left_and_is_cancelled(seen):
    what = seen["desktop light"]
    text, share = what["bar"]
    assert "analysing 148.0 s of sound" in text and "about" in text and 0 < share < 1
    assert what["cancelled"] < 20


def test_recordings_are_checked_before_a_training(seen):
    what = seen["desktop light"]
    assert "'con', which Windows keeps for itself" in what["refused"]
    for part in ("Recordings", "0.1 min", "median", "2 at 16 kHz", "none of them clips"):
        assert part in what["report"]
