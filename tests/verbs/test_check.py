"""The verb check."""

import numpy as np
import pytest
from PIL import Image

import foveal
from foveal.dataset.dataset import Dataset
from foveal.errors import DataError, UsageError


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
    with pytest.raises(DataError) as caught:
        foveal.check(tmp_path / "missing")
    assert str(caught.value) == (
        f"no such file or folder: {tmp_path / 'missing'}; give the folder that holds the images"
    )


def test_the_report_is_never_what_is_read(tmp_path):
    table = tmp_path / "data.csv"
    table.write_text("path,label\n")
    with pytest.raises(UsageError) as caught:
        foveal.check(table, report=table)
    assert str(caught.value) == (
        f"--report is the data itself, {table}, which is never altered; give another name"
    )
    assert table.read_text() == "path,label\n"


def test_a_report_is_written_and_progress_is_reported(root, tmp_path):
    calls = []
    foveal.check(root, report=tmp_path / "check.html", progress=lambda *call: calls.append(call))
    assert (tmp_path / "check.html").read_text("utf-8").startswith("<!doctype html>")
    assert calls[-1][:3] == ("scanning images", 2, 2)


def test_embeddings_find_labels_that_are_wrong(digits, digits_run):
    model = digits_run / "model.safetensors"
    paths = sorted(path.relative_to(digits).as_posix() for path in digits.rglob("*.png"))
    labels = [(path[0],) for path in paths]
    wrong = list(range(7, 300, 30))
    for row in wrong:
        labels[row] = (str((int(paths[row][0]) + 3) % 10),)
    dataset = Dataset(digits, (*paths, "none.png"), (*labels, ("1",)))
    kinds = {finding.kind for finding in foveal.check(dataset).findings}
    assert "label_errors" not in kinds
    calls = []
    result = foveal.check(dataset, model=model, progress=lambda *call: calls.append(call))
    (found,) = [one for one in result.findings if one.kind == "label_errors"]
    hits = {paths[row] for row in wrong} & set(found.files)
    assert len(hits) >= 8
    assert len(found.files) <= 12
    label = int(found.files[0][0])
    assert found.details[0].startswith(f"'{(label + 3) % 10}', looks like '{label}' (")
    assert ("computing embeddings", 301, 301) in [call[:3] for call in calls]


def test_embeddings_of_no_image(digits_run, tmp_path):
    (tmp_path / "empty").mkdir()
    result = foveal.check(tmp_path / "empty", model=digits_run / "model.safetensors")
    assert [finding.kind for finding in result.findings] == ["no_images"]
