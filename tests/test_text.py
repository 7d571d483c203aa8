from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.errors import DataError
from sysid_tbptt.text import line_at, utf8

PATH = Path("log.csv")


@given(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"])))
def test_utf_8_is_passed_with_and_without_a_byte_order_mark(text):
    content = ("a" + text).encode()
    assert utf8(content, PATH, DataError) == utf8(b"\xef\xbb\xbf" + content, PATH, DataError) == content


@given(st.lists(st.sampled_from(["a", "é", "水", "\n", "\r\n"]), max_size=20))
def test_the_first_byte_of_another_encoding_is_told_with_its_line(parts):
    before = "".join(["b", *parts])
    with pytest.raises(DataError, match=rf"line {before.count(chr(10)) + 1} holds the byte 0xb0, which is not UTF-8"):
        utf8(before.encode() + b"\xb0\n\xb0", PATH, DataError)


@given(st.lists(st.sampled_from(["ab", "\n", "\r\n", "\r\r"]), max_size=9))
def test_lines_are_counted_as_python_splits_them(parts):
    text = "".join(parts) + "x"
    assert line_at(text.encode(), len(text) - 1) == len(text.splitlines())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_told(encoding):
    with pytest.raises(DataError, match=r"log\.csv: .*UTF-16.*save it as UTF-8"):
        utf8("u,y\n1,2\n".encode(encoding), PATH, DataError)
