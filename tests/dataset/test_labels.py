"""Labels as arrays."""

import pytest

from foveal.dataset.labels import (
    encode_labels,
    encode_one_label,
    similar_classes,
    similar_classes_text,
)


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


def test_the_classes_of_images_with_one_label_each():
    classes, indices = encode_one_label([("dog",), ("cat",), ("dog",)])
    assert (classes, indices.tolist(), indices.dtype) == (["cat", "dog"], [1, 0, 1], "int64")
    classes, indices = encode_one_label([])
    assert (classes, indices.shape, indices.dtype) == ([], (0,), "int64")


def test_class_names_that_look_the_same() -> None:
    cyrillic = "c\u0430t"
    names = [
        "Cat",
        "cat ",
        cyrillic,
        "golden retriever",
        "Golden_Retriever",
        "1 1",
        "11",
        "-1",
        "1",
    ]
    assert similar_classes(names) == [
        ["Cat", "cat ", cyrillic],
        ["golden retriever", "Golden_Retriever"],
    ]
    assert similar_classes_text(similar_classes(["Cat", cyrillic, "dog"])) == (
        "class names that differ only by case, blanks or characters that look the same: "
        "'Cat' and 'c\\u0430t'; where they mean one class, give them one name"
    )
    assert similar_classes(["cat", "dog", "가", "나"]) == []
