"""What is fitted on, from a listing and its splits."""

from pathlib import Path

import pytest

from foveal.dataset.dataset import Dataset
from foveal.errors import DataError
from foveal.training.setup.data import classes


def test_a_class_whose_name_is_no_text_is_refused():
    names = ("a", "b\udcff")
    labels = tuple((name,) for name in names)
    listing = Dataset(Path("data"), ("a/1.png", "b\udcff/1.png"), labels)
    with pytest.raises(DataError) as caught:
        classes(listing, ("train", "train"))
    assert str(caught.value) == (
        "the class b\\udcff has a name that is not text (UTF-8), which no model file can hold; "
        "rename its folder"
    )
