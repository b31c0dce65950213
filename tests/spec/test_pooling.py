"""Pooling: short forms, and padding that leaves a pixel in every window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import SpecError
from foveal.spec import layers
from foveal.spec.pooling import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, Pool

sides = st.tuples(*[st.integers(0, 3)] * 4)


def test_all_are_layers_of_a_network():
    for cls in (AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, Pool):
        assert getattr(layers, cls.__name__) is cls
        assert cls is Pool or layers.LAYER_TYPES[cls.kind] is cls


def test_short_forms_are_the_long_ones():
    assert MaxPool(2) == MaxPool(size=(2, 2), stride=None, padding=(0, 0, 0, 0), ceil=False)
    assert MaxPool([3, 2]).to_data() == {"max_pool": [3, 2]}
    assert AvgPool(3, count_padding=False).to_data() == {
        "avg_pool": {"size": 3, "count_padding": False}
    }
    assert GlobalAvgPool().to_data() == "global_avg_pool"


@given(size=st.tuples(st.integers(1, 4), st.integers(1, 4)), padding=sides)
def test_padding_that_fills_a_window_is_refused(size, padding):
    """Reference: slide the window over a padded map and look for one without a pixel."""
    top, bottom, left, right = padding
    pixels = np.pad(np.ones((8, 8)), ((top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(pixels, size)
    if windows.any(axis=(2, 3)).all():
        assert MaxPool(size, padding=padding).padding == padding
    else:
        with pytest.raises(SpecError) as caught:
            MaxPool(size, padding=padding)
        assert str(caught.value) == (
            f"max_pool: padding {list(padding)} must be smaller than the window "
            f"{size[0]}x{size[1]} on every side, else a window covers only padding"
        )
