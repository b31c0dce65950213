"""Words of messages."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.text import (
    align_columns,
    and_more,
    classes_are,
    did_you_mean,
    display_width,
    escape_surrogates,
    first_line_of,
    format_bytes,
    head_and_tail,
    is_address,
    list_quoted,
    name_bytes,
    natural_key,
    one_of,
    pad,
    plural,
    printable,
    reason_of,
    sentence,
    showable,
)


def test_plural():
    assert plural(1, "image") == "1 image"
    assert plural(0, "image") == "0 images"
    assert plural(1797, "class", "classes") == "1,797 classes"


@pytest.mark.parametrize(
    ("items", "text"),
    [([], ""), (["a"], "a"), ([1, 2], "1, 2"), (["a", "b", "c"], "a, b and 1 more")],
)
def test_and_more(items, text):
    assert and_more(items, 2) == text


def test_one_of():
    assert one_of(["a"]) == "a"
    assert one_of(("a", "b")) == "a or b"
    assert one_of({"a": 1, "b": 2, "c": 3}) == "a, b or c"


def test_a_list_of_quoted_names():
    assert list_quoted(["a", "b\n"]) == "'a', 'b\\n'"
    assert list_quoted("abcdefg") == "'a', 'b', 'c', 'd', 'e' and 2 more"
    assert list_quoted("abc", 1) == "'a' and 2 more"


def test_and_more_counts_with_separators():
    assert and_more(range(2000), 1) == "0 and 1,999 more"
    assert and_more("abc", 2, separator="; ") == "a; b and 1 more"


def test_nearest():
    assert did_you_mean("rellu", ["relu", "gelu"]) == " (did you mean 'relu'?)"
    assert did_you_mean("xyz", ["relu"]) == ""


def test_natural_order():
    names = ["10", "2", "1", "a10", "a9", "a", "B", "01", "x" + "9" * 5000]
    order = ["01", "1", "2", "10", "B", "a", "a9", "a10", "x" + "9" * 5000]
    assert sorted(names, key=natural_key) == order


@given(st.lists(st.text(max_size=8), unique=True))
def test_natural_order_is_total(names):
    assert len(set(map(natural_key, names))) == len(names)


def test_printable_is_one_line():
    assert printable("a/b c 한글.png") == "a/b c 한글.png"
    assert printable("a\nb\x1b[31m\udcff") == "a\\nb\\x1b[31m\\udcff"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("https://example.com/a.zip", True),
        ("s3:/bucket", True),
        ("C:/images", False),
        ("a:b/1.png", False),
        ("/data/http://x", False),
        ("images", False),
    ],
)
def test_is_address(path, expected):
    assert is_address(path) is expected


def test_classes_start_a_sentence_and_long_lists_are_cut():
    assert classes_are(["a"]) == "class 'a' is"
    assert classes_are("abcdefg") == "classes 'a', 'b', 'c', 'd', 'e' and 2 more are"
    assert sentence("no image of 'a'") == "No image of 'a'."


@pytest.mark.parametrize(
    "name",
    ["photos/a.jpg", "a.csv", "preprocess.range", "class_balance", "b/1", "./x", "2x", "été/1"],
)
def test_a_path_or_key_at_the_start_of_a_sentence_is_not_altered(name):
    assert sentence(f"{name} is read") == f"{name} is read."
    assert sentence(name) == f"{name}."


def test_of_many_lines_the_first_and_the_last_stay():
    lines = [str(number) for number in range(10)]
    assert head_and_tail(lines, 6, "...") == ["0", "1", "2", "3", "...", "8", "9"]
    assert head_and_tail(lines, 9, "...") == lines
    assert head_and_tail([], 6, "...") == []


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 2**30, "5.0 GiB"), (2**41, "2.0 TiB")],
)
def test_bytes_have_a_unit(count, text):
    assert format_bytes(count) == text


def test_columns_are_as_wide_as_their_longest_cell():
    rows = [("name", "n", ""), ("a", "1,000", "x"), ("longer", "7", "")]
    assert align_columns(rows, right={1}) == ["name        n", "a       1,000  x", "longer      7"]
    assert align_columns([("개", "1"), ("고양이", "2")]) == ["개      1", "고양이  2"]


def test_what_cannot_be_shown_is_escaped_in_every_line():
    assert showable("a\tb\nc\x1b[0m\n") == "a\\tb\nc\\x1b[0m\n"
    assert showable("x" * 2000) == "x" * 2000
    assert showable("a" * 1500 + "b" * 501) == "a" * 1495 + " ... " + "b" * 500


def test_bytes_that_are_no_text_are_escaped():
    assert escape_surrogates("한 a\udcff") == "한 a\\udcff"


def test_every_name_has_bytes_and_that_of_a_file_has_its_own():
    assert name_bytes("한 a\udcff") == "한 a".encode() + b"\xff"
    assert name_bytes("a\ud800") == b"a\xed\xa0\x80"


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("cat", 3),
        ("고양이", 6),
        (unicodedata.normalize("NFD", "개"), 2),
        ("é", 1),
        ("ｱ", 1),
    ],
)
def test_display_width(text, width):
    assert display_width(text) == width


def test_pad_counts_columns():
    assert pad("개", 6) == "개    "
    assert pad("고양이", 6) == "고양이"
    assert pad("longer", 3) == "longer"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("bad  input:\n\tline 2 "), "bad input: line 2"),
        (ValueError(), "ValueError"),
        (OSError(" \n"), "OSError"),
        (ValueError("a\x1b[2J\udcff"), "a\\x1b[2J\\udcff"),
        (KeyError("x" * 300), "'" + "x" * 199),
    ],
)
def test_what_an_error_of_a_library_says_is_one_short_line(error, reason):
    assert reason_of(error) == reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("\n bad  input: \nException raised from a"), "bad  input:"),
        (RuntimeError(), "RuntimeError"),
        (ValueError("\n\n"), "ValueError"),
        (ValueError("a\x1b[2J\udcff"), "a\\x1b[2J\\udcff"),
        (KeyError("x" * 300), "'" + "x" * 199),
    ],
)
def test_the_first_line_of_what_an_error_of_a_library_says(error, reason):
    assert first_line_of(error) == reason
