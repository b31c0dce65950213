"""Finding images that cannot be read: a sample where it suffices, else every image."""

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.open import open_dataset
from foveal.doctor import readable
from foveal.doctor.readable import find_unreadable
from foveal.progress import silent


@pytest.fixture
def data(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(40):
            pixels = np.full((8, 8), number * 5 + ord(name) % 2, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    return tmp_path


def _scans(monkeypatch):
    scanned = []
    scan = readable.scan_images

    def counted(dataset, rows, **keys):
        scanned.append(len(rows))
        return scan(dataset, rows, **keys)

    monkeypatch.setattr(readable, "scan_images", counted)
    return scanned


def test_nothing_is_scanned_where_the_sample_can_be_read(data, monkeypatch):
    scanned = _scans(monkeypatch)
    dataset = open_dataset(data)
    assert find_unreadable(dataset, ("train",) * 80, silent) == []
    assert scanned == []


def test_one_that_cannot_be_read_has_all_of_train_and_val_scanned(data, monkeypatch):
    scanned = _scans(monkeypatch)
    for place in ("a/3.png", "b/7.png", "b/39.png"):
        (data / place).write_bytes(b"")
    dataset = open_dataset(data)
    splits = ("train",) * 70 + ("val",) * 9 + ("test",)
    found = [
        (row, file.path, file.reason) for row, file in find_unreadable(dataset, splits, silent)
    ]
    assert found == [(3, "a/3.png", "empty file"), (47, "b/7.png", "empty file")]
    assert scanned == [80]


def test_a_class_of_one_image_is_always_in_the_sample(data, monkeypatch):
    monkeypatch.setattr(readable, "MAX_SAMPLED_IMAGES", 2)
    (data / "aa").mkdir()
    (data / "aa" / "x.png").write_bytes(b"")
    dataset = open_dataset(data)
    ((row, file),) = find_unreadable(dataset, ("train",) * len(dataset), silent)
    assert (dataset.labels[row], file.path) == (("aa",), "aa/x.png")


def test_many_files_that_the_list_found_unusable_are_counted_with_all_others(data, monkeypatch):
    monkeypatch.setattr(readable, "MAX_SAMPLED_IMAGES", 2)
    (data / "a" / "9.png").write_bytes(b"")
    for number in range(2):
        (data / "a" / f"dead{number}.png").symlink_to("nowhere")
    dataset = open_dataset(data)
    assert [file.path for file in dataset.unusable] == ["a/dead0.png", "a/dead1.png"]
    ((_, file),) = find_unreadable(dataset, ("train",) * len(dataset), silent)
    assert file.path == "a/9.png"
