"""Exact duplicates and groups of pairs."""

import numpy as np
from PIL import Image

from foveal.dataset.open import open_dataset
from foveal.dataset.scan.duplicates import connected_components, connected_groups, find_duplicates
from foveal.dataset.scan.scan import scan_images


def test_exact_pairs_do_not_depend_on_the_format(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)
    (tmp_path / "a").mkdir()
    grey = Image.fromarray(noise)
    grey.save(tmp_path / "a" / "1.png")
    grey.convert("RGB").save(tmp_path / "a" / "2.bmp")
    grey.save(tmp_path / "a" / "3.tif")
    grey.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a" / "4.png")
    duplicates = find_duplicates(scan_images(open_dataset(tmp_path), range(4)))
    assert {tuple(pair) for pair in duplicates.exact.tolist()} == {(0, 1), (1, 2)}
    assert duplicates.near.shape == (0, 2)


def test_components_chain_pairs_of_all_arrays():
    first, second = np.array([(5, 3), (1, 2)]), np.array([(3, 0), (4, 4)])
    assert connected_components(6, first, second).tolist() == [0, 1, 1, 0, 4, 0]
    assert connected_components(2).tolist() == [0, 1]


def test_groups_hold_the_rows_that_have_a_pair():
    pairs = np.array([(5, 3), (1, 2), (3, 0)])
    assert connected_groups(7, pairs) == [[0, 3, 5], [1, 2]]
    assert connected_groups(7, np.empty((0, 2), np.int64)) == []
