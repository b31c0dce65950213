"""Shards are read as they are by the libraries of the formats: same images, labels, order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.shards.pack import pack_shards
from foveal.dataset.workers.task import decode_task, run_task
from foveal.spec.preprocess import Input, Preprocess

Sample = tuple[bytes, str, int]


@pytest.fixture(scope="module")
def packed(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("packed") / "shards"
    return open_dataset(pack_shards(open_dataset(digits), folder, shard_bytes=2**17).folder)


@pytest.fixture
def expected(packed: Dataset) -> list[Sample]:
    """The bytes, label and class number of every image, in the order of the shards."""
    return [
        (packed.read(row), packed.labels[row][0], packed.classes.index(packed.labels[row][0]))
        for row in range(len(packed))
    ]


def urls(packed: Dataset) -> list[str]:
    found = sorted(str(path) for path in packed.root.glob("*.tar"))
    assert len(found) > 3
    return found


# webdataset 1.0.2 leaves shards open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset(packed, expected):
    wds = pytest.importorskip("webdataset", reason="webdataset is not installed")
    samples = wds.WebDataset(urls(packed), shardshuffle=False, empty_check=False)
    found = [(one["png"], json.loads(one["json"])["label"], int(one["cls"])) for one in samples]
    assert found == expected
    (decoded, *_) = wds.WebDataset(urls(packed), shardshuffle=False).decode("l8")
    assert (decoded["json"]["label"], decoded["cls"]) == expected[0][1:]
    assert decoded["png"].shape == (8, 8)


def test_datasets(packed, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    for streaming in (False, True):
        found = datasets.load_dataset(
            "webdataset",
            data_files=urls(packed),
            split="train",
            streaming=streaming,
            cache_dir=str(tmp_path),
        ).cast_column("png", datasets.Image(decode=False))
        assert [
            (one["png"]["bytes"], one["json"]["label"], one["cls"]) for one in found
        ] == expected


def test_the_parquet_files_of_datasets(packed, expected, tmp_path, monkeypatch):
    """What `datasets` writes is read with its class names, images and order, group by group."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    columns = {
        "image": [{"bytes": content, "path": None} for content, _, _ in expected],
        "label": [number for _, _, number in expected],
    }
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(packed.classes))}
    )
    data = datasets.Dataset.from_dict(columns, features=features)
    path = tmp_path / "train-00000-of-00001.parquet"
    data.to_parquet(str(path), batch_size=64)
    found = open_dataset(path)
    assert found.classes == packed.classes
    read = [(found.read(row), found.labels[row][0]) for row in range(len(found))]
    assert read == [(content, label) for content, label, _ in expected]
    task = decode_task(Input(height=8, width=8, channels=1), Preprocess())
    pixels = [run_task(task, one.read, 300).arrays["pixels"] for one in (packed, found)]
    assert (pixels[0] == pixels[1]).all()
