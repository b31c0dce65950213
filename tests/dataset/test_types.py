"""Words for splits, in the spellings people use."""

from __future__ import annotations

import pytest

from foveal.dataset.types import split_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        (" Training_Set ", "train"),
        ("TRAIN-images", "train"),
        ("dev", "val"),
        ("Valid", "val"),
        ("evaluation", "val"),
        ("eval", "val"),
        ("hold-out", "test"),
        ("test set", "test"),
        ("set", None),
        ("", None),
        ("trainer", None),
    ],
)
def test_splits_are_known_in_any_spelling(name: str, split: str | None):
    assert split_of(name) == split
