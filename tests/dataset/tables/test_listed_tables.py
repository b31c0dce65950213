"""Tables among files known by name; archives and dropped files are tested where they are opened."""

import pytest

from foveal.dataset.tables.listed_tables import listed_tables, several_tables_note


@pytest.mark.parametrize(
    ("names", "prefix", "wanted"),
    [
        (["1.png", "labels.csv"], "", ["labels.csv"]),
        (["1.png", "labels.csv", "more/other.csv"], "", ["labels.csv"]),
        (["1.png", "a.csv", "b.tsv"], "", []),
        (["1.png", "a.jsonl"], "", []),
        (["1.png", "metadata.jsonl", "a.csv"], "", ["metadata.jsonl"]),
        (["train/metadata.csv", "test/metadata.csv"], "",
         ["test/metadata.csv", "train/metadata.csv"]),
        (["all/1.png", "all/labels.TSV"], "all/", ["all/labels.TSV"]),
        (["all/1.png", "all/labels.csv"], "", []),
    ],
)  # fmt: skip
def test_the_tables_that_label_files(names, prefix, wanted):
    assert listed_tables(names, prefix) == wanted


def test_one_table_needs_no_note():
    assert several_tables_note("x", ["a.csv"]) == ()
