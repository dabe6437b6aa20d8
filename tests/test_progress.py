"""Bars and notes: on a terminal, of what takes long, and not with --quiet."""

import io
import os
import re
import select
import sys
import time

import numpy as np
import pytest
import soundfile
from conftest import ROOT, run_script
from small_voice import recording, voice

import audio
from common import cli, long_recordings, progress
from conversion import pieces


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def opened(monkeypatch):
    """A terminal in place of stderr; called within the test, since pytest puts its own there before."""

    def terminal():
        monkeypatch.setattr(sys, "stderr", Terminal())
        return sys.stderr

    yield terminal
    progress.end()
    progress.silence(False)


def shown(text):
    """What stands on the lines of a terminal, without what was overwritten."""
    return [line.rpartition("\r")[2].rstrip() for line in text.getvalue().split("\n")]


def test_what_is_quick_shows_no_bar(opened, capsys):
    terminal = opened()
    for _ in progress.each(range(3), "songs"):
        progress.write("a.wav")
    assert terminal.getvalue().strip("\r\n ") == "" and capsys.readouterr().out == "a.wav\n" * 3


def test_what_takes_long_has_a_rate_and_the_time_left(opened, monkeypatch):
    terminal = opened()
    monkeypatch.setattr(progress, "DELAY", 0.2)
    for _ in progress.each(range(4), "songs", unit="file"):
        time.sleep(0.15)
    seen = terminal.getvalue()
    assert re.search(r"songs:\s+75%.* 3/4 \[00:00<00:00, +[\d.]+file/s\]", seen)
    assert "songs: 100%" in shown(terminal)[0]


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("size", [(0, 0), (24, 60)])
def test_a_bar_fits_the_terminal_or_80_columns(monkeypatch, size):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    monkeypatch.setattr(progress, "DELAY", 1e-9)
    with os.fdopen(theirs, "w", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stderr", file)
        for _ in progress.each(range(2), "songs"):
            time.sleep(0.15)
        seen = ""
        while "2/2" not in seen and select.select([ours], [], [], 5)[0]:
            seen += os.read(ours, 1 << 16).decode("utf-8", "replace")
    os.close(ours)
    assert "songs: 100%" in seen
    assert max(len(line) for line in re.split(r"[\r\n]+", seen)) == (size[1] or 80) - 1


def test_one_thing_that_takes_long_shows_a_bar_while_it_lasts(opened, monkeypatch):
    terminal = opened()
    monkeypatch.setattr(progress, "DELAY", 0.1)
    monkeypatch.setattr(progress, "TICK", 0.05)
    for _ in progress.each(["long.wav"], "songs"):
        time.sleep(0.5)
        assert "songs:   0%" in terminal.getvalue()


def test_lines_stand_above_the_bar(opened, monkeypatch):
    terminal = opened()
    monkeypatch.setattr(progress, "DELAY", 1e-9)
    for _ in progress.each(range(2), "songs", leave=False):
        progress.say("a\x1b[2J note")
    assert shown(terminal) == ["a\\x1b[2J note", "a\\x1b[2J note", ""]


def test_an_error_has_a_line_of_its_own(opened, monkeypatch):
    terminal = opened()
    monkeypatch.setattr(progress, "DELAY", 1e-9)

    def main():
        for _ in progress.each(range(2), "songs"):
            raise cli.UserError("x.wav: broken")

    assert cli.run(main) == cli.USAGE
    assert "error: x.wav: broken" in shown(terminal)


def test_there_is_no_bar_where_stderr_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "DELAY", 1e-9)
    assert list(progress.each(iter("ab"), "songs", 2)) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_quiet_leaves_out_bars_and_notes_and_keeps_results(opened, monkeypatch, capsys):
    terminal = opened()
    monkeypatch.setattr(progress, "DELAY", 1e-9)
    cli.Parser().parse_args(["--quiet"])
    for _ in progress.each(range(2), "songs"):
        progress.say("a note")
        progress.write("a result")
    assert terminal.getvalue() == "" and capsys.readouterr().out == "a result\n" * 2
    cli.report_failures([("a.wav", "broken")], 2)
    assert "a.wav: broken" in terminal.getvalue()


def test_a_bar_in_one_recording_counts_its_seconds_to_the_end(opened, monkeypatch):
    terminal = opened()
    monkeypatch.setattr(progress, "DELAY", 1e-9)
    monkeypatch.setattr(progress, "TICK", 0.02)
    with progress.recording("podcast.wav", 7200.4) as advance:
        for _ in range(3):
            advance(0.25)
        time.sleep(0.2)
        assert "podcast.wav:  75%" in terminal.getvalue() and "5400/7200" in terminal.getvalue()
        advance(0.3)
        time.sleep(0.2)
    assert "7200/7200" in terminal.getvalue() and shown(terminal) == [""]


def test_all_parts_of_a_long_conversion_move_its_bar(tmp_path, monkeypatch):
    """Each stage says all of itself, in many steps."""
    monkeypatch.setattr(long_recordings, "PARTS", 7)
    monkeypatch.setattr(audio, "IN_MEMORY", 1000)
    monkeypatch.setattr(audio, "BLOCK", 32000)
    monkeypatch.setattr(pieces, "PIECE", 500)
    said = {name: [] for name in ("reading", "analysis", "synthesis", "writing")}
    soundfile.write(tmp_path / "a.wav", recording(40), 16000)
    wav = audio.load_any_length(tmp_path / "a.wav", print, tmp_path, said["reading"].append)
    converter = voice()
    edited = converter.edit(converter.analyse(wav, said["analysis"].append))
    made = converter.render(edited, advance=said["synthesis"].append)
    audio.save(tmp_path / "b.mp3", made, advance=said["writing"].append)
    for name, fractions in said.items():
        assert sum(fractions) == pytest.approx(1, abs=0.03), name
        assert len(fractions) >= 3 and max(fractions) < 0.8, name


def test_quiet_conversions_print_their_files_and_what_failed(tmp_path):
    wav, _ = soundfile.read(ROOT / "test" / "slt_clear.wav")
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", wav[:8000], 16000)
    (tmp_path / "in" / "b.wav").write_bytes(b"no audio")
    given = ("kathleen", "--input", tmp_path / "in", "--out_path", tmp_path / "out")
    done = run_script("infer.py", *given, "--quiet", cwd=ROOT, expect=1)
    assert done.stdout.splitlines()[0] == str(tmp_path / "out" / "a_kathleen.wav")
    assert done.stderr.startswith("1 of 2 failed:") and "b.wav" in done.stderr
    assert np.abs(audio.load(tmp_path / "out" / "a_kathleen.wav")).max() > 0.01


def test_no_module_has_a_bar_of_its_own():
    left_out = {"tests", ".venv"}
    files = [p for p in ROOT.rglob("*.py") if not left_out & set(p.relative_to(ROOT).parts)]
    using = [
        p.name for p in files if re.search(r"^\s*(from|import) tqdm", p.read_text("utf-8"), re.MULTILINE)
    ]
    assert using == ["progress.py"]
