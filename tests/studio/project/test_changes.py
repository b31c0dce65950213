"""The values of a change become the entry of the journal, or one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import UsageError
from foveal.studio.project.changes import parse_change
from foveal.studio.project.images import SPLIT_NAMES


@given(st.lists(st.integers(0, 9)), st.none() | st.text())
def test_an_entry_has_the_values_that_were_given(ids, label):
    values = {"op": "label", "ids": ids, "label": label}
    assert parse_change(values) == values


@pytest.mark.parametrize("split", range(4))
def test_a_split_is_written_by_its_name(split):
    for given_split in (split, SPLIT_NAMES[split]):
        entry = parse_change({"op": "split", "ids": [1], "split": given_split})
        assert entry == {"op": "split", "ids": [1], "split": SPLIT_NAMES[split]}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"op": "undo", "x": 1}, "this change cannot be made: undo.x: Extra inputs are not "
         "permitted"),
        ({"op": "keep", "ids": [1.5]}, "this change cannot be made: keep.ids.0: Input should be a "
         "valid integer"),
        ({"op": "keep"}, "this change cannot be made: keep.ids: Field required"),
    ],
)  # fmt: skip
def test_what_is_no_change(values, sentence):
    with pytest.raises(UsageError) as raised:
        parse_change(values)
    assert str(raised.value) == sentence
