"""Parts of files at addresses: as a file, and ahead of images that follow each other."""

from __future__ import annotations

import io

import pytest

from foveal import remote
from foveal.dataset.shards import remote_reader
from foveal.dataset.shards.remote_reader import MAX_AHEAD_BYTES, open_remote, read_image_range
from foveal.errors import DataError, ImageError

CONTENT = bytes(range(256)) * 40_000


@pytest.fixture
def address(object_store, monkeypatch) -> str:
    monkeypatch.setattr(remote, "FIRST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(remote_reader, "_ahead", remote_reader._Ahead())
    return object_store({"a.tar": CONTENT, "empty.tar": b""}) + "/a.tar"


@pytest.fixture
def requests(monkeypatch) -> list[tuple[int, int]]:
    """Start and count of every request."""
    made: list[tuple[int, int]] = []

    def noted(address: str, start: int, count: int) -> bytes:
        made.append((start, count))
        return remote.read_range(address, start, count)

    monkeypatch.setattr(remote_reader, "read_range", noted)
    return made


def test_a_file_like_one_of_the_disk(address, requests):
    with open_remote(address) as file:
        plain = io.BytesIO(CONTENT)
        for seek, count in (((0,), 10), ((5_000_000,), 2**21), ((-7, 2), 100), ((3,), 0)):
            file.seek(*seek)
            plain.seek(*seek)
            assert (file.read(count), file.tell()) == (plain.read(count), plain.tell())
    assert len(requests) <= 5


def test_an_empty_file_and_a_missing_one(address):
    assert open_remote(address.replace("a.tar", "empty.tar")).read() == b""
    with pytest.raises(DataError) as info:
        open_remote(address.replace("a.tar", "b.tar"))
    assert (
        str(info.value) == f"nothing is at {address.replace('a.tar', 'b.tar')}; check the address"
    )


def test_images_that_follow_share_requests(address, requests):
    size = 50_000
    for start in range(0, 150 * size, size + 700):
        assert read_image_range(address, start, size) == CONTENT[start : start + size]
    assert len(requests) < 12
    assert max(count for _, count in requests) <= MAX_AHEAD_BYTES


def test_images_anywhere_are_read_alone(address, requests):
    places = [9_000_000, 4_000_000, 100, 7_000_000]
    for start in places:
        assert read_image_range(address, start, 10) == CONTENT[start : start + 10]
    assert requests == [(start, 10) for start in places]


def test_the_end_of_the_shard(address):
    end = len(CONTENT)
    assert read_image_range(address, end - 5, 5) == CONTENT[-5:]
    for start, size in ((end - 5, 6), (end, 1), (end + 100, 1)):
        with pytest.raises(ImageError) as info:
            read_image_range(address, start, size)
        assert info.value.reason == "truncated: the shard ends before the image does"
