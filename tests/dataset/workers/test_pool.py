from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.workers import pool
from foveal.dataset.workers.task import ChunkResult, DecodeTask, ScanTask
from foveal.images.memory import decoding_budget
from foveal.processor import available_cores

TASKS = [
    ScanTask(False),
    ScanTask(True),
    DecodeTask(16, 12, 3, "crop", (0, 0, 0)),
    DecodeTask(40, 40, 1, "pad", (9, 8, 7)),
    ScanTask(False, keep_pixels=True),
]


def run_chunks(data: Dataset, task: ScanTask | DecodeTask) -> list[tuple[list[int], ChunkResult]]:
    rows = list(range(len(data)))[::-1]
    return [(list(some), found) for some, found in pool.map_chunks(data, task, rows, 7)]


def assert_same(
    here: list[tuple[list[int], ChunkResult]], there: list[tuple[list[int], ChunkResult]]
):
    assert [rows for rows, _ in here] == [rows for rows, _ in there]
    for (_, one), (_, other) in zip(here, there, strict=True):
        assert one.failures == other.failures
        assert list(one.arrays) == list(other.arrays)
        for name, array in one.arrays.items():
            assert array.dtype == other.arrays[name].dtype
            assert np.array_equal(array, other.arrays[name]), name


@pytest.fixture
def data(images) -> Dataset:
    root = images(" ".join(f"{c}/{n}.png" for c in "ab" for n in range(20)))
    (root / "a" / "5.png").write_bytes(b"")
    (root / "a" / "\u00e9 \n.png").write_bytes((root / "a" / "1.png").read_bytes())
    (root / "b" / os.fsdecode(b"\xff.png")).write_bytes((root / "a" / "2.png").read_bytes())
    return open_dataset(root)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[pool.Process]:
    """Processes from the first row on; all that were started."""
    monkeypatch.setattr(pool, "MIN_ROWS_FOR_PROCESSES", 0)
    processes: list[pool.Process] = []
    real = pool._start_workers

    def seen(*given):
        found = real(*given)
        processes.extend(found)
        return found

    monkeypatch.setattr(pool, "_start_workers", seen)
    return processes


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_processes_give_what_threads_give(data, task, started, monkeypatch):
    there = run_chunks(data, task)
    assert len(started) == available_cores()
    monkeypatch.setattr(pool, "MIN_ROWS_FOR_PROCESSES", 10**9)
    assert_same(run_chunks(data, task), there)
    assert len(started) == available_cores()


def test_members_of_an_archive_are_read_by_processes_too(data, started, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in data.paths[:9]:
            archive.write(data.root / path, path)
    inside = open_dataset(tmp_path / "all.zip")
    ((_, first), *_) = run_chunks(inside, TASKS[2])
    assert first.arrays["pixels"].shape == (6, 16, 12, 3)  # of seven, a/5.png is empty
    assert [position for position, _ in first.failures] == [3]
    assert started


def test_processes_are_asked_and_are_gone_afterwards(data, started, monkeypatch):
    monkeypatch.setattr(pool, "run_task", None)  # so nothing is done here
    run_chunks(data, TASKS[0])
    assert_ended(started)


def assert_ended(processes: list[pool.Process]) -> None:
    assert processes
    assert all(one.returncode is not None for one in processes)  # the system has no entry of it


def test_they_are_gone_when_nobody_wants_the_rest(data, started):
    parts = pool.map_chunks(data, TASKS[0], range(len(data)), 3)
    next(parts)
    parts.close()
    assert_ended(started)


def test_one_that_is_killed_or_cannot_start_is_done_without(data, started, monkeypatch, tmp_path):
    wanted = run_chunks(data, TASKS[2])
    parts = pool.map_chunks(data, TASKS[2], list(range(len(data)))[::-1], 7)
    found = [next(parts)]
    started[-1].kill()
    found += list(parts)
    assert_same(wanted, [(list(rows), one) for rows, one in found])
    for program in ("/bin/false", str(tmp_path / "missing")):
        monkeypatch.setattr(pool.sys, "executable", program)
        assert_same(wanted, run_chunks(data, TASKS[2]))


def test_no_rows(data, started):
    assert run_chunks(data.subset([]), TASKS[0]) == []


def test_images_too_large_for_a_worker_are_decoded_by_this_process(started, images, monkeypatch):
    root = images(" ".join(f"a/{n}.png" for n in range(9)))
    Image.new("RGB", (3000, 3000), (9, 8, 7)).save(root / "a" / "4.png")
    data = open_dataset(root)
    monkeypatch.setattr(decoding_budget, "_limit", 2**20)
    there = run_chunks(data, TASKS[2])
    assert started
    monkeypatch.setattr(pool, "MIN_ROWS_FOR_PROCESSES", 4096)
    assert_same(run_chunks(data, TASKS[2]), there)
    assert not any(found.failures for _, found in there)
