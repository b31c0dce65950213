"""Tasks on a chunk of files."""

import io

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.scan.image_stats import compute_image_stats, content_hash
from foveal.dataset.workers.task import DecodeTask, ScanTask, run_task
from foveal.images.resize import to_input_pixels


@pytest.fixture
def files():
    contents = []
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        contents.append(out.getvalue())
    return [contents[0], b"", contents[1], contents[2]]


def test_a_scan_has_a_row_for_each_readable_file(files):
    result = run_task(ScanTask(True), files.__getitem__, 4)
    assert result.failures == ((1, "empty file"),)
    assert result.arrays["positions"].tolist() == [0, 2, 3]
    for index, position in enumerate((0, 2, 3)):
        stats = compute_image_stats(files[position], full=True)
        assert result.arrays["pixel_hashes"][index] == stats.pixel_hash
        assert np.array_equal(result.arrays["thumbnails"][index], stats.thumbnail)
    assert result.arrays["has_thumbnail"].all()


def test_decoding_gives_the_input_pixels(files):
    task = DecodeTask(16, 12, 3, "crop", (0, 0, 0))
    result = run_task(task, files.__getitem__, 4)
    assert result.failures == ((1, "empty file"),)
    assert result.arrays["pixels"].shape == (3, *task.shape)
    for index, position in enumerate((0, 2, 3)):
        pixels = to_input_pixels(files[position], task, task)
        assert np.array_equal(result.arrays["pixels"][index], pixels)
        assert result.arrays["content_hashes"][index] == content_hash(files[position])
        assert result.arrays["pixel_hashes"][index] == content_hash(pixels.data)


@pytest.mark.parametrize(
    "task",
    [ScanTask(False), ScanTask(False, keep_pixels=True), DecodeTask(8, 8, 1, "pad", (0, 0, 0))],
)
def test_no_files(task):
    result = run_task(task, [].__getitem__, 0)
    assert {len(array) for array in result.arrays.values()} == {0}
