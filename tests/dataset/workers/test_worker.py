"""The protocol of a worker process, without a process."""

import io

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.dataset.workers import worker
from foveal.dataset.workers.task import DecodeTask, ScanTask, run_task
from foveal.images.memory import NeedsMoreMemory, decoding_budget


@pytest.fixture(autouse=True)
def _own_budget(monkeypatch):
    """Running a worker here restricts the budget of this process."""
    monkeypatch.setattr(decoding_budget, "_limit", None)
    monkeypatch.setattr(decoding_budget, "_refuses", False)


@pytest.mark.parametrize(
    "task",
    [
        ScanTask(True),
        ScanTask(False, keep_pixels=True),
        ScanTask(False, (9, 9, 9), (0.0, 4095.0)),
        DecodeTask(8, 6, 3, "squash", (1, 2, 3)),
        DecodeTask(8, 6, 3, "squash", (1, 2, 3), (-1.0, 1.0)),
        DecodeTask(8, 6, 1, "crop", (0, 0, 0), None, 0.875, "bilinear", pixel_hashes=False),
    ],
)
def test_a_result_survives_the_pipe(tmp_path, task):
    pixels = np.random.default_rng(0).integers(0, 256, (10, 12, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "1.png")
    member = ArchiveMember("tar", 0, 4, 4)
    requests = io.BytesIO(
        worker.encode_task(task, tmp_path, 2**30)
        + worker.encode_files(["1.png", "missing.png"])
        + worker.encode_files([member])
    )
    results = io.BytesIO()
    worker.run_worker(requests, results)
    results.seek(0)
    first, second = worker.read_result(results), worker.read_result(results)
    expected = run_task(task, lambda _: (tmp_path / "1.png").read_bytes(), 1)
    assert first.failures == ((1, "cannot be opened: No such file or directory"),)
    for name, array in expected.arrays.items():
        assert first.arrays[name].dtype == array.dtype
        assert np.array_equal(first.arrays[name], array), name
    assert second.failures == ((0, "cannot be opened: Is a directory"),)


@pytest.mark.parametrize("content", [b"", b'{"arrays": []', b'{"arrays": [["a", "<i8", [2]]]}\n1'])
def test_an_ended_process_is_an_eof_error(content):
    with pytest.raises(EOFError):
        worker.read_result(io.BytesIO(content))


def test_a_chunk_with_an_image_above_the_share_of_memory_is_handed_back(tmp_path):
    Image.new("RGB", (3000, 3000)).save(tmp_path / "large.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "small.png")
    requests = io.BytesIO(
        worker.encode_task(DecodeTask(8, 8, 3, "squash", (0, 0, 0)), tmp_path, 2**20)
        + worker.encode_files(["small.png", "large.png"])
        + worker.encode_files(["small.png"])
    )
    results = io.BytesIO()
    worker.run_worker(requests, results)
    results.seek(0)
    with pytest.raises(NeedsMoreMemory):
        worker.read_result(results)
    assert worker.read_result(results).arrays["pixels"].shape == (1, 8, 8, 3)
