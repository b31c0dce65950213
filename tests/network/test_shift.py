"""Moving images and the relative change of maps, against slicing and plain numpy."""

import numpy as np
import pytest
import torch

from foveal.network.shift import relative_change, shift_images


def test_shifted_pixels_move_and_the_edge_is_repeated():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 6, 5, 1), dtype=np.uint8)
    moved = shift_images(pixels, 2, 1)
    assert moved.dtype == np.uint8
    assert np.array_equal(moved[:, 2:, 1:], pixels[:, :-2, :-1])
    assert np.array_equal(moved[:, 0, 1:], pixels[:, 0, :-1])
    assert np.array_equal(moved[:, 2:, 0], pixels[:, :-2, 0])


def test_an_array_and_a_tensor_move_alike():
    maps = np.random.default_rng(1).normal(size=(4, 6, 5))
    moved = shift_images(torch.from_numpy(maps), 1, 3)
    assert np.array_equal(moved.numpy(), shift_images(maps, 1, 3))
    assert np.array_equal(shift_images(maps, 0, 0), maps)


def test_change_is_the_distance_over_the_mean_norm():
    rng = np.random.default_rng(2)
    before, after = rng.normal(size=(5, 2, 3, 4)), rng.normal(size=(5, 2, 3, 4))
    flat = before.reshape(5, -1), after.reshape(5, -1)
    norms = [np.linalg.norm(rows, axis=1) for rows in flat]
    wanted = np.linalg.norm(flat[0] - flat[1], axis=1) / ((norms[0] + norms[1]) / 2)
    found = relative_change(torch.from_numpy(before), torch.from_numpy(after))
    assert found.numpy() == pytest.approx(wanted)
    swapped = relative_change(torch.from_numpy(after), torch.from_numpy(before))
    assert torch.equal(found, swapped)


def test_change_is_bounded_and_does_not_depend_on_scale():
    maps = torch.rand(4, 3, 3)
    assert relative_change(maps, maps).tolist() == [0, 0, 0, 0]
    assert relative_change(maps, torch.zeros_like(maps)) == pytest.approx([2.0] * 4)
    assert relative_change(maps, -maps) == pytest.approx([2.0] * 4)
    assert relative_change(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0, 0]
    other = torch.rand(4, 3, 3)
    assert torch.allclose(relative_change(maps, other), relative_change(1e3 * maps, 1e3 * other))
