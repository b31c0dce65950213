"""Batches of labelled images and the statistics of their channels."""

import numpy as np
import pytest
import torch

from foveal.training.tensors import LabelledImages, cache_on_device, channel_statistics

CPU = torch.device("cpu")


def _pixels(channels=3):
    return np.random.default_rng(0).integers(0, 256, (50, 6, 5, channels), dtype=np.uint8)


def test_a_batch_has_the_pixels_of_its_indices_channels_last():
    images = LabelledImages(_pixels(), np.arange(50) % 4)
    batch = images.batch(np.array([7, 3]), CPU)
    assert batch.shape == (2, 3, 6, 5)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(batch.permute(0, 2, 3, 1).numpy(), images.pixels[[7, 3]])


def test_a_batch_from_device_pixels_is_the_same():
    pixels = _pixels()
    images = LabelledImages(pixels, np.zeros(50, np.int64))
    cached = LabelledImages(pixels, images.labels, torch.from_numpy(pixels))
    indices = np.array([1, 49, 0])
    assert torch.equal(images.batch(indices, CPU), cached.batch(indices, CPU))


def test_single_labels_are_none_for_several_labels_an_image():
    assert LabelledImages(_pixels(), np.zeros((50, 2), np.int64)).single_labels() is None
    labels = np.arange(50)
    assert LabelledImages(_pixels(), labels).single_labels() is labels


def test_nothing_is_cached_on_a_cpu():
    images = LabelledImages(_pixels(), np.zeros(50, np.int64))
    assert cache_on_device(images, CPU) is images


@pytest.mark.parametrize("channels", [1, 3])
def test_channel_statistics_are_those_of_numpy(channels):
    pixels = _pixels(channels)
    mean, std = channel_statistics(pixels)
    assert mean == pytest.approx((pixels / 255).mean(axis=(0, 1, 2)), abs=1e-6)
    assert std == pytest.approx((pixels / 255).std(axis=(0, 1, 2)), abs=1e-6)


def test_a_constant_channel_has_the_smallest_deviation():
    assert channel_statistics(np.full((2, 3, 3, 1), 51, np.uint8)) == ((0.2,), (0.003922,))
