"""Which shard each image lies in, and which data sets can be streamed."""

import numpy as np
import pytest

from foveal.dataset.open import open_dataset
from foveal.dataset.shards.pack import pack_shards
from foveal.dataset.shards.shard_table import can_stream, shard_table


@pytest.fixture(scope="module")
def shards(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("table") / "shards"
    return pack_shards(open_dataset(digits), folder, shard_bytes=2**16).folder


def test_what_can_be_streamed(shards, digits):
    assert can_stream(open_dataset(shards))
    assert not can_stream(open_dataset(digits))


def test_images_of_one_file_have_one_number_and_the_disk_needs_no_copies(shards):
    dataset = open_dataset(shards)
    table = shard_table(dataset, np.arange(len(dataset)))
    files = [member.file for member in dataset.archive_members]
    assert table.copies is None
    assert table.unit == "shard"
    assert table.count == len(set(files)) > 1
    assert len(set(zip(files, table.numbers.tolist(), strict=True))) == table.count
    some = shard_table(dataset, np.flatnonzero(table.numbers == 1))
    assert some.numbers.tolist() == [0] * int((table.numbers == 1).sum())
