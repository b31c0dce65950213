"""An image is read by its place, and verified where its hash is known."""

from __future__ import annotations

import pytest

from foveal.dataset.scan.image_stats import content_hash
from foveal.dataset.shards.shard_image import ShardImage
from foveal.errors import ImageError


def test_reading_by_place(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"0123456789")
    known = ShardImage("shard", "a.tar", 3, 4, content_hash(b"3456"))
    assert known.read(tmp_path) == b"3456"
    assert ShardImage("shard", "", 3, 4).read(tmp_path / "a.tar") == b"3456"
    assert known.stamp() != ShardImage("shard", "a.tar", 3, 4).stamp()


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (
            ShardImage("shard", "a.tar", 3, 4, 1),
            "damaged: not the bytes that the index of the shards notes",
        ),
        (ShardImage("shard", "a.tar", 8, 4), "truncated: the shard ends before the image does"),
        (ShardImage("shard", "a.tar", 99, 4), "truncated: the shard ends before the image does"),
        (ShardImage("shard", "b.tar", 3, 4), "cannot be opened: No such file or directory"),
        (ShardImage("shard", "a.tar", 0, 2**30), "1024 MiB; the limit is 256 MiB"),
    ],
)
def test_what_cannot_be_read(tmp_path, image, reason):
    (tmp_path / "a.tar").write_bytes(b"0123456789")
    with pytest.raises(ImageError) as info:
        image.read(tmp_path)
    assert info.value.reason == reason
