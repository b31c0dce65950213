"""Names that a person types."""

import pytest

from foveal.errors import UsageError
from foveal.studio.names import clean_name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (" cat ", "cat"),
        ("고양이", "고양이"),
        ("<b>a & b</b>", "<b>a & b</b>"),
        ("e\u0301", "\u00e9"),
        ("a|b", "a|b"),
        ("x" * 120, "x" * 120),
    ],
)
def test_a_name_is_one_line_of_composed_text(typed, name):
    assert clean_name(typed, "class") == name


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (" \t", "the name of a class is empty: type at least one character"),
        ("x" * 1200, "the name of a class has 1,200 characters: type at most 120"),
        (
            "a\nb",
            r"the name 'a\nb' of a class has characters that cannot be shown: type it without them",
        ),
        (
            "cat\u202egpj",
            r"the name 'cat\u202egpj' of a class has characters that cannot be shown: type it "
            "without them",
        ),
        (
            "\udcff",
            r"the name '\udcff' of a class has characters that cannot be shown: type it without "
            "them",
        ),
    ],
)
def test_what_cannot_be_a_name_is_one_sentence(typed, sentence):
    with pytest.raises(UsageError) as caught:
        clean_name(typed, "class")
    assert str(caught.value) == sentence
