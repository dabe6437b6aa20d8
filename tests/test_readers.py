"""Text, JSON and .npy files that are damaged: the file, what is wrong, the remedy."""

import numpy as np
import pytest

from common.cli import UserError
from common.readers import read_array, read_json, read_text

FORM = {"train": [str], "of": {str: {"hash": str}}, "seed?": int}
GOOD = '{"train": ["a"], "of": {"x": {"hash": "h", "more": 1}}, "other": null}'


def refused(call, path, *arguments) -> str:
    with pytest.raises(UserError) as error:
        call(path, *arguments, "make it again")
    text = str(error.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")


def test_the_mark_before_utf_8_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "声.txt"
    path.write_bytes("\ufeffほげ\r\n".encode())
    assert read_text(path, "") == "ほげ\r\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("ほげ".encode("utf-16"), "expected UTF-8, found UTF-16; save it as UTF-8"),
        (b"a\nb\n\xe9t\xe9", "expected UTF-8, found another encoding in line 3; save it as UTF-8"),
        (None, "no such file or folder; make it again"),
    ],
)
def test_other_encodings_are_named(tmp_path, content, says):
    path = tmp_path / "声.txt"
    if content is not None:
        path.write_bytes(content)
    assert refused(read_text, path).startswith(says)
    assert refused(read_text, tmp_path) == "it is a folder, expected a file; make it again"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is damaged, no valid JSON"),
        (GOOD[:-9], "it is damaged, no valid JSON"),
        ("[" * 100_000, "it is damaged, no valid JSON"),
        ("[]", "it is damaged, expected a table as the whole"),
        ('{"of": {}}', "it is damaged, 'train' is missing"),
        ('{"train": "a", "of": {}}', "it is damaged, expected a list as train"),
        ('{"train": ["a", 1], "of": {}}', "it is damaged, found 1 as train[1]"),
        ('{"train": [], "of": {"x": []}}', "it is damaged, expected a table as of.x"),
        ('{"train": [], "of": {}, "seed": true}', "it is damaged, found True as seed"),
    ],
)
def test_json_of_another_form_is_refused(tmp_path, text, says):
    path = tmp_path / "split.json"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert read_json(path, FORM, "")["train"] == ["a"]
    path.write_text(text, encoding="utf-8")
    found = refused(read_json, path, FORM)
    assert found.startswith(says) and found.endswith("; make it again")


def test_arrays_that_are_cut_or_hold_other_things_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(100.0))
    assert np.array_equal(read_array(path, ""), np.arange(100.0))
    assert isinstance(read_array(path, "", mapped=True), np.memmap)
    whole = path.read_bytes()
    huge = whole.replace(b"(100,), }", b"(10000000000000,), }")
    for content in (b"", whole[:5], whole[:60], whole[:-1], huge, b"PK\x03\x04" + whole, b"x" * 300):
        path.write_bytes(content)
        assert refused(read_array, path).endswith("; make it again")
    for array in (np.array([{"a": 1}], object), np.array(["text"])):
        np.save(path, array)
        refused(read_array, path)
    np.save(path, np.zeros((0, 3), np.float32))
    assert read_array(path, "").shape == (0, 3)
