"""Curves in CSV files: nothing changes unedited, only edited rows do, what does not fit is refused."""

import numpy as np
import pytest
from sung_prosody import predicted

from common.cli import UserError
from conversion import prosody_csv


@pytest.mark.parametrize("column,value", [(1, "1e300"), (1, "19"), (3, "4000"), (3, "-121")])
def test_a_curve_that_no_voice_can_meet_is_refused(tmp_path, column, value):
    path = tmp_path / "曲.csv"
    prosody_csv.write(path, predicted().curve())
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[51].split(",")
    cells[column] = value
    path.write_text("\n".join([*lines[:51], ",".join(cells), *lines[52:]]), encoding="utf-8")
    with pytest.raises(UserError, match=rf"曲.csv, line 52: expected {lines[0].split(',')[column]} from"):
        prosody_csv.read(path, 120)


@pytest.fixture
def file(tmp_path):
    """A written curve, and the prosody it came from."""
    own = predicted()
    path = tmp_path / "歌" / "prosody.csv"
    prosody_csv.write(path, own.curve(), start=800)
    return path, own


def test_a_curve_given_back_unedited_changes_nothing(file):
    path, own = file
    given = prosody_csv.read(path, len(own), start=800)
    same, change, notes = own.replaced(given)
    assert np.array_equal(same.pit, own.pit) and np.array_equal(same.dyn, own.dyn) and change == 0.0
    assert "0 of 120 frames have the file's pitch, 0 its loudness" in notes[0]


def test_only_edited_rows_change(file):
    path, own = file
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "time_s,f0_hz,voiced,loudness_db" and lines[1].startswith("0.060,")
    time, _, _, db = lines[41].split(",")
    lines[41] = f"{time},440.0,1,{db}"
    time, f0, voiced, _ = lines[51].split(",")
    lines[51] = f"{time},{f0},{voiced},-3.5"
    time, _, _, db = lines[61].split(",")
    lines[61] = f"{time},,0,{db}"
    path.write_text("\n".join(lines), encoding="utf-8")
    given = prosody_csv.read(path, len(own), 800)
    new, _, notes = own.replaced(given)
    assert "2 of 120 frames have the file's pitch, 1 its loudness" in notes[0]
    assert np.flatnonzero((new.pit != own.pit).any(axis=1)).tolist() == [40, 60]
    assert np.flatnonzero((new.dyn != own.dyn).any(axis=1)).tolist() == [50]
    after = new.curve()
    assert after.f0[40] == pytest.approx(440, rel=0.01) and not after.voiced[60]
    assert after.db[50] == pytest.approx(-3.5, abs=0.1)


@pytest.mark.parametrize("mark", [";", "\t"])
@pytest.mark.parametrize("above", ["", "sep={}\n"])
def test_what_spreadsheets_write_is_understood(file, mark, above):
    """Other separators, decimal commas, empty rows, words for 1 and 0, a line that tells the separator."""
    path, own = file
    expected = prosody_csv.read(path, len(own), 800)
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows[1:]:
        row[2] = {"1": "TRUE", "0": "False"}[row[2]]
    text = "\n".join([*(mark.join(row) for row in rows), 3 * mark, ""]).replace(".", ",")
    path.write_text("\ufeff" + above.format(mark) + text, encoding="utf-8")
    given = prosody_csv.read(path, len(own), 800)
    for one, other in ((given.f0, expected.f0), (given.voiced, expected.voiced), (given.db, expected.db)):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lines: lines[:-3], "expected 120 rows .* found 117 rows"),
        (lambda lines: ["a,b", *lines[1:]], "expected columns time_s, f0_hz, voiced, loudness_db"),
        (lambda lines: [*lines[:5], "0.140,high,1,0", *lines[6:]], "line 6: f0_hz: expected a number"),
        (lambda lines: [*lines[:5], "0.140,0,1,0", *lines[6:]], "line 6: expected f0_hz above 0"),
        (lambda lines: [*lines[:5], "0.140,100,1,", *lines[6:]], "line 6: loudness_db: expected a number"),
        (lambda lines: [lines[0], ",,,", *lines[1:5], "0.140,0,1,0", *lines[6:]], "line 7: expected f0_hz"),
        (lambda lines: ["sep=,", *lines[:5], "0.140,0,1,0", *lines[6:]], "line 7: expected f0_hz above 0"),
    ],
)
def test_files_that_do_not_fit_are_refused_by_line(file, edit, message):
    path, own = file
    lines = edit(path.read_text(encoding="utf-8").splitlines())
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        prosody_csv.read(path, len(own), 800)


def test_a_file_of_another_recording_is_refused(file):
    path, own = file
    with pytest.raises(UserError, match="another recording"):
        prosody_csv.read(path, len(own), start=8000)
