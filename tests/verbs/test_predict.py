"""The verb predict takes a file, a Model or a Predictor, and reports its progress."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveal.errors import ModelFileError
from foveal.model.model import load_model
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress
from foveal.verbs.predict import predict


class Recorder(Progress):
    def __init__(self) -> None:
        self.calls: list[tuple[str, float, float | None, str]] = []

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        self.calls.append((what, done, total, note))


def test_every_kind_of_model(digits_run: Path, digits: Path) -> None:
    path = digits_run / "model.safetensors"
    images = sorted((digits / "4").iterdir())
    expected = list(predict(str(path), images, top=2))
    assert [len(item.top) for item in expected] == [2] * len(images)
    assert [item.path for item in expected] == [str(image) for image in images]
    for model in (path, load_model(path), Predictor(path)):
        assert list(predict(model, images, top=2)) == expected


def test_progress(digits_run: Path, digits: Path) -> None:
    progress = Recorder()
    count = len(list(predict(digits_run / "model.safetensors", digits / "4", progress=progress)))
    assert [call[:3] for call in progress.calls] == [
        ("predicting", number, None) for number in range(1, count + 1)
    ]
    assert progress.calls[0][3].endswith(" images/s")


def test_the_model_is_opened_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        predict(tmp_path / "none.onnx", [])
    assert str(caught.value) == f"there is no model file {tmp_path / 'none.onnx'}; check the path"
