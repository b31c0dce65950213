"""Cells are read back as they were written, and no spreadsheet runs them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.dataset.tables.cells import (
    csv_text,
    escape_formula,
    join_labels,
    split_labels,
    unescape_formula,
)

texts = st.text(st.sampled_from("ab|\\ '=+-@1\t")) | st.text()


@given(st.lists(texts, min_size=1, max_size=4))
def test_labels_are_read_back(labels: list[str]) -> None:
    assert split_labels(join_labels(labels)) == labels


@pytest.mark.parametrize(
    ("labels", "cell"),
    [
        (["a", "b"], "a|b"),
        (["a|b"], r"a\|b"),
        (["a|b", "c"], r"a\|b|c"),
        (["a\\", "b"], r"a\\|b"),
        (["C:\\a\\b"], r"C:\a\b"),
        (["a\\|b"], r"a\\\|b"),
        ([""], ""),
    ],
)
def test_label_cells(labels: list[str], cell: str) -> None:
    assert join_labels(labels) == cell
    assert split_labels(cell) == labels


@given(texts)
def test_texts_are_read_back(text: str) -> None:
    escaped = escape_formula(text)
    assert unescape_formula(escaped) == text
    assert not escaped.startswith(("=", "@", "\t", "\r"))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("-background", "'-background"),
        ("@A1", "'@A1"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("-1", "-1"),
        ("+1.5e-3", "+1.5e-3"),
        ("a=1", "a=1"),
        ("'a'", "'a'"),
        ("", ""),
    ],
)
def test_formulas(text: str, cell: str) -> None:
    assert escape_formula(text) == cell
    assert unescape_formula(cell) == text


def test_the_lines_of_a_table() -> None:
    rows = [["path", "label"], ("=a.png", None), ("b,c.png", -1.5), ('"', "x\ny")]
    assert csv_text(rows) == 'path,label\n\'=a.png,\n"b,c.png",-1.5\n"""","x\ny"\n'
