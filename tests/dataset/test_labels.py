"""Labels as arrays."""

import pytest

from foveal.dataset.labels import encode_labels


def test_one_label_an_image_becomes_a_class_index():
    encoded = encode_labels([("dog",), ("cat",), ("dog",)], ("cat", "dog"), "single")
    assert encoded.dtype == "int64"
    assert encoded.tolist() == [1, 0, 1]


def test_an_unknown_single_label_is_an_error():
    with pytest.raises(KeyError):
        encode_labels([("cow",)], ("cat", "dog"), "single")


def test_several_labels_an_image_become_a_table():
    encoded = encode_labels([("dog", "cat"), (), ("cow", "dog")], ("cat", "dog"), "multi")
    assert encoded.dtype == "bool"
    assert encoded.tolist() == [[True, True], [False, False], [False, True]]


@pytest.mark.parametrize(("task", "shape"), [("single", (0,)), ("multi", (0, 2))])
def test_no_images(task, shape):
    assert encode_labels([], ("cat", "dog"), task).shape == shape
