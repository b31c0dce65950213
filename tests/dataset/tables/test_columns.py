"""Columns of a table as converted cells; whole messages are asserted in test_table."""

from pathlib import Path

import pytest

from foveal.dataset.tables.columns import parse_columns
from foveal.errors import DataError

ROOT = Path("/data")


def test_cells_of_any_kind_are_text():
    table = parse_columns(
        ROOT,
        {
            "path": ["/data/1.png", "./2.png", "/other/3.png"],
            "label": [["a", "b"], 7, "a | a"],
            "split": ["Training", "valid", "TEST"],
            "group": [None, 2, " g "],
            "price": [1.5, float("nan"), None],
        },
        "the table",
    )
    assert table.paths == ("1.png", "2.png", "/other/3.png")
    assert table.labels == (("a", "b"), ("7",), ("a",))
    assert table.splits == ("train", "val", "test")
    assert table.groups == (None, "2", "g")
    assert table.task == "multi"
    assert table.extra_columns == {"price": ("1.5", "", "")}
    assert (table.usable, table.unusable, table.notes) == ([0, 1, 2], (), ())


def test_repeated_rows_and_zero_bytes_are_not_usable():
    table = parse_columns(
        ROOT, {"path": ["1.png", "./1.png", "x\0.png"], "label": ["a|b", "b|a", "a"]}, "t.csv"
    )
    assert list(table.usable) == [0]
    assert [(item.path, item.reason) for item in table.unusable] == [
        ("x?.png", "a name with a zero byte")
    ]
    assert table.notes == ("in t.csv: 1 repeated row ignored",)


def test_long_lists_of_rows_are_cut():
    with pytest.raises(DataError) as error:
        parse_columns(ROOT, {"path": [""] * 8, "label": ["a"] * 8}, "t.csv")
    assert str(error.value) == (
        "t.csv: no path in rows 1, 2, 3, 4, 5 and 3 more; fill in or delete them"
    )


def test_a_misspelt_column_is_suggested():
    with pytest.raises(DataError) as error:
        parse_columns(ROOT, {"pth": [], "label": []}, "t.csv")
    assert str(error.value) == (
        "t.csv has no column 'path'; it has 'pth', 'label' (did you mean 'pth'?): name the "
        "columns path, label and optionally split and group"
    )


def test_other_words_for_splits_are_told():
    table = parse_columns(
        ROOT,
        {"path": ["1", "2", "3"], "label": ["a"] * 3, "split": ["Train", "dev", "hold_out"]},
        "t.csv",
    )
    assert table.splits == ("train", "val", "test")
    assert table.layout_notes == ("in t.csv: splits are read so: 'dev' as val, 'hold_out' as test",)


def test_a_list_in_a_list_is_no_list_of_labels():
    """Each list would double the backslashes in front of a |: forty lists fill any memory."""
    deep: list = ["a|b", None]
    for _ in range(40):
        deep = [deep]
    table = parse_columns(
        ROOT, {"path": ["1.png"], "label": ["a"], "flat": [["a|b", None]], "deep": [deep]}, "t"
    )
    assert table.extra_columns == {"flat": (r"a\|b|",), "deep": (str(deep[0]).replace("|", r"\|"),)}
    assert len(table.extra_columns["deep"][0]) < 200


def test_a_path_that_no_file_can_have_is_not_usable():
    table = parse_columns(ROOT, {"path": ["\ud800/1.png", "2.png"], "label": ["a", "b"]}, "t")
    assert list(table.usable) == [1]
    assert [(item.path, item.reason) for item in table.unusable] == [
        ("\ud800/1.png", "a name that no file can have")
    ]


def test_a_hundred_thousand_columns_are_as_few():
    columns = {f"column {number}": ["x"] for number in range(100_000)}
    table = parse_columns(ROOT, {"path": ["1.png"], "label": ["a"], **columns}, "t.csv")
    assert len(table.extra_columns) == 100_000
    with pytest.raises(DataError) as error:
        parse_columns(ROOT, columns, "t.csv")
    assert str(error.value).startswith("t.csv has no column 'path' and no column 'label'; it has ")
    assert len(str(error.value)) == 2000
