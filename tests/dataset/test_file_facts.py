"""Hashes come from the index of packed shards, else from a scan; both say the same."""

import numpy as np

from foveal.dataset import file_facts
from foveal.dataset.file_facts import read_file_facts
from foveal.dataset.open import open_dataset
from foveal.dataset.shards.pack import pack_shards


def test_packed_shards_need_no_scan(images, tmp_path, monkeypatch):
    root = images("a/1.png a/2.png b/3.png")
    scanned = read_file_facts(open_dataset(root), np.arange(3))
    packed = open_dataset(pack_shards(open_dataset(root), tmp_path / "out").folder)
    monkeypatch.setattr(file_facts, "scan_images", None)
    found = read_file_facts(packed, np.array([2, 0]))
    assert found.rows.tolist() == [2, 0]
    by_path = dict(zip(open_dataset(root).paths, scanned.content_hashes.tolist(), strict=True))
    assert found.content_hashes.tolist() == [by_path[packed.paths[row]] for row in (2, 0)]
    assert found.unusable == ()


def test_what_a_scan_cannot_read(images):
    root = images("a/1.png b/3.png")
    (root / "a" / "2.png").write_bytes(b"")
    found = read_file_facts(open_dataset(root), np.arange(3))
    assert found.rows.tolist() == [0, 2]
    assert [item.path for item in found.unusable] == ["a/2.png"]
