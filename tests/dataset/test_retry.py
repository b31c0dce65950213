"""A fault of the moment leaves an image out only for the moment."""

from __future__ import annotations

import threading
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest

from foveal import remote
from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.pixel_cache import build_pixel_cache
from foveal.dataset.retry import MAX_TRIED_IMAGES, readable_again
from foveal.dataset.scan.scan import scan_images
from foveal.dataset.types import UnusableFile
from foveal.errors import ImageError
from foveal.images.signatures import HEIC_REASON
from foveal.spec.preprocess import Input, Preprocess

SIZE, RULE = Input(height=16, width=16), Preprocess()


@pytest.fixture
def data(images, tmp_path, monkeypatch) -> Dataset:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    root = images("a/1.png a/2.png b/1.png")
    (root / "b" / "2.png").write_bytes(b"")
    return open_dataset(root)


@pytest.fixture
def failing(monkeypatch):
    real, reason = Dataset.read, ["cannot be opened: Too many open files"]

    def read(self, row):
        if reason and self.paths[row] == "a/2.png":
            raise ImageError(reason[0])
        return real(self, row)

    monkeypatch.setattr(Dataset, "read", read)
    return reason


def stored(data: Dataset) -> list[int]:
    return build_pixel_cache(data, np.arange(4), SIZE, RULE).rows.tolist()


def scanned(data: Dataset) -> list[int]:
    return scan_images(data, range(4)).rows.tolist()


@pytest.mark.parametrize("seen", [stored, scanned])
def test_what_can_be_read_again_is_there_again(data, failing, seen):
    assert seen(data) == [0, 2]
    assert seen(data) == [0, 2]
    failing.clear()
    assert seen(data) == [0, 1, 2]


@pytest.mark.parametrize("seen", [stored, scanned])
def test_what_is_still_unreadable_is_not_decoded_anew(data, failing, seen, monkeypatch):
    from foveal.dataset.workers import pool

    assert seen(data) == [0, 2]
    monkeypatch.setattr(pool, "run_task", None)
    assert seen(data) == [0, 2]


@pytest.mark.parametrize("seen", [stored, scanned])
def test_a_damaged_image_is_not_tried_again(data, failing, seen, monkeypatch):
    failing[0] = "truncated"
    assert seen(data) == [0, 2]
    monkeypatch.setattr(Dataset, "read", None)
    assert seen(data) == [0, 2]


def fails(error: Exception):
    def request() -> None:
        raise error

    return request


def never_answers() -> None:
    threading.Event().wait(60)


@pytest.mark.parametrize(
    "request_of_a_store",
    [
        fails(ConnectionResetError("reset")),
        fails(PermissionError("the token has expired")),
        fails(FileNotFoundError()),
        fails(HTTPError("http://h/a", 509, "Bandwidth Limit Exceeded", Message(), None)),
        fails(type("NoCredentialsError", (Exception,), {})()),
        never_answers,
    ],
)
def test_what_a_store_refused_for_a_time_is_there_again(
    data, failing, monkeypatch, request_of_a_store
):
    monkeypatch.setattr(remote, "FIRST_PAUSE_SECONDS", 0)
    with pytest.raises(ImageError) as info:
        remote.with_retries(request_of_a_store, 0.1 if request_of_a_store is never_answers else 10)
    failing[0] = info.value.reason
    assert stored(data) == [0, 2]
    failing.clear()
    assert stored(data) == [0, 1, 2]


def test_where_a_package_is_missing_few_images_are_tried(monkeypatch):
    paths = tuple(f"{number}.heic" for number in range(200))
    data = Dataset(Path("data"), paths, (("a",),) * 200)
    tried = []

    def read(self, row):
        tried.append(row)
        raise ImageError(HEIC_REASON)

    monkeypatch.setattr(Dataset, "read", read)
    assert not readable_again(data, [UnusableFile(path, HEIC_REASON) for path in paths])
    assert len(tried) == MAX_TRIED_IMAGES
    assert (tried[0], tried[-1]) == (0, 199)
