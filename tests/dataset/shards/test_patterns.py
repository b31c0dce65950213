"""Which names a pattern has, and what is one."""

import pytest

from foveal.dataset.shards.patterns import expand_braces, has_alternatives, is_pattern
from foveal.errors import UsageError


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a-{08..10}.tar", ["a-08.tar", "a-09.tar", "a-10.tar"]),
        ("{8..10}", ["8", "9", "10"]),
        ("{2..0}", ["2", "1", "0"]),
        ("{train,val}-{0..1}", ["train-0", "train-1", "val-0", "val-1"]),
        ("plain.tar", ["plain.tar"]),
        ("{}", [""]),
    ],
)
def test_braces(pattern, names):
    assert expand_braces(pattern) == names


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{0..999999999999}", "'{0..999999999999}' names more than 100,000 files; give fewer"),
        (
            "{0..999}{0..999}",
            "'{0..999}{0..999}' names more than 100,000 files; give a pattern of fewer",
        ),
    ],
)
def test_a_pattern_of_too_many(pattern, message):
    with pytest.raises(UsageError) as info:
        expand_braces(pattern)
    assert str(info.value) == message


def test_patterns():
    assert is_pattern("a-{0..1}.tar")
    assert is_pattern("*.tar")
    assert not is_pattern("a.tar")


def test_braces_in_the_name_of_one_file_are_no_pattern_of_several():
    assert has_alternatives("a-{0..1}.tar")
    assert has_alternatives("{a,b}.jpg")
    assert not has_alternatives("{holiday}.jpg")
