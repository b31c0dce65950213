"""The wrong validation images of a run."""

import json
from pathlib import Path

import pytest

from foveal.rundir import RunData, RunImage, read_run_data, write_run_data
from foveal.studio.runs.snapshot import newest_snapshot
from foveal.studio.runs.val_errors import wrong_images

NOTHING = {"epoch": None, "finished": False, "images": 0, "wrong": 0, "errors": []}


def test_rows_become_images_and_classes(tmp_path):
    val = (RunImage("/x/1.png", ("a",), 1), RunImage("2.png", ("b",), 2))
    write_run_data(tmp_path, RunData(Path("/root"), ("a", "b"), val=val))
    assert wrong_images(tmp_path, {}.get) == NOTHING
    rows = [
        {"row": 1, "predicted": [0], "probability": 0.9},
        {"row": 0, "predicted": [1], "probability": 0.8},
        {"row": 7, "predicted": [1], "probability": 0.8},
    ]
    found = {"epoch": 3, "images": 2, "wrong": 2, "errors": rows}
    (tmp_path / "val_errors.json").write_text(json.dumps(found))
    seen = wrong_images(tmp_path, {"/x/1.png": 11, "/root/2.png": 12}.get)
    assert (seen["epoch"], seen["wrong"]) == (3, 2)
    assert seen["errors"] == [
        {"image": 12, "name": "2.png", "labels": ["b"], "predicted": ["a"], "probability": 0.9},
        {"image": 11, "name": "1.png", "labels": ["a"], "predicted": ["b"], "probability": 0.8},
    ]


def test_a_real_run_names_images_of_val(finished):
    seen = wrong_images(finished, {}.get)
    names = {Path(image.path).name for image in read_run_data(finished).val}
    assert seen["finished"]
    assert seen["epoch"] in (1, 2)
    assert seen["images"] == len(names)
    assert {error["name"] for error in seen["errors"]} <= names
    assert all(error["labels"] != error["predicted"] for error in seen["errors"])


def test_what_is_wrong_agrees_with_the_accuracy_of_the_finished_model(finished):
    seen = wrong_images(finished, {}.get)
    final = newest_snapshot(finished).position["final_scores"]
    assert final["epoch"] == seen["epoch"]
    right = seen["images"] - seen["wrong"]
    assert final["val_accuracy"] == pytest.approx(right / seen["images"])


def test_before_the_first_validation_there_is_nothing(tmp_path):
    assert wrong_images(tmp_path, {}.get) == NOTHING


@pytest.mark.parametrize(
    "found",
    [
        [],
        {},
        {"epoch": 3, "images": 2, "wrong": 2, "errors": [{"row": -1}]},
        {"epoch": 3, "images": 2, "wrong": 2, "errors": [7]},
        {"epoch": 3, "images": 2, "wrong": float("nan"), "errors": []},
    ],
)
def test_a_file_that_no_run_has_written_is_none(tmp_path, found):
    write_run_data(tmp_path, RunData(Path("/root"), ("a", "b")))
    (tmp_path / "val_errors.json").write_text(json.dumps(found))
    assert wrong_images(tmp_path, {}.get) == NOTHING


def test_rows_of_classes_that_are_none_are_left_out(tmp_path):
    val = (RunImage("1.png", ("a",), 1),)
    write_run_data(tmp_path, RunData(Path("/root"), ("a", "b"), val=val))
    rows = [{"row": 0, "predicted": [index], "probability": 0.9} for index in (2, 1)]
    found = {"epoch": 3, "images": 2, "wrong": 2, "errors": rows}
    (tmp_path / "val_errors.json").write_text(json.dumps(found))
    assert [row["predicted"] for row in wrong_images(tmp_path, {}.get)["errors"]] == [["b"]]
