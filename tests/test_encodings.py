"""Texts and names of unknown encoding are read as they were meant."""

import pytest

from common.encodings import decoded, encoding_of, title


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        ("utf-8", ["息", "été", "가"]),
        ("cp932", ["あ", "ソ", "音声", "ブレス", "息", "能力", "ｶｷｸ", "利用規約"]),
        ("gbk", ["啊", "你好", "吸气", "单独音", "あ"]),
        ("cp949", ["가나다라마바사아자"]),
        ("cp437", ["été", "Müller", "niño"]),
        ("cp1252", ["été", "Müller", "Ação"]),
    ],
)
def test_the_likeliest_encoding_is_found(encoding, texts):
    for text in texts:
        content = text.encode(encoding)
        assert content.decode(encoding_of([content])) == text
    assert encoding_of([text.encode(encoding) for text in texts]) == encoding


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_before_a_text_are_heeded(encoding):
    assert decoded("か\n".encode(encoding))[0] == "か\n"


def test_bytes_that_fit_nothing_are_text_all_the_same():
    assert decoded(b"\x81\xff\xff\x00")[0] and encoding_of([b"plain"]) == "utf-8"
    assert (title("cp932"), title("utf-8-sig"), title("utf-16")) == ("Shift-JIS", "UTF-8", "UTF-16")
