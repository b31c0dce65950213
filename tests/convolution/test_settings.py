"""Padding, padding modes and pools as users write them."""

import pytest

from foveal.convolution.settings import parse_padding, parse_padding_mode, parse_pool


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        (1, (1, 1, 1, 1)),
        ("2", (2, 2, 2, 2)),
        ("1,2", (1, 1, 2, 2)),
        ("1, 2,3,0", (1, 2, 3, 0)),
        ((0, 1, 2, 3), (0, 1, 2, 3)),
        ("valid", (0, 0, 0, 0)),
        ("same", (0, 1, 1, 1)),
    ],
)
def test_padding_is_read_as_users_write_it(padding, sides):
    assert parse_padding(padding, size=(8, 9), kernel=(3, 3), stride=(2, 2)) == sides


def test_pools_and_modes_are_read_as_users_write_them():
    assert parse_pool("max:2") == ("max", (2, 2))
    assert parse_pool("avg:10") == ("avg", (10, 10))
    assert parse_padding_mode("circular") == "circular"
