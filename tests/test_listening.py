"""What the listening page is made of: pictures, figures, voices, and its cache."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile
from conftest import run_script

import audio
from checkpoints import terms
from conversion import headers
from conversion.headers import Header
from listening import build, figures, pictures, voices
from listening.cache import NAME, Cache
from listening.figures import Measures, Sound

ROOT = Path(__file__).resolve().parent.parent


def tone(hz: float, seconds: float = 0.6, rate: int = audio.SAMPLE_RATE) -> np.ndarray:
    """A voiced sound [S]: ten harmonics of `hz`, those below half the rate."""
    time = np.arange(int(seconds * rate)) / rate
    parts = [np.sin(2 * np.pi * n * hz * time) / n for n in range(1, 11) if n * hz < rate / 2]
    return (0.2 * np.sum(parts, axis=0)).astype(np.float32)


def write(path: Path, wav: np.ndarray, comment: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.save(path, wav, comment)
    return path


# pictures


def opacity(shades: np.ndarray) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(pictures.png(shades)), format="png")[..., 3]


@pytest.mark.parametrize("columns", [1, 6, 7])
def test_the_png_holds_the_shades_as_opacity(columns):
    shades = np.random.default_rng(0).integers(0, 16, (5, columns)).astype(np.uint8)
    assert np.allclose(opacity(shades) * 15, shades, atol=0.05)


@pytest.mark.parametrize(
    ("rate", "hz", "top"), [(16000, 1000, 8000), (16000, 6500, 8000), (44100, 15000, 20000)]
)
def test_a_tone_lies_at_its_height(rate, hz, top):
    wav = np.sin(2 * np.pi * hz * np.arange(rate) / rate).astype(np.float32)
    shades = pictures.spectrogram(wav, rate)
    assert pictures.top_of(rate) == top
    middle = shades[:, shades.shape[1] // 2].astype(float)
    assert (1 - (middle.argmax() + 0.5) / len(middle)) * top == pytest.approx(hz, abs=0.015 * top)


def test_pictures_stay_small_and_silence_is_blank():
    assert pictures.spectrogram(np.zeros(16000, np.float32), 16000).max() == 0
    assert pictures.spectrogram(tone(100, 0.02), 16000).shape[1] >= 1
    long = pictures.spectrogram(np.tile(tone(150, 1.0), 60), 16000)
    assert long.shape == (pictures.ROWS, pictures.MAX_COLUMNS)


# how it was made


def test_options_are_written_as_infer_takes_them():
    given = {"transpose": -12.0, "auto_pitch": "octave", "fold": True, "pitch_from": True, "mix": {"a": 0.25}}
    wanted = "--transpose -12 --auto_pitch octave --fold --pitch_from … --mix a:0.25"
    assert build.options(Header(given)) == wanted
    assert build.options(Header({"auto_pitch": True})) == "--auto_pitch"
    assert build.options(Header()) == ""


# figures


def sound(*hz: float) -> Sound:
    return Sound(len(hz) / audio.UNIT_RATE, -20.0, hz)


def test_the_error_is_the_median_of_what_was_asked_for():
    source, octave = sound(*[200.0] * 8, 0.0), sound(*[100.0 * 2 ** (20 / 1200)] * 8, 0.0)
    plain = figures.pitch_scores(source, octave, Header(), None)
    assert plain.error == pytest.approx(1180) and plain.outside is None
    assert figures.pitch_scores(source, octave, Header({"transpose": -12.0}), None).error == pytest.approx(20)


def test_no_error_is_given_where_the_melody_was_edited_otherwise():
    source = sound(*[200.0] * 8)
    for edits in ({"auto_pitch": True}, {"pitch_scale": 0.5}, {"pitch_from": True}, {"prosody_in": True}):
        found = figures.pitch_scores(source, source, Header(edits), (100.0, 150.0))
        assert found.error is None and found.outside == 1.0
    assert figures.pitch_scores(source, source, Header({"dyn_gain": 3.0}), None).error == 0.0
    assert figures.pitch_scores(source, sound(*[0.0] * 8), Header(), None).error is None


def test_frames_beyond_the_range_are_those_that_were_asked_for():
    source, low = sound(*[100.0] * 6, *[400.0] * 2, 0.0, 0.0), Header({"transpose": -12.0})
    assert figures.pitch_scores(source, source, Header(), (90.0, 300.0)).outside == 0.25
    assert figures.pitch_scores(source, source, low, (90.0, 300.0)).outside == 0.75
    assert figures.pitch_scores(sound(0.0), sound(0.0), Header(), (90.0, 300.0)).outside is None


def test_a_trimmed_conversion_is_compared_where_it_begins():
    source = sound(*[0.0] * 5, *np.linspace(100, 200, 20))
    trimmed = sound(*np.linspace(100, 200, 20))
    assert figures.pitch_scores(source, trimmed, Header(start=0.1), None).error == 0.0
    assert figures.pitch_scores(source, trimmed, Header(), None).error > 100


def test_volumes_bring_all_to_one_loudness_that_none_exceeds():
    for levels in ([-20.0, -26.0, -23.0], [-20.0, -30.0], [-40.0, -20.0], [-20.0]):
        found = figures.volumes(levels, -26.0)
        played = [level + 20 * np.log10(volume) for level, volume in zip(levels, found, strict=True)]
        assert np.ptp(played) < 0.02 and max(found) <= 1
    assert figures.volumes([-20.0, -80.0], -26.0)[0] == pytest.approx(0.5, abs=0.01)  # silence drowns nobody


def test_measured_are_length_level_melody_and_picture_at_the_own_rate(tmp_path):
    wide = tmp_path / "wide.wav"
    soundfile.write(wide, tone(200, rate=44100), 44100)
    found = figures.measure(wide)
    assert (found.seconds, found.top) == (pytest.approx(0.6, abs=0.01), 20000)
    assert np.median([hz for hz in found.f0 if hz]) == pytest.approx(200, rel=0.01)
    narrow = figures.measure(write(tmp_path / "narrow.wav", tone(200)))
    assert narrow.top == 8000 and narrow.picture.startswith("data:image/png;base64,")
    assert narrow.level == pytest.approx(audio.active_level(audio.loudness(tone(200))), abs=0.1)
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    assert "bad.wav" in figures.measure(tmp_path / "bad.wav").trouble


def test_long_curves_are_thinned():
    curve = figures.shown(tuple(range(4000)), 1500)
    assert len(curve["hz"]) <= 1500 and curve["step"] == 0.06 and curve["hz"][1] == 3


def test_scores_are_measured_where_their_packages_are_and_named_where_not(tmp_path, monkeypatch):
    path = write(tmp_path / "a_v.wav", tone(200))
    there = {"swift-f0": "1", "resemblyzer": "", "speechmos": ""}
    monkeypatch.setattr(figures, "scoring_packages", lambda: there)
    measures = Measures(
        Cache(tmp_path / NAME), lambda voice: [path] if voice == "v" else [], lambda line: None
    )
    assert measures.scores(path, "v") == (None, None)
    assert "Similarity is not measured" in measures.absent()[0] and "DNSMOS" in measures.absent()[1]

    there.update(resemblyzer="1", speechmos="1")
    monkeypatch.setattr(figures.Scorers, "target", lambda self, files, name: (len(files), name))
    monkeypatch.setattr(figures.Scorers, "similarity", lambda self, wav, target: 0.5 + target[0] / 4)
    monkeypatch.setattr(figures.Scorers, "dnsmos", lambda self, wav: float("nan") if wav.max() == 0 else 3.25)
    assert measures.scores(path, "v") == (0.75, 3.25)
    assert measures.scores(write(tmp_path / "b_w.wav", 0 * tone(200)), "w") == (None, None)
    assert measures.absent() == ["Similarity to w is not measured: data/w/ has no recordings of it."]


# what is kept


def page(folder: Path) -> str:
    return build.build(folder / "test", folder / "gen", folder / "gen", None, lambda voice: [])[0]


def test_a_second_page_measures_what_has_changed_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("test/a", "test/b", "gen/a_v", "gen/b_v"):
        write(tmp_path / f"{name}.wav", tone(200))
    first, measured, measure = page(tmp_path), [], figures.measure
    monkeypatch.setattr(figures, "measure", lambda path: measured.append(path.name) or measure(path))
    assert page(tmp_path) == first and measured == []
    write(tmp_path / "gen" / "b_v.wav", tone(150))
    assert page(tmp_path) != first and measured == ["b_v.wav"]
    (tmp_path / "test" / "a.wav").unlink()
    page(tmp_path)
    kept = json.loads((tmp_path / "gen" / NAME).read_text("utf-8"))["values"]
    assert [key for key in kept if key.endswith("a.wav")] == [] and len(kept) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1}', '{"version": 0, "values": {}}'])
def test_a_damaged_file_of_measurements_is_made_again(tmp_path, monkeypatch, damage):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "test" / "a.wav", tone(200))
    (tmp_path / "gen").mkdir()
    (tmp_path / "gen" / NAME).write_text(damage, encoding="utf-8")
    assert "a.wav" in page(tmp_path)
    assert json.loads((tmp_path / "gen" / NAME).read_text("utf-8"))["values"]


def test_what_cannot_be_read_is_said_on_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "test" / "a.wav", tone(200))
    (tmp_path / "test" / "b.wav").write_bytes(b"no audio")
    assert re.search(r'class="trouble">[^<]*b\.wav: ', page(tmp_path))


def test_how_a_conversion_was_made_and_the_note_on_it_are_on_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "test" / "a.wav", tone(200))
    options = {"transpose": -12.0, "auto_pitch": True, "pitch_scale": 1.0, "pitch_from": object()}
    write(tmp_path / "gen" / "a_v.wav", tone(100), headers.comment(options, ["3 of 9 <voiced> frames"]))
    text = page(tmp_path)
    assert "<code>--transpose -12 --auto_pitch --pitch_from …</code>" in text
    assert "3 of 9 &lt;voiced&gt; frames" in text


# voices


def test_notes_have_their_names():
    assert [voices.note(hz) for hz in (440, 261.63, 61.36, 784, 277.18)] == ["A4", "C4", "B1", "G5", "C♯4"]


def test_terms_are_those_of_the_notice():
    notice = " ".join((ROOT / "NOTICE").read_text("utf-8").split())
    assert "CC0 1.0 (public domain dedication)" in notice and "CC0 1.0" in terms.SHIPPED["kathleen"]
    assert "use it however you like" in notice and "use it however you like" in terms.SHIPPED["dorodoro"]
    assert "name SCOTTPOID when you publish" in notice and "name SCOTTPOID" in terms.SHIPPED["scottpoid"]
    shipped = {path.parent.parent.name for path in (ROOT / "out").glob("*/acoustic/model-best.pt")}
    assert {"kathleen", "dorodoro", "scottpoid"} <= shipped & terms.SHIPPED.keys()


def test_the_song_fits_every_voice_of_the_demo_an_octave_lower_and_none_as_it_is(tmp_path):
    song = figures.measure(ROOT / "test" / "sung_melody.wav")
    for voice in voices.collect([], ROOT / "out", Cache(tmp_path / NAME)):
        if voice.name in terms.SHIPPED:
            lower = Header({"transpose": -12.0})
            least = 0.17 if voice.name == "kumi" else 0.2  # her bank is on a higher note, so her range is
            assert figures.pitch_scores(song, song, Header(), voice.span).outside > least
            assert figures.pitch_scores(song, song, lower, voice.span).outside == 0.0


def test_a_voice_without_a_card_is_listed_and_cannot_be_converted_to(tmp_path):
    model = tmp_path / "out" / "broken" / "acoustic" / "model-best.pt"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"")
    broken, old = voices.collect(["old"], tmp_path / "out", Cache(tmp_path / NAME))
    assert (broken.name, broken.dataset, old.name, old.dataset) == ("broken", "", "old", "")
    assert old.range == "range not known" and old.terms == voices.OTHER_TERMS


def test_voices_are_listed_with_range_rate_and_terms_and_shown_by_their_cards():
    root = Path(__file__).resolve().parent.parent
    done = run_script("infer.py", "--voices", cwd=root)
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert {"kathleen", "scottpoid", "dorodoro"} <= set(rows)
    assert "61 to 614 Hz)" in rows["scottpoid"] and "44.1 kHz" in rows["scottpoid"]
    assert "name SCOTTPOID" in rows["scottpoid"] and "CC0" in rows["kathleen"]
    card = run_script("infer.py", "--card", "kathleen", cwd=root).stdout
    assert card.startswith("kathleen: CC0") and "content: out/demo/hubert-soft" in card
    wrong = run_script("infer.py", "--card", "kathlen", cwd=root, expect=2)
    assert "did you mean 'kathleen'?" in wrong.stderr
