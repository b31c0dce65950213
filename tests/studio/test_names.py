"""Names that a person types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import UsageError
from foveal.studio.names import MAX_GIVEN_LENGTH, clean_name, given_name


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


@given(st.text(st.characters(), max_size=400))
def test_a_given_name_is_one_that_can_be_typed(text):
    name = given_name(text)
    assert len(name) <= MAX_GIVEN_LENGTH
    assert name == "" or clean_name(name, "class", MAX_GIVEN_LENGTH) == name


def test_two_long_names_stay_two():
    one, other = (given_name("x" * 300 + end) for end in "ab")
    assert one != other
    assert len(one) == len(other) == 255
    assert one.startswith("x" * 246 + "…")
    assert given_name("e\u0301") == "\u00e9"
