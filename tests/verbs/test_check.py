"""The verb check."""

import numpy as np
import pytest
from PIL import Image

import foveal
from foveal.dataset.dataset import Dataset
from foveal.errors import DataError


@pytest.fixture
def root(tmp_path):
    for seed, name in enumerate(("a/1.png", "b/1.png")):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True)
        values = np.random.default_rng(seed).integers(0, 256, (12, 10, 3)).astype(np.uint8)
        Image.fromarray(values).save(path)
    return tmp_path / "data"


def test_a_path_and_a_dataset_are_checked(root):
    result = foveal.check(root)
    assert (result.images, result.classes, result.trainable) == (2, {"a": 1, "b": 1}, True)
    relabelled = foveal.check(Dataset(root, ("a/1.png", "b/1.png"), (("x",), ("y",))))
    assert (relabelled.images, relabelled.classes) == (2, {"x": 1, "y": 1})


def test_an_empty_folder_is_a_finding_and_a_missing_one_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    result = foveal.check(tmp_path / "empty")
    assert [finding.kind for finding in result.findings] == ["no_images"]
    assert not result.trainable
    with pytest.raises(DataError, match=r"^no such file or folder: "):
        foveal.check(tmp_path / "missing")


def test_a_report_is_written_and_progress_is_reported(root, tmp_path):
    calls = []
    foveal.check(root, report=tmp_path / "check.html", progress=lambda *call: calls.append(call))
    assert (tmp_path / "check.html").read_text("utf-8").startswith("<!doctype html>")
    assert calls[-1][:3] == ("scanning images", 2, 2)
