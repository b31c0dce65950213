"""Predictions in a folder equal those of `predict`, whoever wrote which part."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import dataset

from foveal.errors import UsageError
from foveal.prediction import torch_backend
from foveal.prediction.prediction import Prediction
from foveal.prediction.torch_backend import TorchBackend
from foveal.verbs import predict_folder as module
from foveal.verbs.predict import predict
from foveal.verbs.predict_folder import predict_folder


@pytest.fixture(scope="module")
def model(digits_run: Path) -> Path:
    return digits_run / "model.safetensors"


@pytest.fixture
def images(digits: Path, tmp_path: Path) -> list[str]:
    """200 images, of which three cannot be read."""
    paths = [str(path) for path in sorted(digits.rglob("*.png"))[:197]]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    return [*paths[:70], str(broken), "gone.png", *paths[70:], str(broken)]


def expected(model: Path, images: list[str]) -> list[dict]:
    return [prediction.to_data() for prediction in predict(model, images)]


def rows(folder: Path) -> list[dict]:
    files = sorted(folder.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_the_same_bits_as_predict(model: Path, images: list[str], tmp_path: Path) -> None:
    result = predict_folder(model, images, tmp_path / "out", form="jsonl", chunk_images=64)
    assert (result.images, result.written, result.unreadable) == (200, 200, 3)
    assert result.missing_chunks == 0
    assert rows(tmp_path / "out") == expected(model, images)


def test_a_later_chunk_is_computed_as_in_one_long_run(
    model: Path, images: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_backend, "MIN_FAST_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(torch_backend, "MIN_FAST_IMAGES", 100)

    def make_fast(backend: TorchBackend):
        return lambda pixels: backend.logits(pixels) + np.arange(10, dtype=np.float32)

    monkeypatch.setattr(TorchBackend, "_fast_logits", make_fast)
    predict_folder(model, images, tmp_path / "out", form="jsonl", chunk_images=64)
    assert rows(tmp_path / "out") == expected(model, images)


def test_parquet_in_input_order(model: Path, images: list[str], tmp_path: Path) -> None:
    predict_folder(model, images, tmp_path / "out", chunk_images=64)
    files = sorted(map(str, (tmp_path / "out").glob("*.parquet")))
    found = dataset.dataset(files).to_table().to_pylist()
    assert found == [{"labels": None} | row for row in expected(model, images)]


def test_parts_in_any_order(model: Path, images: list[str], tmp_path: Path) -> None:
    def write(part: int):
        return predict_folder(
            model, images, tmp_path / "out", form="jsonl", part=(part, 3), chunk_images=64
        )

    results = [write(part) for part in (3, 1, 2)]
    assert [result.written for result in results] == [64, 72, 64]
    assert [result.missing_chunks for result in results] == [3, 1, 0]
    assert rows(tmp_path / "out") == expected(model, images)


def test_an_interrupted_run_goes_on(
    model: Path, images: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = module.encode_predictions, []

    def encode(predictions: list[Prediction], form):
        seen.extend(predictions)
        if len(seen) > 128:
            raise KeyboardInterrupt
        return real(predictions, form)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "encode_predictions", encode)
        predict_folder(model, images, tmp_path / "out", form="jsonl", chunk_images=64)
    result = predict_folder(model, images, tmp_path / "out", form="jsonl", chunk_images=64)
    assert (result.images, result.written) == (200, 72)
    assert rows(tmp_path / "out") == expected(model, images)


@pytest.mark.parametrize("part", [(0, 2), (3, 2), (1, 0), (-1, -1)])
def test_parts_that_are_none(model: Path, tmp_path: Path, part: tuple[int, int]) -> None:
    with pytest.raises(UsageError) as info:
        predict_folder(model, "a.jpg", tmp_path / "out", part=part)
    assert str(info.value) == (
        f"--part is {part[0]}/{part[1]}; give i/n with i from 1 to n, as 2/8"
    )
    assert not (tmp_path / "out").exists()


def test_an_engine_that_is_none(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as info:
        predict_folder(model, ["a.png"], tmp_path / "out", engine="spark")
    assert str(info.value) == "--engine is 'spark'; give local or ray"
    assert not (tmp_path / "out").exists()
