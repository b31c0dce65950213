"""Columns of images that grow."""

import numpy as np

from foveal.studio.project.images import Images


def test_columns_grow_and_keep_their_values():
    images, wanted = Images(), []
    for size in (1, 70, 3, 500):
        values = list(range(len(wanted), len(wanted) + size))
        ids = images.append(
            [f"p{value}" for value in values], [None] * size, label=values, present=True
        )
        assert list(ids) == values
        wanted += values
    np.testing.assert_array_equal(images.column("label"), wanted)
    assert images.paths == [f"p{value}" for value in wanted]
    assert images.column("label").dtype == np.int32
    assert not images.column("left_out").any()


def test_usable_images_are_present_and_not_left_out():
    images = Images()
    images.append(["a", "b", "c"], [None] * 3, present=[True, True, False])
    images.column("left_out")[1] = True
    assert images.usable().tolist() == [True, False, False]
    assert images.present().tolist() == [0, 1]
