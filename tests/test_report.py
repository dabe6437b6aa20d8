"""The report on a conversion: its figures, its JSON, and a page that needs nothing beside it."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import soxr
from report_material import CARD, LEAD, NAME, conversion, glide, melody
from test_conversion_files import arguments, recording

import audio
from common.cli import UserError
from conversion import room
from conversion.files import BatchFile, convert_file, planned, report_paths
from conversion.prosody import PitchRange
from listening import report, report_page
from listening.report import Reports, measure

SPAN = PitchRange(180.0, 100.0, 300.0)


@pytest.mark.parametrize("trimmed", [False, True])
def test_a_conversion_of_the_same_melody_has_no_error_trimmed_or_not(tmp_path, trimmed):
    source = glide(150, 250)
    found = measure(conversion(tmp_path, source, source * 0.5, trimmed=trimmed), None)
    assert found.metrics["f0_median_error_cents"] == 0.0
    assert found.metrics["loudness_correlation"] == pytest.approx(1.0, abs=1e-4)
    assert found.metrics["level_difference_db"] == pytest.approx(-6.02, abs=0.01)
    assert found.reference == "the source"


def test_the_error_is_that_from_the_pitch_asked_for(tmp_path):
    source, octave = glide(150, 250), glide(75 * 2 ** (30 / 1200), 125 * 2 ** (30 / 1200))
    plain = measure(conversion(tmp_path, source, octave), None)
    asked = measure(conversion(tmp_path, source, octave, transpose=-12.0), None)
    assert plain.metrics["f0_median_error_cents"] == pytest.approx(1170, abs=6)
    assert plain.metrics["gross_pitch_errors_fraction"] > 0.95
    assert asked.metrics["f0_median_error_cents"] == pytest.approx(30, abs=6)
    assert asked.metrics["f0_within_50_cents_fraction"] > 0.95
    assert asked.reference == "the source, transposed by -12 semitones"


def test_of_an_edited_melody_the_curve_is_what_was_asked_for(tmp_path):
    source, flat = glide(150, 250), glide(200, 200)
    found = measure(conversion(tmp_path, source, flat, np.full(150, 200.0), pitch_scale=0.0), None)
    assert found.reference == "the curve that the voice was given"
    assert found.metrics["f0_median_error_cents"] < 10


def test_loudness_is_compared_with_what_was_asked_for(tmp_path):
    source, at = glide(150, 250), np.arange(150) / 150
    steeper = source * np.repeat(10 ** (-12 * at / 20), 320).astype(np.float32)
    made = conversion(tmp_path, source, audio.set_level(steeper, audio.level(source) + 3.0), dyn_gain=3.0)
    edited = replace(made.edited, gain=3.0, louder=6.0 - 12.0 * at)
    plain, asked = (measure(one, None).metrics for one in (made, made._replace(edited=edited)))
    assert plain["loudness_rmse_db"] > 3 and asked["loudness_rmse_db"] < 0.5
    assert plain["level_difference_db"] == pytest.approx(3.0, abs=0.1)
    assert asked["level_difference_db"] == pytest.approx(0.0, abs=0.1)


def test_frames_beyond_the_range_of_the_voice_are_counted(tmp_path):
    source, f0 = glide(150, 250), np.concatenate([np.zeros(50), np.full(75, 200.0), np.full(25, 400.0)])
    found = measure(conversion(tmp_path, source, source, f0), SPAN).metrics
    assert (found["outside_range_frames"], found["voiced_frames"]) == (25, 100)
    assert found["outside_range_fraction"] == 0.25
    unknown = measure(conversion(tmp_path, source, source, f0), None).metrics
    assert np.isnan(unknown["outside_range_frames"])


def test_silence_has_no_figures_and_a_report(tmp_path):
    silence = np.zeros(16000, np.float32)
    Reports("alto", CARD, lambda voice: [])(conversion(tmp_path, silence, silence))
    text = report_paths(tmp_path / "録音_alto.wav")[1].read_text("utf-8")
    found = json.loads(text)["metrics"]
    assert found["f0_median_error_cents"] is None and found["f0_correlation"] is None


def written(folder, **options):
    """The page and the JSON of a conversion with a note."""
    source = glide(150, 250)
    made = conversion(
        folder, source, source * 0.5, melody(150, 250, 150), notes=("a <b>note</b> & more",), **options
    )
    Reports("alto", CARD, lambda voice: [])(made)
    page, numbers = report_paths(made.file.target)
    return made, page.read_text("utf-8"), json.loads(numbers.read_text("utf-8"))


def test_the_names_in_the_json_stay(tmp_path):
    _, _, found = written(tmp_path)
    assert list(found) == [
        "format", "source", "conversion", "voice", "options", "trimmed", "notes", "measured_s", "f0_tracker",
        "f0_reference", "metrics", "curves",
    ]  # fmt: skip
    assert list(found["source"]) == list(found["conversion"]) == ["file", "length_s", "level_dbfs"]
    assert set(found["metrics"]) - {
        "similarity_cosine", "source_similarity_cosine", "dnsmos_1_to_5", "source_dnsmos_1_to_5",
    } == {
        "f0_median_error_cents", "f0_rmse_cents", "f0_correlation", "gross_pitch_errors_fraction",
        "voicing_errors_fraction", "f0_within_50_cents_fraction", "f0_doubtful_fraction",
        "outside_range_frames", "voiced_frames", "outside_range_fraction", "loudness_correlation",
        "loudness_rmse_db", "loudness_within_1p5_db_fraction", "level_difference_db",
    }  # fmt: skip
    assert list(found["voice"])[:6] == ["name", "terms", "rate_hz", "f0_low_hz", "f0_high_hz", "f0_median_hz"]
    curves = found["curves"]
    assert list(curves) == ["step_s", "f0_hz", "loudness_dbfs"]
    assert list(curves["f0_hz"]) == ["source", "conversion", "asked"]
    assert list(curves["f0_hz"]["source"]) == ["p05", "p50", "p95", "frames"]
    assert curves["f0_hz"]["source"]["p50"] == pytest.approx(194, rel=0.02)
    assert found["notes"] == ["a <b>note</b> & more"] and found["source"]["file"] == NAME


def test_the_page_holds_all_that_it_needs(tmp_path):
    made, page, _ = written(tmp_path)
    assert not re.findall(r"(?:src|href|url\()\s*=?\s*[\"']?(?!data:|#)(?:https?:|//|\.|/)", page)
    sounds = re.findall(r'src="data:audio/flac;base64,([^"]+)"', page)
    for sound, wav in zip(sounds, (made.source, made.made), strict=True):
        read, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)), dtype="float32")
        assert rate == 16000 and np.abs(read - wav).max() < 1e-4


def test_a_wide_conversion_is_played_at_its_rate_and_measured_at_16_khz(tmp_path):
    made = conversion(tmp_path, glide(150, 250), glide(150, 250) * 0.5)
    wide = made._replace(made=soxr.resample(made.made, 16000, 44100), rate=44100)
    pages, numbers = {}, {}
    for one in (made, wide):
        Reports("alto", CARD, lambda voice: [])(one)
        page, figures = report_paths(one.file.target)
        pages[one.rate], numbers[one.rate] = page.read_text("utf-8"), json.loads(figures.read_text("utf-8"))
    sounds = re.findall(r'src="data:audio/flac;base64,([^"]+)"', pages[44100])
    assert [soundfile.info(io.BytesIO(base64.b64decode(sound))).samplerate for sound in sounds] == [
        16000,
        44100,
    ]
    assert numbers[44100]["voice"]["rate_hz"] == 44100 and "44.1 kHz" in pages[44100]
    assert numbers[44100]["conversion"]["length_s"] == pytest.approx(
        numbers[16000]["conversion"]["length_s"], abs=1e-3
    )
    for name in ("f0_median_error_cents", "loudness_correlation", "level_difference_db"):
        assert numbers[44100]["metrics"][name] == pytest.approx(numbers[16000]["metrics"][name], abs=0.5)


def test_names_terms_and_notes_are_escaped(tmp_path):
    _, page, _ = written(tmp_path, transpose=3.0)
    for text in (NAME, "a <b>note</b> & more", "name <b>the bank</b>.", "infer.py alto --transpose 3"):
        assert html.escape(text) in page
        assert html.escape(text) == text or text not in page
    assert 'lang="en"' in page and "C3" not in html.escape(NAME)


def test_curves_lie_where_the_sound_is(tmp_path):
    for trimmed in (False, True):
        _, page, _ = written(tmp_path, trimmed=trimmed)
        data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1].replace("\\u003c", "<"))
        for at, track in enumerate(data["items"][0]):
            assert track["start"] + track["f0"]["start"] == pytest.approx(LEAD, abs=1e-3)
            assert track["start"] == pytest.approx(LEAD if at and trimmed else 0.0, abs=1e-3)


def test_of_a_long_recording_the_beginning_is_shown(tmp_path, monkeypatch):
    for module in (report, report_page):
        monkeypatch.setattr(module, "PLOTTED", audio.SAMPLE_RATE)
    _, page, found = written(tmp_path)
    assert found["source"]["length_s"] == pytest.approx(3 + LEAD, abs=0.01)
    assert found["measured_s"] == 1.0
    sound = re.search(r'src="data:audio/flac;base64,([^"]+)"', page)[1]
    assert len(soundfile.read(io.BytesIO(base64.b64decode(sound)))[0]) == audio.SAMPLE_RATE
    assert "those of the first" in page


def test_the_scores_of_the_voice_are_those_of_its_recordings(tmp_path, monkeypatch):
    source = glide(150, 250)
    reports = Reports("alto", CARD, lambda voice: [tmp_path / f"{voice}.wav"])
    reports.packages = {**reports.packages, "resemblyzer": "1", "speechmos": "1"}
    monkeypatch.setattr(reports.scorers, "target", lambda files, name: [path.name for path in files])
    monkeypatch.setattr(reports.scorers, "similarity", lambda wav, target: len(target) * float(wav[0]))
    monkeypatch.setattr(reports.scorers, "dnsmos", lambda wav: 2.0)
    found = reports.scores(np.full(9, 0.5), np.full(9, 0.75))
    assert (found["similarity_cosine"], found["source_similarity_cosine"]) == (0.75, 0.5)
    reports(conversion(tmp_path, source, source))
    assert "DNSMOS" in report_paths(tmp_path / "録音_alto.wav")[0].read_text("utf-8")


def test_a_mixture_is_named_by_its_voices_with_the_terms_of_each(tmp_path):
    card = {**CARD, "mix": {"bass": {"share": 0.3, "terms": "CC0"}}}
    asked, source = [], glide(150, 250)
    made = conversion(tmp_path, source, source, melody(150, 250, 150), mix={"bass": 0.3}, dyn_gain=0.0)
    reports = Reports("alto", card, lambda voice: asked.append(voice) or [])
    reports.packages = {**reports.packages, "resemblyzer": "1"}
    reports(made)
    page, numbers = (path.read_text("utf-8") for path in report_paths(made.file.target))
    found = json.loads(numbers)
    assert found["voice"]["name"] == "alto+bass" and found["voice"]["terms"].endswith("; bass: CC0")
    assert "infer.py alto --mix bass:0.3<" in page and asked == []
    assert found["metrics"]["f0_median_error_cents"] == 0.0 and found["f0_reference"] == "the source"


# where reports go


def test_a_report_is_written_over_no_recording(tmp_path):
    source, other = recording(tmp_path / "a.wav"), recording(tmp_path / "gen" / "a_hana.html.wav")
    other.rename(tmp_path / "gen" / "a_hana.html")
    given = arguments(source, tmp_path / "gen", pitch_from=tmp_path / "gen" / "a_hana.html", report=True)
    with pytest.raises(UserError, match=r"a_hana\.html: would overwrite"):
        planned(given)
    given.report = False
    assert len(planned(given)) == 1


def test_a_batch_writes_one_beside_each_conversion_and_refuses_names_without_room(tmp_path):
    edited = conversion(tmp_path, glide(150, 250), glide(150, 250)).edited
    converter = SimpleNamespace(
        analyse=lambda wav, _: wav,
        edit=lambda *a, **k: edited,
        render=lambda *a: np.zeros(edited.source.total, np.float32),
        shortfall=lambda *a: (),
        card={},
        rate=audio.SAMPLE_RATE,
    )
    audio.save(tmp_path / "a.wav", np.zeros(edited.source.total, np.float32))
    seen = []
    file = BatchFile(tmp_path / "a.wav", tmp_path / "gen" / "a_alto.wav", None, None)
    convert_file(converter, file, {"transpose": 3.0}, False, False, report=seen.append)
    assert seen[0].file == file and seen[0].options == {"transpose": 3.0, "prosody_in": None, "mix": None}
    assert file.target.is_file()
    long = tmp_path / "gen" / f"{'a' * 251}.wav"  # the longest name that a wav may have on most systems
    with pytest.raises(UserError, match="the name is too long"):
        convert_file(converter, file._replace(target=long), {}, False, False, report=seen.append)
    assert not long.exists()


def test_reports_count_where_the_disk_is_full(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(60 * 16000, np.int16), 16000)
    pair = (path, tmp_path / "b.wav")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: SimpleNamespace(free=int(5e6)))
    room.require_room([pair])
    with pytest.raises(UserError, match="free for the conversions"):
        room.require_room([pair], reported=True)
