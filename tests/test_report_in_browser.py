"""The report on a conversion in a real browser, from disk: as on a desk and on a phone, light and dark."""

from __future__ import annotations

from pathlib import Path

import browsers
import pytest
from browsers import ALL, PHONE
from report_material import CARD, LEAD, conversion, glide, melody

from listening.report import Reports

SECONDS = 6.0

pytestmark = pytest.mark.slow
if not browsers.THERE:
    pytest.skip(browsers.INSTALL, allow_module_level=True)


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict:
    """{way to look: what happened there}, by tests/browser/report.js."""
    folder: Path = tmp_path_factory.mktemp("report") / "ü #1 %20"
    source, made = glide(150, 250, SECONDS), glide(155, 330, SECONDS, -26.0)
    notes = ("a <b>note</b>, and a very long word: " + 300 * "x",)
    curve = melody(150, 330, int(SECONDS * 50))
    Reports("alto", CARD, lambda voice: [])(conversion(folder, source, made, curve, notes=notes))
    return browsers.drive("report.js", folder / "録音_alto.html")


@pytest.mark.parametrize("way", ALL)
def test_no_error_and_no_request_beyond_the_page(seen, way):
    assert seen[way]["troubles"] == []
    addresses = {address for address in seen[way]["requests"] if not address.startswith("data:")}
    assert len(addresses) == 1 and addresses.pop().startswith("file:")


@pytest.mark.parametrize("way", ALL)
def test_it_plays_and_goes_on_at_the_same_instant_at_the_same_loudness(seen, way):
    what = seen[way]
    (item, track, _, source), (_, other, _, made) = what["started"][0], what["afterSwitch"][0]
    assert (item, track, other) == (0, 0, 1)
    for before, after in (what["switched"], what["backed"]):
        assert len(before) == len(after) == 1 and abs(after[0] - before[0]) < 0.05
    assert made / source == pytest.approx(10 ** (6 / 20), rel=0.03)  # the conversion's sound is 6 dB softer
    assert what["paused"] == []
    assert what["keys"] == [["alto", 1], ["", 1], ["", 0]]


@pytest.mark.parametrize("way", ALL)
def test_nothing_is_wider_than_the_screen_and_all_can_be_read_and_pressed(seen, way):
    layout = seen[way]["layout"]
    assert layout["width"] == (390 if way in PHONE else 1200)
    assert layout["scrollWidth"] <= layout["width"] and (layout["wide"], layout["drag"]) == ([], [])
    assert layout["faintest"][0] >= 4.5, layout["faintest"]
    assert layout["unnamed"] == 0 and all(height >= 36 for *_, height in layout["voices"])
    paper = [int(part) for part in layout["paper"][4:-1].split(",")]
    assert (max(paper) < 60) == way.endswith("dark") and (min(paper) > 200) == way.endswith("light")


@pytest.mark.parametrize("way", ALL)
def test_pictures_have_units_a_legend_and_lines_that_differ_in_more_than_colour(seen, way):
    picture = seen[way]["picture"]
    assert [(name, drawn) for name, drawn, *_ in picture["spectra"]] == [("source", True), ("alto", True)]
    assert picture["units"] == ["8 kHz", "dBFS", "s"] and picture["times"] == [str(n) for n in range(6)]
    assert picture["loudness"] == [[False, True], [True, True]]  # the conversion solid, the source dashed
    assert picture["key"][:2] == ["F0 and loudness of the source", "of alto"]
    assert picture["key"][2:] == ["outside its range", "spectrum: 58 to 0 dB below its loudest"]
    for first, last in picture["spans"]:
        assert first == pytest.approx(LEAD, abs=0.15) and last == pytest.approx(LEAD + SECONDS, abs=0.2)


@pytest.mark.parametrize("way", ALL)
def test_its_figures_stand_below(seen, way):
    figures = dict(seen[way]["figures"])
    assert figures["outside the range of the voice"].endswith(" %")
    assert figures["level"] == "−6.0 dB" and figures["median F0 error"].endswith(" cents")
