"""Remote shards are copied into the cache whole and verified, once, within its limit."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest

from foveal import cache, remote
from foveal.dataset.shards import local_copy
from foveal.dataset.shards.local_copy import RemoteShard, copy_path, fetch, forget_other_copy
from foveal.dataset.shards.shard_image import ShardImage
from foveal.errors import ImageError

CONTENT = bytes(range(256)) * 100


@pytest.fixture
def shard(object_store, monkeypatch, tmp_path) -> RemoteShard:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remote, "FIRST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(local_copy, "PART_BYTES", 10_000)
    address = object_store({"a.tar": CONTENT}) + "/a.tar"
    return RemoteShard(address, len(CONTENT), "1", hashlib.sha256(CONTENT).hexdigest())


def test_a_copy_is_made_once_and_images_are_read_from_it(shard, monkeypatch):
    from pathlib import Path

    assert fetch(shard)
    assert copy_path(shard.address).read_bytes() == CONTENT
    monkeypatch.setattr(local_copy, "read_range", None)  # no further request
    assert fetch(shard)
    image = ShardImage("shard", "a.tar", 300, 40)
    root = Path(shard.address.removesuffix("/a.tar"))
    assert image.read(root) == CONTENT[300:340]
    cache.remove(copy_path(shard.address).parent)
    assert image.read(root) == CONTENT[300:340]


@pytest.mark.parametrize("name", ["shard", "about.json"])
def test_pipes_are_not_waited_for(shard, name):
    folder = copy_path(shard.address).parent
    part = cache.unfinished(folder)
    for place in (folder, part):
        place.mkdir(parents=True)
        os.mkfifo(place / name)
    assert fetch(shard)
    assert copy_path(shard.address).read_bytes() == CONTENT


def test_other_bytes_are_refused(shard):
    wrong = RemoteShard(shard.address, shard.size, "2", "0" * 64)
    with pytest.raises(ImageError) as info:
        fetch(wrong)
    assert info.value.reason == "its SHA-256 is not the one that the index of the shards notes"
    with pytest.raises(ImageError) as info:
        fetch(RemoteShard(shard.address, shard.size + 1, "3"))
    assert info.value.reason == f"the store has {len(CONTENT):,} of {len(CONTENT) + 1:,} bytes"
    assert not copy_path(shard.address).exists()


def test_what_was_there_before_is_forgotten(shard):
    assert fetch(shard)
    forget_other_copy(shard.address, shard.stamp)
    assert copy_path(shard.address).is_file()
    forget_other_copy(shard.address, "changed")
    assert not copy_path(shard.address).exists()


def test_the_limit_of_the_cache(shard, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE_LIMIT", "10K")
    assert not fetch(shard)
    monkeypatch.setenv("FOVEAL_CACHE_LIMIT", "40K")
    assert fetch(shard)
    other = RemoteShard(shard.address + "#other", 20_000, "1")
    with pytest.raises(ImageError, match="nothing is at this address"):
        fetch(other)
    assert not copy_path(shard.address).exists(), "the least recently used is evicted"


def test_work_that_is_ended_leaves_no_copy(shard):
    ended = threading.Event()
    ended.set()
    assert not fetch(shard, ended)
    assert not copy_path(shard.address).exists()
    assert fetch(shard)


def test_a_cache_that_cannot_be_written(shard, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "file" / "cache"))
    assert not fetch(shard)
