"""Arrays on disk that are cut or spoilt."""

import numpy as np
import pytest

from common import arrays
from common.cli import UserError


@pytest.mark.parametrize(
    "array", [np.zeros((40, 3), np.float32), np.arange(7), np.zeros((0, 2)), np.int16(3)]
)
def test_a_whole_array_is_whole(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    assert arrays.whole(tmp_path / "a.npy")
    assert np.array_equal(arrays.read(tmp_path / "a.npy", ""), array)


@pytest.mark.parametrize(
    "spoil", ["empty", "header", "half", "one byte", "zeros", "more", "foreign", "objects"]
)
@pytest.mark.parametrize("mapped", [False, True])
def test_whatever_is_not_whole_is_named_with_the_remedy(tmp_path, spoil, mapped):
    path = tmp_path / "あ.npy"
    np.save(path, np.arange(100.0))
    data = path.read_bytes()
    spoilt = {
        "empty": b"",
        "header": data[:60],
        "half": data[:500],
        "one byte": data[:-1],
        "zeros": bytes(len(data)),
        "more": data + b"x",
        "foreign": b"RIFF" + data,
    }
    if spoil == "objects":
        np.save(path, np.array([{}, None]))
    else:
        path.write_bytes(spoilt[spoil])
    assert not arrays.whole(path)
    with pytest.raises(UserError, match=r"あ\.npy: expected a whole .npy, found .+; make it again") as error:
        arrays.read(path, "make it again", mapped)
    assert "\n" not in str(error.value)
    if spoil == "half":
        assert "found 500 of 928 bytes" in str(error.value)
