"""index.json is verified before any place in it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveal.dataset.shards.index import ShardEntry, ShardIndex, format_index, parse_index
from foveal.errors import DataError

GOOD: dict[str, Any] = {
    "url": "a.tar",
    "nsamples": 2,
    "filesize": 10240,
    "sha256": "0" * 64,
    "paths": ["1.png", "2.png"],
    "labels": [["a"], ["b"]],
    "offsets": [512, 2048],
    "sizes": [100, 200],
    "hashes": ["0" * 16, "f" * 16],
}


def content(**changes: Any) -> bytes:
    entry = {**GOOD, **changes}
    index = {"__kind__": "wids-shard-index-v1", "wids_version": 1, "format": "foveal-shards-1"}
    return json.dumps({**index, "images": entry["nsamples"], "shardlist": [entry]}).encode()


def test_what_is_written_is_read():
    index = ShardIndex(images=2, shardlist=[ShardEntry(**GOOD)], unusable=[("3.png", "damaged")])
    assert parse_index(format_index(index).encode(), "index.json") == index
    assert json.loads(format_index(index))["__kind__"] == "wids-shard-index-v1"


@pytest.mark.parametrize("other", [b"", b"{}", b"[1]", b'{"wids_version": 1, "shardlist": []}'])
def test_an_index_of_another_tool_is_not_read(other):
    assert parse_index(other, "index.json") is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"offsets": [512, 10200]}, "shard 'a.tar': an image ends at byte 10,400 of 10,240"),
        ({"offsets": [512, 700]}, "shard 'a.tar': the images at bytes 512 and 700 overlap"),
        (
            {"offsets": [0, 2048]},
            "shard 'a.tar': an image begins at byte 0, where its header must be",
        ),
        ({"sizes": [100]}, "shard 'a.tar': its lists are not of 2 images each"),
        ({"hashes": ["0" * 16]}, "shard 'a.tar': its lists are not of 2 images each"),
        ({"columns": {"x": ["1"]}}, "shard 'a.tar': its lists are not of 2 images each"),
        ({"url": "../a.tar"}, "shard '../a.tar': its name leads out of the folder"),
        ({"url": "/a.tar"}, "shard '/a.tar': its name leads out of the folder"),
        ({"url": "s3://b/a.tar"}, "shard 's3://b/a.tar': its name leads out of the folder"),
        (
            {"offsets": [512, -1]},
            "shardlist.0.offsets.1: Input should be greater than or equal to 0",
        ),
        (
            {"sizes": [100, 2**80]},
            "shardlist.0.sizes.1: Input should be less than 4611686018427387904",
        ),
        ({"sizes": [100, "200"]}, "shardlist.0.sizes.1: Input should be a valid integer"),
        (
            {"hashes": ["0" * 16, "xyz"]},
            "shardlist.0.hashes.1: String should match pattern '^[0-9a-f]{16}$'",
        ),
        (
            {"splits": ["train", "x"]},
            "shardlist.0.splits.1: Input should be 'train', 'val' or 'test'",
        ),
    ],
)
def test_a_hostile_index(changes, reason):
    with pytest.raises(DataError) as info:
        parse_index(content(**changes), "shards/index.json")
    assert str(info.value) == (
        f"shards/index.json is damaged ({reason}); write the shards again with foveal pack, or "
        "remove it, and the shards are read without it"
    )


def test_counts_and_names_must_agree():
    entry = {**GOOD}
    for images, entries, reason in (
        (3, [entry], "its shards have 2 images, not 3"),
        (4, [entry, entry], "a shard stands in it twice"),
    ):
        text = json.dumps({"format": "foveal-shards-1", "images": images, "shardlist": entries})
        with pytest.raises(DataError, match=reason):
            parse_index(text.encode(), "index.json")


@pytest.mark.parametrize("tail", [b"", b"[" * 100_000, b"\xff\xfe"])
def test_what_is_no_json(tail):
    with pytest.raises(DataError, match=r"^index.json is damaged \(.*\); write the shards again"):
        parse_index(b'{"format": "foveal-shards-1", ' + tail, "index.json")
